"""Who answers the next Implement call and why, in one sentence for every surface.

The verdict on the health pane, the top line of every pane, the dialog that enables reflex and
``code reflex status`` all say what is made here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.figures import ago, plural
from core.plain import plain
from core.stages import Mode, Reason
from reflex_tui.model.gate import BAD, GOOD, MODE_STYLE, POOR, why

if TYPE_CHECKING:
    from core.router.decision import BreakerView
    from core.router.view import RoutingView

NOT_SENT = "the evidence cannot be read"


@dataclass(frozen=True, slots=True)
class RuleCheck:
    """One condition of the routing rule: None where it was not reached."""

    met: bool | None
    words: str
    short: str

    @property
    def glyph(self) -> str:
        """A tick, a cross, or a dot for what the rule did not come to."""
        return {True: "✓", False: "✖", None: "·"}[self.met]

    @property
    def style(self) -> str:
        """Its colour."""
        return {True: GOOD, False: BAD, None: "$muted"}[self.met]


@dataclass(frozen=True, slots=True)
class NextCall:
    """``who`` answers (``reflex``, ``cloud``; empty: nobody), and ``because`` in words.

    ``code`` is the reason as the evidence has it.
    """

    who: str
    because: str
    code: str
    style: str
    checks: tuple[RuleCheck, ...] = ()

    @property
    def sentence(self) -> str:
        """``next Implement call → cloud: reflex is disabled``."""
        if not self.who:
            return f"the next call is not sent: {self.because}"
        return f"next Implement call → {self.who}: {self.because}"

    @property
    def glyph(self) -> str:
        """A dot for reflex, an arrow for the cloud, a cross for nobody."""
        return {"": "✖", str(Mode.REFLEX): "●"}.get(self.who, "↗")


def next_call(routing_view: RoutingView, *, no_evidence: bool = False) -> NextCall:
    """What happens to the next Implement call; ``no_evidence``: the capsule cannot be read."""
    checks = _checks(routing_view)
    if no_evidence:
        return NextCall("", NOT_SENT, "capsule_unreadable", BAD, checks)
    decision = routing_view.decision
    code = f"{decision.reason} ({decision.detail})" if decision.detail else str(decision.reason)
    mode = decision.mode
    return NextCall(str(mode), _because(routing_view), code, MODE_STYLE[mode], checks)


def _because(routing_view: RoutingView) -> str:
    match routing_view.decision.reason:
        case Reason.REFLEX_DISABLED:
            return "reflex is disabled"
        case Reason.SERVER_UNHEALTHY | Reason.MODEL_NOT_AVAILABLE:
            return plain(routing_view.health.summary, 500)
        case Reason.THRESHOLDS_NOT_MET:
            return why(routing_view.gate)
        case Reason.MAX_FAILURES_REACHED:
            return breaker_words(routing_view.breaker)
        case _:
            return "server healthy, gate passed, breaker closed"


def _checks(routing_view: RoutingView) -> tuple[RuleCheck, ...]:
    """The rule's conditions in its order, as far as it goes."""
    gate, enabled = routing_view.gate, routing_view.policy.reflex.enabled
    age = "" if gate.age_days is None else f" {ago(gate.age_days * 86_400)}"
    server = "server healthy" if routing_view.health.ok else "server not healthy"
    closed = routing_view.breaker.lets_through
    # As it is called everywhere: half-open lets one call at a time through.
    breaker = f"breaker {_state_of(routing_view.breaker)}"
    conditions = (
        (enabled, "reflex enabled" if enabled else "reflex disabled", "enabled"),
        (routing_view.health.ok, server, "server"),
        (gate.valid, f"gate passed{age}" if gate.valid else "gate not passed", "gate"),
        (closed, breaker, "breaker"),
    )
    found: list[RuleCheck] = []
    for met, words, short in conditions:
        reached = all(each.met for each in found)
        found.append(RuleCheck(met if reached or not met else None, words, short))
    return tuple(found)


def breaker_words(breaker: BreakerView) -> str:
    """``breaker open: 3 failures (limit 3)``; the seconds left are told where they count down."""
    failures = f"{plural(breaker.failure_count, 'failure')} (limit {breaker.max_failures})"
    return f"breaker {_state_of(breaker)}: {failures}"


def _state_of(breaker: BreakerView) -> str:
    return str(breaker.state).replace("_", "-")


def failing_style(share: float) -> str:
    """The colour of a share (0 to 1) of calls that failed."""
    return BAD if share > 0.05 else POOR if share else "$muted"  # noqa: PLR2004  as P95 goes
