"""The verdict over a bakeoff's trials: what enables a local model, and what is still needed."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Any

from core.errors import ReportError
from core.figures import duration, percent
from core.harness.gate.criteria import (
    GOLDEN,
    Criterion,
    GateThresholds,
    Verdict,
    judge_compliance,
    judge_latency,
)
from core.harness.gate.golden import judge_golden
from core.harness.gate.looks import AGAINST, GatePlan, Look, judge_parity, parity_clears
from core.harness.gate.statistics import PairedTable
from core.harness.gate.statistics.repeated import against_needed, evidence_needed
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from core.patchloop.trial import Trial

__all__ = [
    "Criterion",
    "FalseAlarms",
    "GatePlan",
    "GateResult",
    "GateThresholds",
    "Verdict",
    "conclude",
    "false_alarm_rate",
    "judge",
    "solved_in_time",
]

Pair = tuple[bool, bool]


@dataclass(frozen=True, slots=True)
class Standing:
    """Which run of its fingerprint this is, and what its parity rests on.

    ``promoted_by`` is ``planned``, ``evidence``, or empty where parity did not clear.
    ``own_evidence`` is what this run's bets came to, ``evidence`` what all reruns have together,
    of ``evidence_needed``; both are 0 for a planned run. ``own_against`` and ``against`` are the
    bets against reflex of this run and of all, of ``against_needed``.
    """

    run: int
    planned: bool
    promoted_by: str
    own_evidence: float
    evidence: float
    evidence_needed: float
    own_against: float
    against: float
    against_needed: float

    def as_json(self) -> dict[str, Any]:
        """In RFC JSON; ∞ is null."""
        return {
            "run": self.run,
            "planned": self.planned,
            "promoted_by": self.promoted_by or None,
            "own_evidence": _finite(self.own_evidence),
            "evidence": _finite(self.evidence),
            "evidence_needed": _finite(self.evidence_needed),
            "own_against": _finite(self.own_against),
            "against": _finite(self.against),
            "against_needed": _finite(self.against_needed),
        }

    @property
    def words(self) -> str:
        """What a person should know of it, in one to three sentences."""
        below = self.against >= self.against_needed and not self.promoted_by
        return self._standing + (f" {AGAINST[:1].upper()}{AGAINST[1:]}." if below else "")

    @property
    def _standing(self) -> str:
        if self.planned:
            clears = " Success parity cleared by its planned looks." if self.promoted_by else ""
            return f"Run {self.run} of this fingerprint, a planned one.{clears}"
        told = (
            f"Run {self.run} of this fingerprint: planned looks are for the first run alone, so "
            f"this one adds to the evidence, which is {_figure(self.evidence)} of the "
            f"{_figure(self.evidence_needed)} needed."
        )
        return f"{told} Success parity cleared by that evidence." if self.promoted_by else told


@dataclass(frozen=True, slots=True)
class GateResult:
    """The verdict and its reasons.

    ``misses`` names the criteria whose point estimate misses; ``decides`` says in words what would
    turn an inconclusive verdict into another, and is empty otherwise. ``looks`` are those taken at
    parity, ``standing`` says which run of its fingerprint it is; None where no plan is recorded.
    """

    verdict: Verdict
    criteria: tuple[Criterion, ...]
    misses: tuple[str, ...]
    decides: str
    summary: str
    looks: tuple[Look, ...] = ()
    standing: Standing | None = None

    def as_json(self) -> dict[str, Any]:
        """The result in RFC JSON."""
        return {
            "verdict": self.verdict.value,
            "criteria": [one.as_json() for one in self.criteria],
            "misses": list(self.misses),
            "decides": self.decides,
            "summary": self.summary,
            "looks": [one.as_json() for one in self.looks],
            "standing": self.standing.as_json() if self.standing else None,
        }


def judge(
    trials: Sequence[Trial],
    *,
    reflex: str,
    cloud: str,
    thresholds: GateThresholds,
    timeout_ms: float,
    plan: GatePlan | None = None,
    latency_calls: Sequence[Trial] = (),
    golden: Sequence[str] = (),
    trials_each: int | None = None,
    edit_format: str = "auto",
) -> GateResult:
    """Compare the arm named ``reflex`` with the arm named ``cloud``, as the thresholds say.

    It fails when a point estimate misses, passes when every point and every bound clears, and is
    inconclusive otherwise: never a pass for lack of evidence. A trial solved by a reflex reply
    later than ``timeout_ms`` is not solved, whatever it says of itself. ``edit_format`` is that of
    the replies. ``plan`` is how it is to be judged (default: one look at the end),
    ``latency_calls`` are reflex's for latency alone, and ``golden`` names the tasks that must work;
    where there is no plan, trials beyond ``trials_each`` are theirs alone.

    Raises:
        ReportError: A task, arm and trial occur twice.
        ValueError: Both arms have one name.
    """
    if reflex == cloud:
        raise ValueError("an arm cannot be compared with itself")
    own, other = _of(trials, reflex), _of(trials, cloud)
    ours, theirs = _solved(own, timeout_ms), _solved(other)
    most = plan.trials if plan else trials_each or 1 + max((one.trial for one in trials), default=0)
    paired = _paired(_first(ours, most), _first(theirs, most))
    plan = plan or GatePlan.single(sorted(paired), 1)
    matched = sum(map(len, paired.values()))
    counted = [one for one in (*own, *other) if one.trial < most]
    parity = judge_parity(
        paired,
        thresholds,
        plan,
        alone=_alone(_first(ours, most)),
        unpaired=len(counted) - 2 * matched,
    )
    asked = [*_in_order(own, plan), *latency_calls]
    attempts = [attempt for trial in asked for attempt in trial.attempts]
    criteria = [
        judge_latency(
            [one.answered_ms for one in attempts],
            [trial.attempts[0].answered_ms for trial in asked if trial.attempts],
            thresholds,
            carried=(plan.slow, plan.calls),
            extra=sum(1 for one in latency_calls if one.attempts),
        ),
        parity.criterion,
        judge_compliance(
            [good for one in attempts for good in one.replies], thresholds, edit_format
        ),
    ]
    if golden:
        criteria.append(judge_golden(golden, ours, theirs, thresholds))
    standing = Standing(
        run=plan.run,
        planned=not plan.rerun,
        promoted_by=parity.promoted_by,
        own_evidence=parity.own_evidence,
        evidence=parity.evidence,
        evidence_needed=evidence_needed(thresholds.confidence),
        own_against=parity.own_against,
        against=parity.against,
        against_needed=against_needed(thresholds.confidence),
    )
    return replace(
        conclude(tuple(criteria)),
        looks=parity.looks,
        standing=standing if plan.fingerprint else None,
    )


def _first(results: Mapping[tuple[str, int], bool], trials: int) -> dict[tuple[str, int], bool]:
    """Without the further trials that golden tasks may have had."""
    return {key: solved for key, solved in results.items() if key[1] < trials}


def _alone(results: Mapping[tuple[str, int], bool]) -> dict[str, list[bool]]:
    tasks: dict[str, list[bool]] = {}
    for task, trial in sorted(results):
        tasks.setdefault(task, []).append(results[task, trial])
    return tasks


def _in_order(trials: Sequence[Trial], plan: GatePlan) -> list[Trial]:
    """By the plan, not by who came in first: among trials that run in parallel those are fast."""
    place = {task: number for number, task in enumerate(plan.order)}
    return sorted(trials, key=lambda one: (place.get(one.task, len(place)), one.task, one.trial))


@dataclass(frozen=True, slots=True)
class FalseAlarms:
    """How often the parity gate would withhold a pass from an arm that equals the other.

    ``failed`` and ``inconclusive`` are shares (0 to 1) of ``rounds``.
    """

    tasks: int
    rounds: int
    failed: float
    inconclusive: float


def false_alarm_rate(
    trials: Sequence[Trial],
    *,
    first: str,
    second: str,
    thresholds: GateThresholds,
    rounds: int = 2000,
    seed: int = 0,
) -> FalseAlarms:
    """Judge an A/A run, two arms of the same model, over and over with its results shuffled.

    As the arms are equal, a task's results might have fallen to either: in each round they are
    shuffled between both arms, task by task, and parity is judged again. That shows the noise of
    the model at these tasks, not that of choosing the tasks.
    """
    paired = _paired(_solved(_of(trials, first)), _solved(_of(trials, second)))
    random = Random(seed)  # noqa: S311  a simulation
    states = [
        parity_clears(
            PairedTable.of([_shuffled(pairs, random) for pairs in paired.values()]), thresholds
        )
        for _ in range(rounds)
    ]
    return FalseAlarms(
        tasks=len(paired),
        rounds=rounds,
        failed=states.count(Verdict.FAIL) / max(1, rounds),
        inconclusive=states.count(Verdict.INCONCLUSIVE) / max(1, rounds),
    )


def solved_in_time(trial: Trial, timeout_ms: float | None = None) -> bool:
    """Whether a trial counts as solved: not by a reply marked late, or over ``timeout_ms``."""
    if not (trial.solved and trial.attempts):
        return False
    last = trial.attempts[-1]
    return not last.late and (timeout_ms is None or last.latency_ms <= timeout_ms)


def _of(trials: Sequence[Trial], arm: str) -> list[Trial]:
    return [one for one in trials if one.arm == arm]


def _solved(
    trials: Sequence[Trial], timeout_ms: float | None = None
) -> dict[tuple[str, int], bool]:
    """Whether each (task, trial) was solved, in time.

    Raises:
        ReportError: One of them occurs twice.
    """
    results: dict[tuple[str, int], bool] = {}
    for one in trials:
        key = (one.task, one.trial)
        if key in results:
            raise ReportError(f"trial {one.trial} of task {plain(one.task, 80)!r} occurs twice")
        results[key] = solved_in_time(one, timeout_ms)
    return results


def _paired(
    first: Mapping[tuple[str, int], bool], second: Mapping[tuple[str, int], bool]
) -> dict[str, list[Pair]]:
    """Each task's results of both arms, for the trials that both have."""
    tasks: dict[str, list[Pair]] = {}
    for key in sorted(first.keys() & second.keys()):
        tasks.setdefault(key[0], []).append((first[key], second[key]))
    return tasks


