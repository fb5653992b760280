"""What the next Implement call would do and why: for ``status`` and the dashboard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.client.metrics import MetricsReader
from core.clock import Clock, SystemClock
from core.policy import PolicySnapshot
from core.router.decision import BreakerView, GateView, RoutingDecision, decide
from core.router.probing import probe
from core.router.situation import HEALTH_TIMEOUT_MS, Situation
from core.stages import Stage

if TYPE_CHECKING:
    from pathlib import Path

    from core.router.condition import Health
    from core.settings import Settings


@dataclass(frozen=True, slots=True)
class Outlook:
    """Everything the decision about an Implement call rests on, seen now, and the decision."""

    settings: Settings
    policy: PolicySnapshot
    health: Health
    breaker: BreakerView
    gate: GateView
    decision: RoutingDecision


class Lookout:
    """Looks again and again at one workspace's situation, the engine's load included."""

    def __init__(
        self, settings: Settings, *, clock: Clock | None = None, key_directory: Path | None = None
    ) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        policy = PolicySnapshot.capture(settings, clock)
        self._situation = Situation(settings, policy, clock=clock, key_directory=key_directory)
        self._load = MetricsReader(self._situation.backend, clock=self._clock)

    async def look(self, *, deep: bool = False) -> Outlook:
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
        return Outlook(self._settings, situation.policy, health, breaker, gate, decision)

    async def aclose(self) -> None:
        """Let go of connections and files."""
        await self._situation.aclose()
        self._situation.log.close()
