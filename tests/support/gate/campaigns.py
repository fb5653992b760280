"""Simulated users who run bakeoffs once, again and again, or bit by bit; judged as by the product.

Each world has a true ratio and nuisance values: how many tasks the cloud solves, how far both arms
solve the same ones, and how far a run repeats the run before. A model at temperature 0 repeats
itself entirely, so that a lucky choice of tasks stays lucky for ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from core.harness.gate.criteria import GateThresholds, Verdict
from core.harness.gate.looks import GatePlan, judge_parity, look_outcome, looks_of
from core.harness.gate.statistics import PairedTable
from core.harness.gate.statistics.repeated import (
    against_needed,
    betting_evidence,
    evidence_against,
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
    """What is true; ``repeats`` is the share of tasks whose outcome is the same in every trial.

    That holds for the ``trials`` of one run and for all runs. With ``reused`` all runs take the
    cloud's results from one report.
    """

    cloud: float
    overlap: float = 0.5
    repeats: float = 0.0
    ratio: float = RATIO
    tasks: int = 68
    trials: int = 1
    reused: bool = False

    def suite(self, random: Random) -> list[Pair | None]:
        """A random choice of tasks: the outcome of those that always end alike, else None."""
        drawn = self.outcomes(random, self.tasks)
        return [pair if random.random() < self.repeats else None for pair in drawn]

    def outcomes(self, random: Random, number: int, *, cloud: bool | None = None) -> list[Pair]:
        """So many trials of both arms; ``cloud`` is the cloud's result where that is known."""
        weights: tuple[float, ...] = cells(self.cloud, self.overlap, self.ratio)
        if cloud is not None:
            known = (pair[1] == cloud for pair in OUTCOMES)
            weights = tuple(w if fits else 0.0 for w, fits in zip(weights, known, strict=True))
        return random.choices(OUTCOMES, weights, k=number) if number else []

    def run(
        self, suite: Sequence[Pair | None], random: Random, clouds: Sequence[bool] | None = None
    ) -> list[list[Pair]]:
        """One run over the suite in random order; ``clouds`` are the cloud's results if reused."""
        if clouds:
            drawn = [self.outcomes(random, 1, cloud=one)[0] for one in clouds]
        else:
            drawn = self.outcomes(random, self.tasks * self.trials)
        run = [
            drawn[task * self.trials : (task + 1) * self.trials]
            if fixed is None
            else [fixed] * self.trials
            for task, fixed in enumerate(suite)
        ]
        random.shuffle(run)
        return run


class Played(NamedTuple):
    """How a run ended: whether it passed, after how many tasks of both arms."""

    passed: bool
    tasks: int


@cache
def plan_of(tasks: int, *, rerun: int = 0, looks: tuple[int, ...] | None = None) -> GatePlan:
    """The plan of a run over so many tasks."""
    order = tuple(map(str, range(tasks)))
    return GatePlan(order, looks or looks_of(LIMITS.confidence, tasks), run=rerun + 1, rerun=rerun)


def table_of(run: Sequence[Sequence[Pair]]) -> PairedTable:
    """As the product counts it; single trials without the way round by their clusters."""
    if any(len(task) > 1 for task in run):
        return PairedTable.of(run)
    pairs = [task[0] for task in run]
    a, b, c, d = map(pairs.count, OUTCOMES)
    return PairedTable(a, b, c, d, tasks=len(run), design_effect=1.0)


@cache
def outcome_of(table: PairedTable, tasks: int, looks: tuple[int, ...], *, rerun: bool) -> str:
    """What a look comes to, which few different tables decide."""
    return look_outcome(table, LIMITS, plan_of(tasks, rerun=int(rerun), looks=looks))


def planned_run(run: Sequence[Sequence[Pair]], looks: tuple[int, ...] | None = None) -> Played:
    """A planned run, which ends at the first look that decides."""
    plan = plan_of(len(run), looks=looks)
    for seen in plan.looks:
        outcome = outcome_of(table_of(run[:seen]), len(run), plan.looks, rerun=False)
        if outcome != "open":
            return Played(outcome == "pass", seen)
    return Played(passed=False, tasks=len(run))


def evidence_of(run: Sequence[Sequence[Pair]]) -> tuple[float, bool]:
    """A rerun's own evidence, and whether it could pass: it ran to its end, its point clears."""
    plan = plan_of(len(run), rerun=1)
    ended = len(run)
    for seen in plan.looks:
        if outcome_of(table_of(run[:seen]), len(run), plan.looks, rerun=True) == "futile":
            ended = seen
            break
    means = [
        (sum(own for own, _ in task) / len(task), sum(other for _, other in task) / len(task))
        for task in run[:ended]
    ]
    whole = table_of(run)
    cloud = whole.a + whole.c
    fair = 2 * cloud >= whole.pairs and whole.a + whole.b >= RATIO * cloud
    return betting_evidence(means, RATIO), fair and ended == len(run)


def campaign(world: World, reruns: int, random: Random) -> bool:
    """Whether a planned run, and then up to so many reruns of the same suite, ever pass."""
    suite = world.suite(random)
    clouds = [pair[1] for pair in world.outcomes(random, world.tasks)] if world.reused else None
    if planned_run(world.run(suite, random, clouds)).passed:
        return True
    evidence = 0.0
    for rerun in range(1, reruns + 1):
        own, may_pass = evidence_of(world.run(suite, random, clouds))
        evidence += rerun_weight(rerun) * own
        if may_pass and evidence >= evidence_needed(LIMITS.confidence):
            return True
    return False


def said_to_be_below(world: World, runs: int, random: Random) -> bool:
    """Whether the bets against reflex of so many whole runs ever win together."""
    suite, against = world.suite(random), 0.0
    for number in range(1, runs + 1):
        means = [(float(task[0][0]), float(task[0][1])) for task in world.run(suite, random)]
        against += rerun_weight(number) * evidence_against(means, RATIO)
        if against >= against_needed(LIMITS.confidence):
            return True
    return False


def stopped_and_resumed(world: World, stops: int, random: Random) -> bool:
    """Whether a planned run is ever judged a pass that is stopped so often, and each time resumed.

    Each time the product judges what there is by then, as it does for a partial report.
    """
    run, plan = world.run(world.suite(random), random), plan_of(world.tasks)
    pairs = dict(zip(plan.order, run, strict=True))
    for seen in sorted({*random.sample(range(1, world.tasks), stops), world.tasks}):
        there = {task: pairs[task] for task in plan.order[:seen]}
        if judge_parity(there, LIMITS, plan).criterion.state is Verdict.PASS:
            return True
    return False


def aborting_campaign(world: World, starts: int, random: Random) -> bool:
    """Whether somebody who breaks off each run that begins badly, and starts anew, ever passes.

    A run that was broken off counts as a run, and leaves no evidence.
    """
    suite, evidence = world.suite(random), 0.0
    for start in range(starts):
        run = world.run(suite, random)
        early = table_of(run[: world.tasks // 4])
        if start + 1 < starts and (early.ratio or 0.0) < 1:
            continue
        if not start and planned_run(run).passed:
            return True
        if start:
            own, may_pass = evidence_of(run)
            evidence += rerun_weight(start) * own
            if may_pass and evidence >= evidence_needed(LIMITS.confidence):
                return True
    return False


def naive_campaign(world: World, runs: int, random: Random) -> bool:
    """The control: whether any of so many runs passes when each is judged as if it were first."""
    suite = world.suite(random)
    return any(planned_run(world.run(suite, random)).passed for _ in range(runs))