def _shuffled(pairs: Sequence[Pair], random: Random) -> list[Pair]:
    results = [result for pair in pairs for result in pair]
    random.shuffle(results)
    return list(zip(results[::2], results[1::2], strict=True))


def conclude(criteria: tuple[Criterion, ...]) -> GateResult:
    """The verdict that ``criteria`` come to together."""
    misses = tuple(one.name for one in criteria if one.misses)
    open_questions = [one for one in criteria if one.state is Verdict.INCONCLUSIVE]
    if misses:
        verdict = Verdict.FAIL
        summary = "fail: " + "; ".join(_miss(one) for one in criteria if one.misses)
    elif open_questions:
        verdict = Verdict.INCONCLUSIVE
        names = " and ".join(one.title for one in open_questions)
        summary = f"inconclusive: {names} undecided"
    else:
        verdict = Verdict.PASS
        summary = "pass: every criterion clears"
    decides = "; ".join(f"{one.title}: {one.remedy}" for one in open_questions)
    return GateResult(
        verdict=verdict,
        criteria=criteria,
        misses=misses,
        decides=decides if verdict is Verdict.INCONCLUSIVE else "",
        summary=summary,
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _figure(value: float) -> str:
    return "∞" if math.isinf(value) else f"{value:,.0f}" if value >= 10 else f"{value:.2g}"  # noqa: PLR2004


def _miss(one: Criterion) -> str:
    if one.name == GOLDEN:
        return f"{one.title}: {one.note}"
    if one.value == math.inf:
        return f"{one.title}: over one call in twenty got no reply"
    relation = "not below" if one.unit == "ms" else "under"
    shown = duration if one.unit == "ms" else percent
    value, limit = shown(one.value), shown(one.threshold)
    if value == limit:  # a miss by less than a rounded figure tells
        value, limit = (f"{each:.6g} {one.unit}" for each in (one.value, one.threshold))
    return f"{one.title} {value} is {relation} {limit}"
