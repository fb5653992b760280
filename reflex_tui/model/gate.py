"""The three things that meet the eye first, each as a glyph and a word: server, gate, breaker.

The gate's three criteria as text: value, bound, threshold, verdict; or what they still lack.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.figures import ago, duration, percent
from core.plain import plain
from core.stages import Mode
from reflex_tui.model.rows import number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from core.router.decision import BreakerView, GateView, RoutingDecision
    from core.router.view import RoutingView
    from core.settings import Thresholds
    from reflex_tui.model.latencies import Figures


SUITE = "reflex_patchloop_v1"
MAKE_FIRST = f"code reflex bakeoff --suite {SUITE}"

_TABLE: tuple[tuple[str, str, str, Callable[[float | None], str], str], ...] = (
    ("p95_latency", "P95 latency", "at most", duration, "<"),
    ("success_parity", "success parity", "at least", percent, "≥"),
    ("json_compliance", "JSON compliance", "at least", percent, "≥"),
)
_STATES = frozenset({"pass", "fail", "inconclusive"})


@dataclass(frozen=True, slots=True)
class CriterionRow:
    """One line of the gate table; ``verdict`` is ``pass``, ``fail``, ``inconclusive`` or empty."""

    key: str
    name: str
    value: str
    bound: str
    threshold: str
    verdict: str


def why(gate: GateView) -> str:
    """Why the gate is not met, in words; empty when it is."""
    return plain(gate.explanation.sentence, 300)


def next_step(gate: GateView) -> str:
    """What to do about a gate that is not met; empty when it is."""
    return plain(gate.explanation.next_step, 200)


def criteria(gate: Mapping[str, Any] | None, thresholds: Thresholds) -> tuple[CriterionRow, ...]:
    """The table of a GateDecision or of a report's ``gate``; what has to be shown without one.

    Each criterion is looked for by name, in ``criteria`` (a list) or ``metrics`` (by name), with
    ``value``, ``bound`` and ``threshold`` in ms or percent, ``state`` and ``note``. What is missing
    or of another kind is shown as a dash.
    """
    entries = _entries(gate or {})
    limits = {
        "p95_latency": thresholds.p95_latency_ms,
        "success_parity": thresholds.success_parity_percent,
        "json_compliance": thresholds.json_schema_compliance_percent,
    }
    found = []
    for key, name, at, say, sign in _TABLE:
        entry = entries.get(key, {})
        judged_by = number(entry, "threshold")
        limit = limits[key] if judged_by is None else judged_by
        state = _state(gate or {}, entry, key)
        value = number(entry, "value")
        endless = value is None and state == "fail"
        found.append(
            CriterionRow(
                key,
                name,
                value="∞" if endless else say(value),
                bound=_bound(entry, at, say),
                threshold=f"{sign} {say(limit)}",
                verdict=state,
            )
        )
    return tuple(found)


def _entries(gate: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    given = gate.get("criteria") or gate.get("metrics")
    if isinstance(given, dict):
        given = [{"name": name, **each} for name, each in given.items() if isinstance(each, dict)]
    if not isinstance(given, list):
        return {}
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


SLOW_PROBE_MS = 500.0
_ENOUGH_CALLS = 5
GOOD, POOR, BAD, UNKNOWN = "$success", "$warning", "$error", "$muted"
MODE_STYLE = {Mode.REFLEX: "$reflex", Mode.CLOUD: "$cloud"}


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


def server_condition(outlook: RoutingView | None, live: Figures | None = None) -> Condition:
    """How the reflex server is; ``live`` is what its real calls took."""
    if outlook is None:
        return Condition("◌", "looking", UNKNOWN)
    health = outlook.health
    if not health.ok:
        if health.cause == "loading":
            return Condition("▲", "loading", POOR, health.summary)
        return Condition("✖", "down", BAD, health.summary)
    limit = outlook.policy.reflex.thresholds.p95_latency_ms
    p95 = live.total.p95 if live and live.calls - live.failed >= _ENOUGH_CALLS else None
    if p95 is not None and p95 >= limit:
        return Condition("▲", "slow", POOR, f"P95 {duration(p95)}, limit {duration(limit)}")
    if health.latency_ms >= SLOW_PROBE_MS:
        return Condition("▲", "slow", POOR, f"a probe takes {duration(health.latency_ms)}")
    return Condition("●", "up", GOOD)


def gate_condition(gate: GateView | None) -> Condition:
    """Whether reflex has earned the work, and since when."""
    if gate is None:
        return Condition("◌", "looking", UNKNOWN)
    if gate.valid:
        age = "" if gate.age_days is None else ago(gate.age_days * 86_400)
        return Condition("✓", "pass", GOOD, age)
    style = POOR if gate.detail == "inconclusive" else BAD
    glyph = "▲" if gate.detail == "inconclusive" else "✖"
    word = "does not count" if gate.marks else (gate.detail or "not met").replace("_", " ")
    return Condition(glyph, word, style)


def breaker_condition(breaker: BreakerView | None) -> Condition:
    """Whether failures keep calls away from reflex, and until when."""
    if breaker is None:
        return Condition("◌", "looking", UNKNOWN)
    from core.router.decision import BreakerState  # who looks has loaded it

    failures = f"{breaker.failure_count} of {breaker.max_failures} failures"
    match breaker.state:
        case BreakerState.CLOSED:
            style = POOR if breaker.failure_count else GOOD
            return Condition("●", "closed", style, failures)
        case BreakerState.OPEN:
            due = f"next probe in {breaker.retry_in_s or 0:.0f} s"
            return Condition("✖", "open", BAD, f"{failures}, {due}")
        case BreakerState.HALF_OPEN:
            due = "the next call probes" if breaker.lets_through else "a probe is under way"
            return Condition("▲", "half-open", POOR, f"{failures}, {due}")


def reason_text(decision: RoutingDecision) -> str:
    """``thresholds_not_met (no_bakeoff)``."""
    return f"{decision.reason} ({decision.detail})" if decision.detail else str(decision.reason)
