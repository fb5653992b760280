"""The three things that meet the eye first, each as a glyph and a word: server, gate, breaker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.stages import Mode
from reflex_tui.widgets.units import ago, duration

if TYPE_CHECKING:
    from core.router.decision import BreakerView, GateView, RoutingDecision
    from core.router.outlook import Outlook
    from reflex_tui.panes.latencies import Figures

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


def server_condition(outlook: Outlook | None, live: Figures | None = None) -> Condition:
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
    return Condition(glyph, (gate.detail or "not met").replace("_", " "), style)


def breaker_condition(breaker: BreakerView | None) -> Condition:
    """Whether failures keep calls away from reflex, and until when."""
    if breaker is None:
        return Condition("◌", "looking", UNKNOWN)
    from core.router.decision import BreakerState  # noqa: PLC0415  who looks has loaded it

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
