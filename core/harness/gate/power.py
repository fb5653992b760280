"""What a model as good as the cloud would get: how much a suite and a cloud can show at all."""

from __future__ import annotations

from functools import lru_cache
from random import Random
from typing import TYPE_CHECKING

from core.harness.gate.looks import GatePlan, look_outcome, looks_of
from core.harness.gate.statistics import PairedTable

if TYPE_CHECKING:
    from core.harness.gate.criteria import GateThresholds

_ROUNDS = 1000
_OUTCOMES = ((True, True), (True, False), (False, True), (False, False))
# As above so many tasks a model as good as the cloud passes, it is not worth the time.
_MOST_TASKS = 400


@lru_cache(maxsize=32)
def power_of_an_equal(tasks: int, cloud_share: float, thresholds: GateThresholds) -> float:
    """The chance (0 to 1) that success parity clears in a planned run of an equal model.

    ``cloud_share`` is the share of tasks that the cloud solves; both models are taken to solve the
    same tasks half as often as they can. Simulated with a fixed seed,
    right to some 3 points of 100.
    """
    tasks = min(tasks, _MOST_TASKS)
    random = Random(1)  # noqa: S311  a simulation
    least = max(0.0, 2 * cloud_share - 1)
    both = (least + cloud_share) / 2
    alone = cloud_share - both
    weights = (both, alone, alone, max(0.0, 1 - both - 2 * alone))
    plan = GatePlan(tuple(map(str, range(tasks))), looks_of(thresholds.confidence, tasks))
    # Single trials: what a look comes to depends on the counts alone, and few different ones occur.
    found: dict[PairedTable, str] = {}
    passed = 0
    for _ in range(_ROUNDS):
        run = random.choices(_OUTCOMES, weights, k=tasks)
        for seen in plan.looks:
            a, b, c, d = map(run[:seen].count, _OUTCOMES)
            table = PairedTable(a, b, c, d, tasks=seen, design_effect=1.0)
            if table not in found:
                found[table] = look_outcome(table, thresholds, plan)
            if found[table] != "open":
                passed += found[table] == "pass"
                break
    return passed / _ROUNDS
