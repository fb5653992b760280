"""Simulated users who run bakeoffs once, again and again, or bit by bit; judged as by the product.

Each world has a true ratio and nuisance values: how many tasks the cloud solves, how far both arms
solve the same ones, and how far a run repeats the run before. A model at temperature 0 repeats
itself entirely, so that a lucky choice of tasks stays lucky for ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from core.harness.gate.criteria import GateThresholds
from core.harness.gate.looks import GatePlan, look_outcome, looks_of
from core.harness.gate.statistics import PairedTable
from core.harness.gate.statistics.repeated import (
    betting_evidence,
    evidence_needed,
    rerun_weight,
)
from tests.support.gate.tables import cells

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

Pair = tuple[bool, bool]
OUTCOMES: tuple[Pair, ...] = ((True, True), (True, False), (False, True), (False, False))
LIMITS = GateThresholds(
    p95_latency_ms=2000,
    success_parity_percent=85,
    json_schema_compliance_percent=100,
    confidence=0.95,
)
RATIO = LIMITS.success_parity_percent / 100


@dataclass(frozen=True, slots=True)
class World:
    """What is true; ``repeats`` is the share of tasks whose outcome is the same in every run.

    With ``reused`` all runs take the cloud's results from one report.
    """

    cloud: float
    overlap: float = 0.5
    repeats: float = 0.0
    ratio: float = RATIO
    tasks: int = 68
    reused: bool = False

    def suite(self, random: Random) -> list[Pair | None]:
        """A random choice of tasks: the outcome of those that always end alike, else None."""
        return [
            self.outcome(random) if random.random() < self.repeats else None
            for _ in range(self.tasks)
        ]

    def outcome(self, random: Random) -> Pair:
        """One trial of both arms at one task."""
        return random.choices(OUTCOMES, cells(self.cloud, self.overlap, self.ratio))[0]

    def run(
        self, suite: Sequence[Pair | None], random: Random, clouds: Sequence[bool] | None = None
    ) -> list[list[Pair]]:
        """One run over the suite in random order; ``clouds`` are the cloud's results if reused."""
        tasks = list(range(self.tasks))
        random.shuffle(tasks)
        return [[self._trial(suite[n], random, clouds[n] if clouds else None)] for n in tasks]

    def _trial(self, fixed: Pair | None, random: Random, cloud: bool | None) -> Pair:  # noqa: FBT001
        if fixed is not None:
            return fixed
        pair = self.outcome(random)
        while cloud is not None and pair[1] != cloud:
            pair = self.outcome(random)
        return pair


class Played(NamedTuple):
    """How a run ended: whether it passed, after how many tasks of both arms."""

    passed: bool
    tasks: int


def plan_of(tasks: int, *, rerun: int = 0, looks: tuple[int, ...] | None = None) -> GatePlan:
    """The plan of a run over so many tasks."""
    order = tuple(map(str, range(tasks)))
    return GatePlan(order, looks or looks_of(LIMITS.confidence, tasks), run=rerun + 1, rerun=rerun)


def planned_run(run: Sequence[Sequence[Pair]], looks: tuple[int, ...] | None = None) -> Played:
    """A planned run, which ends at the first look that decides."""
    plan = plan_of(len(run), looks=looks)
    for seen in plan.looks:
        outcome = look_outcome(PairedTable.of(run[:seen]), LIMITS, plan)
        if outcome != "open":
            return Played(outcome == "pass", seen)
    return Played(passed=False, tasks=len(run))


def evidence_of(run: Sequence[Sequence[Pair]], rerun: int) -> tuple[float, bool]:
    """A rerun's own evidence, and whether it could pass: it ran to its end, its point clears."""
    plan = plan_of(len(run), rerun=rerun)
    tables = [(seen, PairedTable.of(run[:seen])) for seen in plan.looks]
    ended = next(
        (seen for seen, table in tables if look_outcome(table, LIMITS, plan) == "futile"), len(run)
    )
    means = [(float(task[0][0]), float(task[0][1])) for task in run[:ended]]
    whole = tables[-1][1]
    cloud = whole.a + whole.c
    fair = 2 * cloud >= whole.pairs and whole.a + whole.b >= RATIO * cloud
    return betting_evidence(means, RATIO), fair and ended == len(run)


def campaign(world: World, reruns: int, random: Random) -> bool:
    """Whether a planned run, and then up to so many reruns of the same suite, ever pass."""
    suite = world.suite(random)
    clouds = [world.outcome(random)[1] for _ in suite] if world.reused else None
    if planned_run(world.run(suite, random, clouds)).passed:
        return True
    evidence = 0.0
    for rerun in range(1, reruns + 1):
        own, may_pass = evidence_of(world.run(suite, random, clouds), rerun)
        evidence += rerun_weight(rerun) * own
        if may_pass and evidence >= evidence_needed(LIMITS.confidence):
            return True
    return False


def aborting_campaign(world: World, starts: int, random: Random) -> bool:
    """Whether somebody who breaks off each run that begins badly, and starts anew, ever passes.

    A run that was broken off counts as a run, and leaves no evidence.
    """
    suite, evidence = world.suite(random), 0.0
    for start in range(starts):
        run = world.run(suite, random)
        early = PairedTable.of(run[: world.tasks // 4])
        if start + 1 < starts and (early.ratio or 0.0) < 1:
            continue
        if not start and planned_run(run).passed:
            return True
        if start:
            own, may_pass = evidence_of(run, start)
            evidence += rerun_weight(start) * own
            if may_pass and evidence >= evidence_needed(LIMITS.confidence):
                return True
    return False


def naive_campaign(world: World, runs: int, random: Random) -> bool:
    """The control: whether any of so many runs passes when each is judged as if it were first."""
    suite = world.suite(random)
    return any(planned_run(world.run(suite, random)).passed for _ in range(runs))
