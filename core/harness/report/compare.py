"""A run compared with an earlier one of the same suite: is there a significant regression?"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from core.errors import ReportError
from core.figures import duration, nearest_rank, percent
from core.harness.gate.statistics import Regression, binomial_cdf, paired_regression
from core.harness.report.derived import solved
from core.patchloop.formats import compliance_title
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from core.harness.report.document import Report
    from core.patchloop.trial import Trial

SLOWER = 1.1
# Above this many steps a task's rates are taken as all or nothing, lest the exact test take hours.
_MOST_STEPS = 100_000


@dataclass(frozen=True, slots=True)
class Slowdown:
    """Latencies of two runs task by task, in ms.

    ``slower`` of ``tasks`` took over a tenth longer than before; ``p_value`` is the chance of so
    many if a task were as likely to stay within that tenth. ``before_ms`` and ``now_ms`` are the
    medians over the tasks of each one's median first call.
    """

    tasks: int
    slower: int
    before_ms: float | None
    now_ms: float | None
    p_value: float
    worse: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changed since the baseline; ``latency`` is None where it cannot be compared.

    ``reasons`` says what is worse, ``notes`` what else a reader should know.
    """

    success: Regression
    compliance: Regression
    latency: Slowdown | None
    reasons: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def regressed(self) -> bool:
        """There is a significant regression."""
        return bool(self.reasons)

    def as_json(self) -> dict[str, Any]:
        """The comparison in RFC JSON; ∞ is null."""
        latency = self.latency and {
            name: None if isinstance(value, float) and math.isinf(value) else value
            for name, value in asdict(self.latency).items()
        }
        return {
            "regressed": self.regressed,
            "reasons": list(self.reasons),
            "notes": list(self.notes),
            "success": asdict(self.success),
            "compliance": asdict(self.compliance),
            "latency": latency,
        }


def compare(report: Report, baseline: Report, *, confidence: float | None = None) -> Comparison:
    """Compare the candidate arm with that of ``baseline``, over the tasks both ran.

    Success and compliance fall when an exact sign-flip test over the tasks says so, latency rises
    when an exact sign test says that most tasks take over a tenth longer: each at ``confidence``,
    by default that of the report's thresholds.

    Raises:
        ReportError: They are of different suites, or have no task in common.
    """
    if report.suite.hash != baseline.suite.hash:
        raise ReportError(
            f"the baseline is of another suite: {plain(baseline.suite.name, 80)} "
            f"{plain(baseline.suite.hash, 80)}, not {plain(report.suite.name, 80)} "
            f"{plain(report.suite.hash, 80)}",
            remedy="Name a report of the same tasks, or make a new baseline.",
        )
    level = report.thresholds.confidence if confidence is None else confidence
    success = _regression(report, baseline, solved, level)
    compliance = _regression(report, baseline, _compliant, level)
    if not success.tasks:
        raise ReportError("the report and its baseline have no task in common")
    same_machine = report.environment.hardware == baseline.environment.hardware
    mixed = "mixed_hardware" in (*report.stamps, *baseline.stamps)
    latency = _slowdown(report, baseline, level) if same_machine and not mixed else None
    return Comparison(
        success=success,
        compliance=compliance,
        latency=latency,
        reasons=tuple(
            _reasons(success, compliance, latency, compliance_title(report.settings.edit_format))
        ),
        notes=tuple(_notes(report, baseline, success, latency)),
    )


def _regression(
    report: Report,
    baseline: Report,
    holds: Callable[[Report, Trial], bool | None],
    confidence: float,
) -> Regression:
    """What became of the share of trials for which ``holds``; None leaves a trial out."""
    before, now = _results(baseline, holds), _results(report, holds)
    common = before.keys() & now.keys()
    steps = math.lcm(*(len(run[task]) for task in common for run in (before, now)))
    if steps * len(common) > _MOST_STEPS:
        before, now = ({task: [all(run[task])] for task in run} for run in (before, now))
    return paired_regression(before, now, confidence)


