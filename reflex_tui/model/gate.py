"""Server, gate and breaker as a glyph and a word with the reason, and the gate's three criteria."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.figures import NONE, ago, duration, percent, plural
from core.plain import plain
from core.stages import Mode
from reflex_tui.model.rows import number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from core.router.decision import BreakerView, GateView
    from core.router.view import RoutingView
    from core.settings import Thresholds
    from reflex_tui.model.latencies import Figures


SUITE = "reflex_patchloop_v1"
MAKE_FIRST = f"code reflex bakeoff --suite {SUITE}"

_STATE_WORDS = {
    "inconclusive": "undecided",
    "stale": "expired",
    "drift_latency": "too slow",
    "drift_compliance": "bad replies",
    "drift_outcomes": "wrong answers",
}
_TABLE: tuple[tuple[str, str, str, Callable[[float | None], str], str], ...] = (
    ("p95_latency", "P95 latency", "at most", duration, "<"),
    ("success_parity", "success parity", "at least", percent, "≥"),
    ("json_compliance", "JSON compliance", "at least", percent, "≥"),
)
_GOLDEN = "golden_regression"
_ROOM = 1.25  # how much longer than its limit a bar is that should stay below it
_STATES = frozenset({"pass", "fail", "inconclusive"})

SLOW_PROBE_MS = 500.0
_ENOUGH_CALLS = 5
GOOD, POOR, BAD, UNKNOWN = "$success", "$warning", "$error", "$muted"
MODE_STYLE = {Mode.REFLEX: "$reflex", Mode.CLOUD: "$cloud"}


@dataclass(frozen=True, slots=True)
class Bar:
    """A criterion as shares (0 to 1) of a bar: what was measured, what is proven, the limit."""

    value: float
    bound: float
    limit: float


@dataclass(frozen=True, slots=True)
class CriterionRow:
    """One line of the gate table; ``verdict`` is ``pass``, ``fail``, ``inconclusive`` or empty.

    ``bar`` is None where there is nothing measured.
    """

    key: str
    name: str
    value: str
    bound: str
    threshold: str
    verdict: str
    bar: Bar | None = None


def why(gate: GateView) -> str:
    """Why the gate is not met, in words; empty when it is."""
    return plain(gate.explanation.sentence, 300)


def next_step(gate: GateView) -> str:
    """What to do about a gate that is not met; empty when it is."""
    return plain(gate.explanation.next_step, 400)


def criteria(gate: Mapping[str, Any] | None, thresholds: Thresholds) -> tuple[CriterionRow, ...]:
    """The table of a GateDecision or of a report's ``gate``; what has to be shown without one.

    A report has them in ``criteria`` (a list, each with its ``state``), a GateDecision in
    ``metrics`` (``CriterionMetric`` by name). What is missing or of another kind is shown as a
    dash.
    """
    entries = figures_of(gate or {})
    limits = {
        "p95_latency": thresholds.p95_latency_ms,
        "success_parity": thresholds.success_parity_percent,
        "json_compliance": thresholds.json_schema_compliance_percent,
    }
    found = []
    further = tuple(
        (key, key.replace("_", " "), "at least", _plain_number, "≥")
        for key in entries
        if key not in limits and key != _GOLDEN and key.isidentifier()
    )
    lost = (_GOLDEN, "golden lost", "at most", _plain_number, "≤")
    golden = (lost,) if _GOLDEN in entries else ()
    for key, usual, at, say, sign in (*_TABLE, *golden, *further):
        # As in ``core.patchloop.formats``, which costs the first paint.
        fenced = key == "json_compliance" and (gate or {}).get("edit_format") == "fence"
        name = "reply compliance" if fenced else usual
        entry = entries.get(key, {})
        judged_by = number(entry, "threshold")
        limit = limits.get(key) if judged_by is None else judged_by
        state = _state(gate or {}, entry, key)
        value = number(entry, "value")
        endless = value is None and state == "fail"
        low_is_good = sign != "≥"
        drawn = math.inf if endless and low_is_good else value
        found.append(
            CriterionRow(
                key,
                name,
                value="∞" if endless else say(value),
                bound=_bound(entry, at, say),
                threshold="" if limit is None else f"{sign} {say(limit)}",
                verdict=state,
                bar=_bar(drawn, number(entry, "bound"), limit, low_is_good=low_is_good),
            )
        )
    return tuple(found)


def _plain_number(value: float | None) -> str:
    return NONE if value is None else f"{value:g}"


def _bar(
    value: float | None, bound: float | None, limit: float | None, *, low_is_good: bool
) -> Bar | None:
    """Percentages on a scale to 100; what is to be low on one that leaves room beyond the limit."""
    if value is None or not limit:
        return None
    if math.isinf(value):
        return Bar(1.0, 1.0, 1 / _ROOM)
    proven = value if bound is None else bound
    whole = max(limit * _ROOM, value, proven) if low_is_good else max(100.0, value, limit)
    return Bar(value / whole, max(0.0, proven / whole), limit / whole)


def figures_of(gate: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The criteria of a GateDecision or of a report's ``gate`` by name, each with its ``state``."""
    given = gate.get("criteria")
    if not isinstance(given, list):
        from core.capsule.events import criterion_metrics  # pydantic costs the first paint

        return {
            name: {**metric.model_dump(), "state": metric.verdict}
            for name, metric in criterion_metrics(gate).items()
        }
    return {str(each.get("name")): each for each in given if isinstance(each, dict)}


