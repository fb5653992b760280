"""What the next Implement call would do and why: for ``status`` and the dashboard.

What a decision is made from: the server's health, the breaker and the gate, kept fresh.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.capsule import EventLog
from core.client.metrics import MetricsReader
from core.clock import Clock, SystemClock
from core.router.backends import primary
from core.router.breaker import Breaker, BreakerRule
from core.router.decision import BreakerView, GateView, RoutingDecision, decide
from core.router.health import HealthMonitor, probe
from core.router.promotion import GateWatch
from core.settings.policy import PolicySnapshot
from core.stages import Stage

if TYPE_CHECKING:
    from pathlib import Path

    from core.client.backend import Backend
    from core.router.condition import Health
    from core.settings import Settings


HEALTH_TIMEOUT_MS = 1000.0


@dataclass(frozen=True, slots=True)
class RoutingFacts:
    """What was seen, and what the rule makes of it; None was not looked at."""

    decision: RoutingDecision
    health: Health | None
    breaker: BreakerView | None
    gate: GateView | None


class RoutingState:
    """One workspace's view of its primary reflex server."""

    def __init__(
        self,
        settings: Settings,
        policy: PolicySnapshot,
        *,
        log: EventLog | None = None,
        clock: Clock | None = None,
        key_directory: Path | None = None,
    ) -> None:
        self.policy = policy
        self.backend: Backend = primary(settings)
        self.log = log or EventLog(settings.state_dir / "capsule")
        self._clock = clock or SystemClock()
        self.monitor = HealthMonitor(self.backend, timeout_ms=HEALTH_TIMEOUT_MS, clock=self._clock)
        self.breaker = breaker_of(settings, self.backend)
        self.gates = GateWatch(
            self.log, policy, settings.source.root, clock=self._clock, key_directory=key_directory
        )

    async def look(self, stage: Stage = Stage.IMPLEMENT) -> RoutingFacts:
        """Look at what the rule needs for ``stage``, in its order, and apply it."""
        if stage is not Stage.IMPLEMENT or not self.policy.reflex.enabled:
            return RoutingFacts(decide(self.policy, stage, None, None, None), None, None, None)
        health = await self.monitor.current()
        gate = await self.gate(health)
        breaker = self.breaker.view()
        return RoutingFacts(
            decide(self.policy, stage, health, breaker, gate), health, breaker, gate
        )

    async def gate(self, health: Health) -> GateView:
        """Whether the gate pass holds for the server as it is."""
        identity = health.engine.fingerprint if health.ok and health.engine else None
        known = self.gates.remembered(identity)
        if known is None:
            known = await asyncio.to_thread(self.gates.view, identity)
        return known

    async def aclose(self) -> None:
        """Stop probing in the background."""
        await self.monitor.aclose()
        self.breaker.close()


def breaker_of(settings: Settings, backend: Backend) -> Breaker:
    """The breaker of ``backend``, shared by all processes of the workspace."""
    fallback = settings.reflex.fallback
    rule = BreakerRule(fallback.max_failures, fallback.recovery_s)
    return Breaker(settings.state_dir / "breaker", backend.endpoint, backend.model, rule)


@dataclass(frozen=True, slots=True)
class RoutingView:
    """Everything the decision about an Implement call rests on, seen now, and the decision."""

    settings: Settings
    policy: PolicySnapshot
    health: Health
    breaker: BreakerView
    gate: GateView
    decision: RoutingDecision


class RoutingViewer:
    """Looks again and again at one workspace's situation, the engine's load included."""

    def __init__(
        self, settings: Settings, *, clock: Clock | None = None, key_directory: Path | None = None
    ) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        policy = PolicySnapshot.capture(settings, clock)
        self._situation = RoutingState(settings, policy, clock=clock, key_directory=key_directory)
        self._load = MetricsReader(self._situation.backend, clock=self._clock)

    async def look(self, *, deep: bool = False) -> RoutingView:
        """Probe now; a sick server is a finding, not an error.

        Raises:
            CapsuleError: the evidence cannot be read.
        """
        situation = self._situation
        health = await probe(
            situation.backend,
            timeout_ms=HEALTH_TIMEOUT_MS,
            clock=self._clock,
            load=self._load,
            deep=deep,
        )
        gate = await situation.gate(health)
        breaker = situation.breaker.view()
        decision = decide(situation.policy, Stage.IMPLEMENT, health, breaker, gate)
        return RoutingView(self._settings, situation.policy, health, breaker, gate, decision)

    async def aclose(self) -> None:
        """Let go of connections and files."""
        await self._situation.aclose()
        self._situation.log.close()