def _results(
    report: Report, holds: Callable[[Report, Trial], bool | None]
) -> dict[str, list[bool]]:
    results: dict[str, list[bool]] = {}
    for one in _own(report):
        held = holds(report, one)
        if held is not None:
            results.setdefault(one.task, []).append(held)
    return results


def _compliant(_: Report, trial: Trial) -> bool | None:
    """Every reply of the trial was the JSON asked for; None where there was no reply."""
    replies = [good for one in trial.attempts for good in one.replies]
    return all(replies) if replies else None


def _slowdown(report: Report, baseline: Report, confidence: float) -> Slowdown:
    before, now = _first_calls(baseline), _first_calls(report)
    common = sorted(before.keys() & now.keys())
    # Two calls without a reply are neither slower nor faster than each other.
    answered = [task for task in common if math.isfinite(min(before[task], now[task]))]
    slower = sum(1 for task in answered if now[task] > SLOWER * before[task])
    # P(X ≥ slower) for a fair coin, by its symmetry.
    p_value = binomial_cdf(len(answered) - slower, len(answered), 0.5) if answered else 1.0
    return Slowdown(
        tasks=len(answered),
        slower=slower,
        before_ms=nearest_rank([before[task] for task in answered], 50),
        now_ms=nearest_rank([now[task] for task in answered], 50),
        p_value=p_value,
        worse=2 * slower > len(answered) and p_value <= 1 - confidence,
    )


def _first_calls(report: Report) -> dict[str, float]:
    """The median first call of each task, in ms; only these are independent of each other."""
    calls: dict[str, list[float]] = {}
    for one in _own(report):
        if one.attempts:
            calls.setdefault(one.task, []).append(one.attempts[0].answered_ms)
    medians: Mapping[str, float | None] = {
        task: nearest_rank(values, 50) for task, values in calls.items()
    }
    return {task: value for task, value in medians.items() if value is not None}


def _own(report: Report) -> list[Trial]:
    return [one for one in report.trials if one.arm == report.pair[0]]


def _reasons(
    success: Regression, compliance: Regression, latency: Slowdown | None, title: str
) -> list[str]:
    reasons = []
    if success.worse:
        reasons.append(_fall("success", success))
    if compliance.worse:
        reasons.append(_fall(title, compliance))
    if latency and latency.worse:
        reasons.append(
            f"latency rose: {latency.slower} of {latency.tasks} tasks take over a tenth longer, "
            f"median {duration(latency.before_ms)} before and {duration(latency.now_ms)} now "
            f"(p = {latency.p_value:.2g})"
        )
    return reasons


def _fall(what: str, seen: Regression) -> str:
    return (
        f"{what} fell from {percent(100 * seen.before)} to {percent(100 * seen.now)} "
        f"of {seen.tasks} tasks (p = {seen.p_value:.2g}); worse at {_some(seen.fell)}"
    )


def _notes(
    report: Report, baseline: Report, success: Regression, latency: Slowdown | None
) -> list[str]:
    notes = []
    if latency is None:
        notes.append("latency is not compared: the runs were on different hardware")
    for name in ("attempts", "candidates", "edit_format", "concurrency"):
        was, now = getattr(baseline.settings, name), getattr(report.settings, name)
        if was != now:
            notes.append(f"{name} was {plain(was, 40)} and is {plain(now, 40)}")
    ran = {one.task for one in _own(report)} | {one.task for one in _own(baseline)}
    if len(ran) > success.tasks:
        notes.append(f"{len(ran) - success.tasks} tasks were run only once and are left out")
    return notes


def _some(tasks: tuple[str, ...], most: int = 8) -> str:
    names = ", ".join(plain(task, 80) for task in tasks[:most])
    return f"{names} and {len(tasks) - most} more" if len(tasks) > most else names
