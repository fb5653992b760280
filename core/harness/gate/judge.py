"""The verdict over a bakeoff's trials: what enables a local model, and what is still needed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from core.errors import ReportError
from core.harness.gate.criteria import (
    Criterion,
    GateThresholds,
    Verdict,
    judge_compliance,
    judge_latency,
    judge_parity,
    parity_state,
)
from core.harness.gate.statistics import PairedTable
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from core.patchloop.trial import Trial

__all__ = [
    "Criterion",
    "FalseAlarms",
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
class GateResult:
    """The verdict and its reasons.

    ``misses`` names the criteria whose point estimate misses; ``decides`` says in words what would
    turn an inconclusive verdict into another, and is empty otherwise.
    """

    verdict: Verdict
    criteria: tuple[Criterion, ...]
    misses: tuple[str, ...]
    decides: str
    summary: str

    def as_json(self) -> dict[str, Any]:
        """The result in RFC JSON."""
        return {
            "verdict": self.verdict.value,
            "criteria": [one.as_json() for one in self.criteria],
            "misses": list(self.misses),
            "decides": self.decides,
            "summary": self.summary,
        }


def judge(
    trials: Sequence[Trial],
    *,
    reflex: str,
    cloud: str,
    thresholds: GateThresholds,
    timeout_ms: float,
    edit_format: str = "auto",
) -> GateResult:
    """Compare the arm named ``reflex`` with the arm named ``cloud``, as the thresholds say.

    It fails when a point estimate misses, passes when every point and every bound clears, and is
    inconclusive otherwise: never a pass for lack of evidence. A trial solved by a reflex reply
    later than ``timeout_ms`` is not solved, whatever it says of itself. ``edit_format`` is that of
    the replies.

    Raises:
        ReportError: A task, arm and trial occur twice.
        ValueError: Both arms have one name.
    """
    if reflex == cloud:
        raise ValueError("an arm cannot be compared with itself")
    own, other = _of(trials, reflex), _of(trials, cloud)
    paired = _paired(_solved(own, timeout_ms), _solved(other))
    table = PairedTable.of(list(paired.values()))
    attempts = [attempt for trial in own for attempt in trial.attempts]
    criteria = (
        judge_latency(
            [one.answered_ms for one in attempts],
            [trial.attempts[0].answered_ms for trial in own if trial.attempts],
            thresholds,
        ),
        judge_parity(table, thresholds, len(own) + len(other) - 2 * table.pairs),
        judge_compliance(
            [good for one in attempts for good in one.replies], thresholds, edit_format
        ),
    )
    return conclude(criteria)


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
        parity_state(
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


def _miss(one: Criterion) -> str:
    if one.value == math.inf:
        return f"{one.title}: over one call in twenty got no reply"
    relation = "not below" if one.unit == "ms" else "under"
    return f"{one.title} {one.value:.6g} {one.unit} is {relation} {one.threshold:g} {one.unit}"
