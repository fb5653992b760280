"""What a criterion is, and the two judged from single numbers: latency and JSON compliance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

from core.figures import duration, nearest_rank
from core.harness.gate.statistics import (
    latency_bound,
    latency_calls_needed,
    latency_proven,
    proven_rate,
)
from core.patchloop.formats import compliance_title
from core.patchloop.trial import STRICT

if TYPE_CHECKING:
    from collections.abc import Sequence

P95_LATENCY = "p95_latency"
SUCCESS_PARITY = "success_parity"
JSON_COMPLIANCE = "json_compliance"
GOLDEN = "golden_regression"
TITLES = {
    P95_LATENCY: "P95 latency",
    SUCCESS_PARITY: "success parity",
    JSON_COMPLIANCE: "JSON compliance",
    GOLDEN: "golden tasks",
}


class Verdict(StrEnum):
    """What a criterion, or the whole gate, comes to; only a pass promotes."""

    PASS = "pass"  # noqa: S105  a verdict
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class GateThresholds:
    """What must be met: P95 below (ms), parity and compliance at least (percent).

    ``confidence`` (0 to 1) is that of the bounds that must clear too; at 0 points alone decide.
    At most ``golden_regressions_allowed`` golden tasks may be lost.
    """

    __pydantic_config__: ClassVar = STRICT

    p95_latency_ms: float
    success_parity_percent: float
    json_schema_compliance_percent: float
    confidence: float
    golden_regressions_allowed: float = 0.0


@dataclass(frozen=True, slots=True)
class Criterion:
    """One criterion's figures; value, bound and threshold are in ``unit``: ms, % or tasks.

    ``value`` is None where there is nothing to take it from, ``bound`` where none was asked for or
    the sample is too small. ``misses`` says that the point estimate itself misses. ``needed`` is
    how many more calls (latency) or tasks (parity) would give a verdict at the rates observed, None
    where that is not the question or no number would; ``remedy`` says the same in words.
    """

    name: str
    value: float | None
    bound: float | None
    threshold: float
    unit: str
    state: Verdict
    note: str
    needed: int | None = None
    remedy: str = ""
    called: str = ""

    @property
    def title(self) -> str:
        """The criterion's name in words."""
        return self.called or TITLES[self.name]

    @property
    def misses(self) -> bool:
        """The point estimate misses the threshold."""
        return self.state is Verdict.FAIL

    def as_json(self) -> dict[str, Any]:
        """The criterion in RFC JSON; ∞ is null."""
        return {
            "name": self.name,
            "value": _finite(self.value),
            "bound": _finite(self.bound),
            "threshold": self.threshold,
            "unit": self.unit,
            "state": self.state.value,
            "misses": self.misses,
            "note": self.note,
            "needed": self.needed,
        }


def judge_latency(
    calls: Sequence[float],
    first_calls: Sequence[float],
    thresholds: GateThresholds,
    *,
    carried: tuple[int, int] = (0, 0),
    extra: int = 0,
) -> Criterion:
    """P95 of all ``calls`` (ms, ∞ where no reply came) strictly below its threshold.

    What is proven rests on ``first_calls`` alone, in the order planned, one a task and trial,
    because a retry follows from the call before it; the last ``extra`` were made for latency
    alone. ``carried`` are the slow and all first calls of earlier runs of the same fingerprint.
    The bound is that of this run alone, and never given as less than the value.
    """
    limit, confidence = thresholds.p95_latency_ms, thresholds.confidence
    value = nearest_rank(calls, 95)
    slow, n = sum(1 for one in first_calls if one >= limit), len(first_calls)
    seen = f"{slow} of {n} first calls at or over {duration(limit)}"
    if extra:
        seen += f", {extra} of them made for latency alone"
    if carried[1]:
        seen += f"; {carried[0]} of {carried[1]} in earlier runs"
    bound = latency_bound(first_calls, confidence)
    if value is not None and bound is not None:
        bound = max(bound, value)
    needed, remedy = None, ""
    if value is None:
        state, seen, remedy = Verdict.INCONCLUSIVE, "no calls", "run the reflex arm"
    elif value >= limit:
        state = Verdict.FAIL
    elif latency_proven(first_calls, limit, confidence, carried):
        state = Verdict.PASS
    else:
        state = Verdict.INCONCLUSIVE
        total = latency_calls_needed(carried[0] + slow, carried[1] + n, confidence)
        needed = None if total is None else total - n - carried[1]
        remedy = (
            f"at {seen}, no number of calls up to 10,000 would give a verdict"
            if needed is None
            else f"about {needed} more first calls at this rate ({total} in all)"
        )
    return Criterion(
        name=P95_LATENCY,
        value=value,
        bound=bound,
        threshold=limit,
        unit="ms",
        state=state,
        note=seen,
        needed=needed,
        remedy=remedy,
    )


def judge_compliance(
    replies: Sequence[bool], thresholds: GateThresholds, edit_format: str = "auto"
) -> Criterion:
    """The share of replies in the format asked for, at least the threshold; it has no bound."""
    wanted, confidence = thresholds.json_schema_compliance_percent, thresholds.confidence
    n, good = len(replies), sum(replies)
    note, remedy = f"{n - good} of {n} replies failed", ""
    if not n:
        state, note = Verdict.INCONCLUSIVE, "no replies"
        remedy = "run the reflex arm until it answers"
    elif 100 * good < wanted * n:
        state = Verdict.FAIL
    else:
        state = Verdict.PASS
        if good == n and confidence > 0:
            # Rounded down, so that it never claims more than was proven.
            proven = math.floor(1000 * proven_rate(n, confidence)) / 10
            note += f", which proves at least {proven:g} % at {100 * confidence:g} % confidence"
    return Criterion(
        name=JSON_COMPLIANCE,
        value=100 * good / n if n else None,
        bound=None,
        threshold=wanted,
        unit="%",
        state=state,
        note=note,
        remedy=remedy,
        called=compliance_title(edit_format),
    )


def _finite(value: float | None) -> float | None:
    return None if value is None or math.isinf(value) else value
