"""The routing rule: ``decide``, a pure function from what is known to who answers, and its values.

``BreakerView`` and ``GateView`` are what the rule sees of breaker and gate; ``CallOptions`` is what
a caller's task adds for one of its calls.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from core.router.lapses import Explanation, OtherSuite, explained
from core.stages import CLOUD, Mode, Reason, Stage

if TYPE_CHECKING:
    from core.client.tokens import Overflow
    from core.monitor.drift import Watched
    from core.router.condition import Health
    from core.settings.policy import PolicySnapshot


ATTEMPTS_FAILED = "attempts_failed"
"""The detail of a decision made because replies came and were of no use to the task."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as far as an agent says so: its session and its subagent.

    ``stage_rule`` is the gateway's rule by which the call is of its stage; None where the caller
    named it, or none applied.
    """

    stage_rule: str | None = None
    session: str | None = None
    agent: str | None = None


@dataclass(frozen=True, slots=True)
class CallOptions:
    """What one call asks for beyond the table.

    ``given_up`` names the backends that the task has left behind after too many failed attempts:
    they are not asked again. With ``local_only`` no cloud is asked. With ``local_sampling``,
    temperature, seed and ``max_tokens`` are for local servers alone: cloud models refuse the first,
    and think within the last. ``task_id`` is shared by the calls of one task, which is held out as
    a whole or not at all.
    ``needs_cloud`` says what of the request no local server can answer, such as ``image_input``.
    ``checked`` says that a check will tell what the answer is worth: no shadow call compares it
    by its words.
    """

    given_up: frozenset[str] = frozenset()
    local_only: bool = False
    local_sampling: bool = False
    needs_cloud: str | None = None
    checked: bool = False
    caller: Caller = Caller()
    task_id: str | None = None

    @property
    def not_asked(self) -> frozenset[str]:
        """The backends that this call passes over."""
        return self.given_up | {CLOUD} if self.local_only else self.given_up


class BreakerState(StrEnum):
    """Closed lets calls through, open does not, half-open lets one probe through."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class BreakerView:
    """The circuit breaker as a decision sees it; ``retry_in_s`` until a probe is due."""

    state: BreakerState
    failure_count: int
    max_failures: int
    retry_in_s: float | None = None

    @property
    def lets_through(self) -> bool:
        """Whether a call may go to reflex now."""
        return self.state is BreakerState.CLOSED or (
            self.state is BreakerState.HALF_OPEN and self.retry_in_s == 0
        )


@dataclass(frozen=True, slots=True)
class GateView:
    """Whether the last gate pass holds now; ``detail`` says why not.

    ``event`` is the GateDecision believed or refused, as the capsule has it; ``marks`` are those
    of its marks for which it does not count here. ``drift`` is what live calls show of a pass, None
    where none is watched. ``other_suite`` is set where the pass is on a suite that is not among
    those whose passes count.
    """

    valid: bool
    detail: str | None = None
    event: dict[str, Any] | None = None
    age_days: float | None = None
    marks: tuple[str, ...] = ()
    drift: tuple[Watched, ...] | None = None
    other_suite: OtherSuite | None = None

    @property
    def explanation(self) -> Explanation:
        """Why it does not hold and what to do, in the words of every surface; empty when it does.

        What comes from the capsule is not safe to show as it is.
        """
        if self.valid:
            return Explanation("", "")
        passed = (self.event or {}).get("verdict") == "pass"
        detail = self.detail or "no_bakeoff"
        return explained(detail, self.marks, passed=passed, other=self.other_suite)

    @property
    def demotion(self) -> dict[str, Any] | None:
        """The promise whose breach is why the pass does not hold; None where that is not why.

        As a GateDecision's ``drift``, with its ``cause``; also before it is on record.
        """
        event = self.event or {}
        if self.detail and event.get("cause") == self.detail:
            drift = event.get("drift")
            return {"cause": self.detail, **drift} if isinstance(drift, dict) else None
        broken = next((one for one in self.drift or () if one.cause == self.detail), None)
        return broken.as_json() if broken else None


@dataclass(frozen=True, slots=True)
class RoutingDecision:
    """Who answers, and why; ``detail`` narrows the reason down."""

    mode: Mode
    reason: Reason
    detail: str | None = None


_EARNED = RoutingDecision(Mode.REFLEX, Reason.HEALTHY_AND_THRESHOLDS_MET)


def decide(  # noqa: PLR0911  one return a row of the table
    policy: PolicySnapshot,
    stage: Stage,
    health: Health | None,
    breaker: BreakerView | None,
    gate: GateView | None,
    *,
    overflow: Overflow | None = None,
    holdout: bool = False,
) -> RoutingDecision:
    """The first rule of the table that applies; what was not looked at may be None.

    A missing health, gate or breaker counts as bad: the gate fails closed. ``overflow`` says that
    the call surely does not fit into the server's context, ``holdout`` that it is one of those
    which the cloud answers for comparison.
    """
    if stage is not Stage.IMPLEMENT:
        return RoutingDecision(Mode.CLOUD, Reason.NOT_IMPLEMENT_STAGE)
    if not policy.reflex.enabled:
        return RoutingDecision(Mode.CLOUD, Reason.REFLEX_DISABLED)
    if health is None:
        return RoutingDecision(Mode.CLOUD, Reason.SERVER_UNHEALTHY, "unknown")
    if not health.ok:
        reason = health.reason or Reason.SERVER_UNHEALTHY
        return RoutingDecision(Mode.CLOUD, reason, str(health.cause))
    if gate is None or not gate.valid:
        detail = gate.detail if gate else "no_bakeoff"
        return RoutingDecision(Mode.CLOUD, Reason.THRESHOLDS_NOT_MET, detail)
    if breaker is None or not breaker.lets_through:
        detail = str(breaker.state) if breaker else "unknown"
        return RoutingDecision(Mode.CLOUD, Reason.MAX_FAILURES_REACHED, detail)
    if overflow is not None:
        return RoutingDecision(Mode.CLOUD, Reason.PROMPT_EXCEEDS_CONTEXT, overflow.detail)
    if holdout:
        return RoutingDecision(Mode.CLOUD, Reason.HOLDOUT)
    return _EARNED
