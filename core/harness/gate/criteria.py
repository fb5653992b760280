"""The gate's three criteria, each judged from the numbers that it is about."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

from core.figures import duration, nearest_rank
from core.harness.gate.statistics import (
    p95_bound,
    p95_calls_needed,
    p95_passes,
    proven_rate,
)
from core.patchloop.formats import compliance_title
from core.patchloop.trial import STRICT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.harness.gate.statistics import PairedTable

P95_LATENCY = "p95_latency"
SUCCESS_PARITY = "success_parity"
JSON_COMPLIANCE = "json_compliance"
TITLES = {
    P95_LATENCY: "P95 latency",
    SUCCESS_PARITY: "success parity",
    JSON_COMPLIANCE: "JSON compliance",
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
    """

    __pydantic_config__: ClassVar = STRICT

    p95_latency_ms: float
    success_parity_percent: float
    json_schema_compliance_percent: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Criterion:
    """One criterion's figures; ``value``, ``bound`` and ``threshold`` are in ``unit`` (ms or %).

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
    calls: Sequence[float], first_calls: Sequence[float], thresholds: GateThresholds
) -> Criterion:
    """P95 of all ``calls`` (ms, ∞ where no reply came) strictly below its threshold.

    The bound is taken from ``first_calls`` alone, one a task and trial, because a retry follows
    from the call before it; it is never given as less than the value.
    """
    limit, confidence = thresholds.p95_latency_ms, thresholds.confidence
    value = nearest_rank(calls, 95)
    slow, n = sum(1 for one in first_calls if one >= limit), len(first_calls)
    seen = f"{slow} of {n} first calls at or over {duration(limit)}"
    bound = p95_bound(first_calls, confidence) if confidence > 0 else None
    if value is not None and bound is not None:
        bound = max(bound, value)
    needed, remedy = None, ""
    if value is None:
        state, seen, remedy = Verdict.INCONCLUSIVE, "no calls", "run the reflex arm"
    elif value >= limit:
        state = Verdict.FAIL
    elif confidence <= 0 or p95_passes(first_calls, limit, confidence):
        state = Verdict.PASS
    else:
        state = Verdict.INCONCLUSIVE
        total = p95_calls_needed(slow, n, confidence) if n else None
        needed = None if total is None else total - n
        remedy = (
            f"at {seen}, no number of calls up to 10,000 would give a verdict"
            if needed is None
            else f"about {needed} more tasks or trials ({total} first calls in all)"
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


def parity_state(table: PairedTable, thresholds: GateThresholds) -> Verdict:
    """Whether reflex's successes, as a share of cloud's, are enough.

    Inconclusive whatever the share when the cloud arm solved under half of its own: then it is no
    yardstick.
    """
    wanted, confidence = thresholds.success_parity_percent, thresholds.confidence
    cloud = table.a + table.c
    if not table.pairs or 2 * cloud < table.pairs:
        return Verdict.INCONCLUSIVE
    if 100 * (table.a + table.b) < wanted * cloud:
        return Verdict.FAIL
    if confidence <= 0 or wanted <= 0 or table.clears(wanted / 100, confidence):
        return Verdict.PASS
    return Verdict.INCONCLUSIVE


def judge_parity(table: PairedTable, thresholds: GateThresholds, unpaired: int = 0) -> Criterion:
    """Success parity with its bound; ``unpaired`` trials had no partner and were left out."""
    wanted, confidence = thresholds.success_parity_percent, thresholds.confidence
    state = parity_state(table, thresholds)
    needed, remedy = None, ""
    if state is Verdict.INCONCLUSIVE:
        needed, remedy = _parity_remedy(table, wanted, confidence)
    return Criterion(
        name=SUCCESS_PARITY,
        value=None if table.ratio is None else 100 * table.ratio,
        bound=100 * table.lower_bound(confidence) if confidence > 0 and table.pairs else None,
        threshold=wanted,
        unit="%",
        state=state,
        note=_parity_note(table, unpaired),
        needed=needed,
        remedy=remedy,
    )


def _parity_note(table: PairedTable, unpaired: int) -> str:
    if table.pairs:
        note = (
            f"reflex solved {table.a + table.b}, cloud {table.a + table.c} of {table.pairs} "
            f"({table.b} by reflex alone, {table.c} by cloud alone)"
        )
    else:
        note = "no task was tried by both arms"
    if table.design_effect > 1:
        note += f"; trials of a task repeat each other, design effect {table.design_effect:.2f}"
    if unpaired:
        note += f"; {unpaired} trials without a partner left out"
    return note


def _parity_remedy(table: PairedTable, wanted: float, confidence: float) -> tuple[int | None, str]:
    """How many more tasks would give a verdict, and the same in words."""
    cloud = table.a + table.c
    if not table.pairs:
        return None, "run both arms on the same tasks"
    if 2 * cloud < table.pairs:
        return None, (
            f"the cloud arm solved only {cloud} of {table.pairs}, and parity with it means nothing "
            "under half: give it a stronger model or more attempts, or take another suite"
        )
    total = table.tasks_needed(wanted / 100, confidence)
    if total is None:
        return None, "at the rates observed, no number of tasks up to 10,000 would give a verdict"
    return total - table.tasks, f"about {total - table.tasks} more tasks ({total} in all)"


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
