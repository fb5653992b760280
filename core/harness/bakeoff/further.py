"""What a run asks beyond its tasks: a second trial of lost golden tasks, and calls for latency."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from core.harness.gate.criteria import P95_LATENCY, Verdict
from core.harness.gate.golden import confirm
from core.harness.gate.judge import solved_in_time
from core.harness.gate.statistics import LEAST_CONFIDENCE
from core.harness.gate.statistics.repeated import calls_for_power

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.harness.bakeoff.preparation import PreparedRun
    from core.harness.gate.judge import GateResult
    from core.patchloop.trial import Trial


def latency_limit(prepared: PreparedRun, gate: GateResult) -> int:
    """How many first calls the candidate may have in all, so that its latency can be judged.

    Without a number of the user's own as many as prove a server of which 1 % of the calls are slow
    in 95 of 100 cases, provided that latency is all that a pass still lacks. A shard cannot know
    that, and makes its share of them. 0 once it is judged.
    """
    scope = prepared.scope
    wished, confidence = scope.plan.latency_calls, scope.settings.reflex.thresholds.confidence
    states = {one.name: one.state for one in gate.criteria}
    if states[P95_LATENCY] is not Verdict.INCONCLUSIVE:
        return 0
    if wished is not None:
        return wished
    if scope.plan.aa or confidence < LEAST_CONFIDENCE:
        return 0
    enough = calls_for_power(1 / (1 - confidence))
    if scope.plan.shard:
        return math.ceil(enough / scope.plan.shard[1])
    others = [state for name, state in states.items() if name != P95_LATENCY]
    if any(state is not Verdict.PASS for state in others):
        return 0
    return enough


def unconfirmed(golden: Sequence[str], trials: Sequence[Trial], prepared: PreparedRun) -> list[str]:
    """The golden tasks that reflex lost to the cloud in the only trial so far."""
    candidate, baseline = prepared.arms
    limit_ms = float(prepared.candidate.backend.timeout_ms)
    solved = {
        arm: {
            (one.task, one.trial): solved_in_time(one, limit_ms if arm == candidate else None)
            for one in trials
            if one.arm == arm
        }
        for arm in (candidate, baseline)
    }
    return confirm(golden, solved[candidate], solved[baseline])