def _bound(entry: Mapping[str, Any], at: str, say: Callable[[float | None], str]) -> str:
    if (bound := number(entry, "bound")) is not None:
        return f"{at} {say(bound)}"
    return plain(entry.get("note") or "", 120)


def _state(gate: Mapping[str, Any], entry: Mapping[str, Any], key: str) -> str:
    if not entry:
        return ""
    if (state := plain(entry.get("state"), 20)) in _STATES:
        return state
    misses = gate.get("misses")
    if isinstance(misses, list) and key in misses:
        return "fail"
    return "pass" if gate.get("verdict") == "pass" else "inconclusive"


@dataclass(frozen=True, slots=True)
class Condition:
    """A state as glyph and word, never one without the other; ``why`` may be empty."""

    glyph: str
    word: str
    style: str
    why: str = ""

    @property
    def label(self) -> str:
        """``● up``."""
        return f"{self.glyph} {self.word}"


def server_condition(routing_view: RoutingView | None, live: Figures | None = None) -> Condition:
    """How the reflex server is; ``live`` is what its real calls took."""
    if routing_view is None:
        return Condition("◌", "checking", UNKNOWN)
    health = routing_view.health
    if not health.ok:
        if health.cause == "loading":
            return Condition("▲", "loading", POOR, health.summary)
        return Condition("✖", "down", BAD, health.summary)
    if health.latency_ms >= SLOW_PROBE_MS:
        slow = Condition("▲", "slow", POOR, f"a probe takes {duration(health.latency_ms)}")
    else:
        slow = Condition("●", "up", GOOD)
    limit_ms = routing_view.policy.reflex.thresholds.p95_latency_ms
    return _over_limit(limit_ms, live) or _busy(live) or slow


def _busy(live: Figures | None) -> Condition | None:
    """What real calls show of its queue; those that it turned away went to the next backend."""
    if live is None or not live.busy:
        return None
    every = live.calls + live.busy
    return Condition("▲", "busy", POOR, f"no room for {live.busy} of {plural(every, 'call')}")


def _over_limit(limit_ms: float, live: Figures | None) -> Condition | None:
    """What real calls show: too many without an answer, or answers that take too long."""
    p95 = live.p95 if live and live.calls >= _ENOUGH_CALLS else None
    if live is None or p95 is None or p95 < limit_ms:
        return None
    if math.isinf(p95):
        return Condition("▲", "failing", BAD, f"{live.failed} of {live.calls} failed")
    return Condition("▲", "slow", POOR, f"P95 {duration(p95)}, limit {duration(limit_ms)}")


def gate_condition(gate: GateView | None) -> Condition:
    """Whether the gate passes, and since when."""
    if gate is None:
        return Condition("◌", "checking", UNKNOWN)
    if gate.valid:
        age = "" if gate.age_days is None else ago(gate.age_days * 86_400)
        return Condition("✓", "pass", GOOD, age)
    style = POOR if gate.detail == "inconclusive" else BAD
    glyph = "▲" if gate.detail == "inconclusive" else "✖"
    detail = gate.detail or "not passed"
    word = _STATE_WORDS.get(detail, detail.replace("_", " "))
    return Condition(glyph, "does not count" if detail == "marked" else word, style)


def breaker_condition(breaker: BreakerView | None) -> Condition:
    """Whether failures keep calls away from reflex, and until when."""
    if breaker is None:
        return Condition("◌", "checking", UNKNOWN)
    from core.router.decision import BreakerState  # who looks has loaded it

    failures = f"{plural(breaker.failure_count, 'failure')} (limit {breaker.max_failures})"
    match breaker.state:
        case BreakerState.CLOSED:
            style = POOR if breaker.failure_count else GOOD
            return Condition("●", "closed", style, failures)
        case BreakerState.OPEN:
            due = f"retry in {breaker.retry_in_s or 0:.0f} s"
            return Condition("✖", "open", BAD, f"{failures}, {due}")
        case BreakerState.HALF_OPEN:
            due = "trying the next call" if breaker.lets_through else "trying reflex now"
            return Condition("▲", "half-open", POOR, f"{failures}, {due}")
