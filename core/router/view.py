"""What a routing decision rests on, looked at live, and the one picture that all surfaces show.

``RoutingState`` watches one workspace's primary server, breaker and gate. The router asks it to
``decide``; ``status``, the gateway's ``/health``, ``enable`` and the dashboard show its
``RoutingView``, and programs get ``RoutingView.as_json()``, the same from each of them.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.capsule import EventLog
from core.client.load import MetricsReader
from core.client.tokens import ContextFit
from core.clock import Clock, SystemClock
from core.errors import CapsuleError
from core.plain import plain
from core.router.backends import primary
from core.router.breaker import Breaker, BreakerRule
from core.router.decision import BreakerView, GateView, RoutingDecision, decide
from core.router.health import HealthMonitor, probe
from core.router.promotion import GateWatch
from core.router.server_notices import too_few_requests
from core.settings.policy import PolicySnapshot
from core.stages import Mode, Stage

if TYPE_CHECKING:
    from pathlib import Path

    from core.client.backend import Backend, ChatRequest
    from core.notify.notifier import Notifier
    from core.router.condition import Health
    from core.settings import Settings

_LEAST_PROBE_MS = 1000.0
_SUCCESSOR_FRESH_S = 60.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RoutingView:
    """Everything the decision about an Implement call rests on, and the decision."""

    settings: Settings
    policy: PolicySnapshot
    health: Health
    breaker: BreakerView
    gate: GateView
    decision: RoutingDecision

    @property
    def notices(self) -> tuple[str, ...]:
        """Sentences about what a healthy server lacks, for this configuration too."""
        few = too_few_requests(self.health.engine, self.policy.reflex.candidates, 1)
        return (*self.health.notices, few) if few else self.health.notices

    def as_json(self) -> dict[str, Any]:
        """JSON-ready: what the next Implement call would do, health, breaker, gate and policy."""
        return {
            "next_implement_call": {
                "mode": str(self.decision.mode),
                "reason": str(self.decision.reason),
                "detail": self.decision.detail,
            },
            "health": self.health.as_json(),
            "breaker": {
                "state": str(self.breaker.state),
                "failure_count": self.breaker.failure_count,
                "max_failures": self.breaker.max_failures,
                "retry_in_s": self.breaker.retry_in_s,
            },
            "gate": {
                "valid": self.gate.valid,
                "detail": self.gate.detail,
                "explanation": plain(self.gate.explanation.sentence, 300) or None,
                "next_step": plain(self.gate.explanation.next_step, 400) or None,
                "marks": [plain(mark, 40) for mark in self.gate.marks],
                "age_days": self.gate.age_days,
                "demotion": self.gate.demotion,
                "event": self.gate.event,
            },
            "monitor": {
                "enabled": self.policy.reflex.monitor.enabled,
                "demote": self.policy.reflex.monitor.demote,
                "watched": [one.as_json() for one in self.gate.drift or ()],
            },
            "policy_hash": self.policy.policy_hash,
        }


class RoutingState:
    """One workspace's primary server, its breaker and its gate pass; belongs to one event loop.

    With a ``notifier`` a pass that live calls have broken is taken away on record, and the user
    told; without one that is only seen.
    """

    def __init__(
        self,
        settings: Settings,
        policy: PolicySnapshot | None = None,
        *,
        clock: Clock | None = None,
        key_directory: Path | None = None,
        notifier: Notifier | None = None,
    ) -> None:
        self.settings = settings
        self.policy = policy or PolicySnapshot.capture(settings, clock)
        self.backend: Backend = primary(settings)
        self.log = EventLog(settings.state_dir / "capsule")
        self._clock = clock or SystemClock()
        # A deadline shorter than this would call a healthy server down for a moment's delay.
        self._probe_timeout_ms = max(_LEAST_PROBE_MS, float(self.backend.timeout_ms))
        self.monitor = HealthMonitor(
            self.backend, timeout_ms=self._probe_timeout_ms, clock=self._clock
        )
        self.breaker = breaker_of(settings, self.backend)
        self.fit = ContextFit(self.backend)
        self._gates = GateWatch(
            self.log,
            self.policy,
            settings.source.root,
            clock=self._clock,
            key_directory=key_directory,
            notifier=notifier,
        )
        self._noting: asyncio.Task[None] | None = None
        self._calls = self._outcomes = 0  # that the monitor has not looked at
        self._load = MetricsReader(self.backend, clock=self._clock)

    async def decide(
        self,
        stage: Stage = Stage.IMPLEMENT,
        request: ChatRequest | None = None,
        *,
        holdout: bool = False,
    ) -> RoutingDecision:
        """Look at what the rule needs for ``stage``, and no more, and apply it to ``request``.

        ``holdout`` says that the cloud shall answer where reflex could.

        Raises:
            CapsuleError: the evidence cannot be read.
        """
        if stage is not Stage.IMPLEMENT or not self.policy.reflex.enabled:
            return decide(self.policy, stage, None, None, None)
        seen = await self.view()
        if request is None or seen.decision.mode is not Mode.REFLEX:
            return seen.decision
        overflow = await self.fit.overflow(request, seen.health.engine)
        return decide(
            self.policy,
            stage,
            seen.health,
            seen.breaker,
            seen.gate,
            overflow=overflow,
            holdout=holdout,
        )

    async def view(self) -> RoutingView:
        """The picture by the server's health as remembered; raises as ``decide``."""
        return await self._seen(await self.monitor.current())

    async def look(self, *, deep: bool = False) -> RoutingView:
        """The picture by a probe made now, the engine's load included; raises as ``decide``."""
        health = await probe(
            self.backend,
            timeout_ms=self._probe_timeout_ms,
            clock=self._clock,
            load=self._load,
            deep=deep,
        )
        return await self._seen(health)

    async def gate(self, health: Health | None = None) -> GateView:
        """Whether the gate pass holds for the server as it is; without one, for the rest."""
        engine = health.engine if health and health.ok else None
        identity = engine.fingerprint if engine else None
        if self._noting is not None and self._could_break():
            await asyncio.shield(self._noting)
        known = self._gates.remembered(identity)
        if known is None:
            known = await asyncio.to_thread(self._gates.view, identity)
        return known

    def call_ended(self) -> None:
        """A call that reflex was asked has ended; it is looked at before it could matter."""
        self._calls += 1
        self._look_in_time()

    def outcome_known(self) -> None:
        """What became of an answer, or of a pair, is on record; as ``call_ended``."""
        self._outcomes += 1
        self._look_in_time()

    def _look_in_time(self) -> None:
        if self._noting is None and self._could_break(more=1):
            self._noting = asyncio.create_task(self._note(), name="monitor")

    def _could_break(self, more: int = 0) -> bool:
        return self._gates.could_break(self._calls + more, self._outcomes + more)

    async def _note(self) -> None:
        try:
            while self._calls or self._outcomes:
                calls, outcomes = self._calls, self._outcomes
                await asyncio.to_thread(self._gates.noted)
                self._calls -= calls
                self._outcomes -= outcomes
        except (CapsuleError, OSError) as error:
            self._calls = self._outcomes = 0
            logger.warning("the monitor cannot read the capsule: %s", error)
        finally:
            self._noting = None

    async def aclose(self) -> None:
        """Stop probing in the background, and close connections and files."""
        if self._noting is not None:
            await self._noting
        await self.monitor.aclose()
        await self.fit.aclose()
        self.breaker.close()
        self.log.close()

    async def _seen(self, health: Health) -> RoutingView:
        gate, breaker = await self.gate(health), self.breaker.view()
        decision = decide(self.policy, Stage.IMPLEMENT, health, breaker, gate)
        return RoutingView(self.settings, self.policy, health, breaker, gate, decision)


async def look_once(settings: Settings) -> RoutingView:
    """What every surface shows of a workspace, by one look at it.

    Raises:
        CapsuleError: The evidence cannot be read.
    """
    async with aclosing(RoutingState(settings)) as state:
        return await state.look()


def successor_monitor(backend: Backend, clock: Clock | None = None) -> HealthMonitor:
    """Who answers at a local server that stands in for the primary; asked when it is needed.

    Whether it is healthy its breaker finds out. Of a change within the minute it may not hear: then
    the server refuses what it does not take, and is asked again with less.
    """
    return HealthMonitor(
        backend,
        timeout_ms=_LEAST_PROBE_MS,
        clock=clock,
        fresh_healthy_s=_SUCCESSOR_FRESH_S,
        fresh_unhealthy_s=_SUCCESSOR_FRESH_S / 6,
    )


def breaker_of(settings: Settings, backend: Backend) -> Breaker:
    """The breaker of ``backend``, shared by all processes of the workspace."""
    fallback = settings.reflex.fallback
    rule = BreakerRule(fallback.max_failures, fallback.recovery_s)
    return Breaker(settings.state_dir / "breaker", backend.endpoint, backend.model, rule)
