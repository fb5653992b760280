"""Health of a backend as the router sees it: remembered for a moment, refreshed beside the work.

A healthy verdict is never served longer than ``fresh_healthy_s`` after its probe began, so that
decisions leave a dead server within that time plus one probe. An unhealthy one may be served
longer, since it only sends work to the cloud, while a probe in the background looks again.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from core.client.fetch import open_http
from core.client.metrics import MetricsReader
from core.clock import Clock, SystemClock
from core.router.condition import Cause, DeepProbe, Health
from core.router.probing import probe

if TYPE_CHECKING:
    from core.client.backend import Backend
    from core.client.fetch import Http
    from core.client.server import EngineIdentity

__all__ = ["Cause", "DeepProbe", "Health", "HealthMonitor", "MetricsReader", "Prober", "probe"]

_STALE_UNHEALTHY = 5.0  # times fresh_unhealthy_s
_REMEMBERED_S = 10.0  # how long an identity vouches for the server's version


class Prober(Protocol):
    """What a monitor looks through: ``probe``, or a test's stand-in."""

    async def __call__(
        self,
        backend: Backend,
        *,
        timeout_ms: float,
        http: Http | None,
        clock: Clock | None,
        load: bool | MetricsReader,
        known: EngineIdentity | None,
    ) -> Health:
        """One look at ``backend``; never raises."""


class HealthMonitor:
    """The health of one backend, at most a moment old; concurrent callers share one probe.

    With ``load`` every probe also reads the engine's metrics. Belongs to one event loop.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        timeout_ms: float,
        clock: Clock | None = None,
        fresh_healthy_s: float = 2.0,
        fresh_unhealthy_s: float = 1.0,
        load: bool = False,
        probe: Prober = probe,
    ) -> None:
        self.backend = backend
        self._timeout_ms = timeout_ms
        self._clock = clock or SystemClock()
        self._fresh_healthy_s = fresh_healthy_s
        self._fresh_unhealthy_s = fresh_unhealthy_s
        self._load: bool | MetricsReader = load and MetricsReader(backend, clock=self._clock)
        self._probe = probe
        self._http: Http | None = None
        self._health: Health | None = None
        self._refresh_at = self._expires_at = self._seen_at = 0.0
        self._flight: asyncio.Task[Health] | None = None
        self._flights: set[asyncio.Task[Health]] = set()

    @property
    def last(self) -> Health | None:
        """The newest verdict however old, without looking; None before the first."""
        return self._health

    async def current(self) -> Health:
        """The health, remembered while fresh; else that of a probe which callers share."""
        now = self._clock.monotonic()
        if self._health is None or now >= self._expires_at:
            return await self.refresh()
        if now >= self._refresh_at:
            self._launch()
        return self._health

    async def refresh(self) -> Health:
        """The health by a probe that ends after this call; joins one that is under way."""
        while True:
            # A caller that gives up must not end the probe for the others.
            await asyncio.shield(self._launch())
            if self._health is not None:  # else invalidated meanwhile
                return self._health

    def invalidate(self) -> None:
        """Forget the verdict, and any probe under way: a connection has just failed."""
        self._health = None
        self._flight = None

    async def aclose(self) -> None:
        """End what runs in the background and close the connection pool."""
        flights, self._flight = tuple(self._flights), None
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    def _launch(self) -> asyncio.Task[Health]:
        if self._flight is None:
            self._flight = asyncio.create_task(self._look(), name=f"health of {self.backend.name}")
            self._flights.add(self._flight)
            self._flight.add_done_callback(self._flights.discard)
        return self._flight

    async def _look(self) -> Health:
        began_at = self._clock.monotonic()
        if self._http is None:
            self._http = open_http(self.backend)
        recent = began_at - self._seen_at <= _REMEMBERED_S
        last = self._health
        try:
            health = await self._probe(
                self.backend,
                timeout_ms=self._timeout_ms,
                http=self._http,
                clock=self._clock,
                load=self._load,
                known=last.engine if last is not None and last.ok and recent else None,
            )
        finally:
            valid = self._flight is asyncio.current_task()
            if valid:
                self._flight = None
        if valid:
            self._remember(health, began_at)
        return health

    def _remember(self, health: Health, began_at: float) -> None:
        ended_at = self._clock.monotonic()
        self._health, self._seen_at = health, ended_at
        if health.ok:
            # Counted from the probe's beginning: the server may have died just after answering.
            self._refresh_at = began_at + self._fresh_healthy_s / 2
            self._expires_at = began_at + self._fresh_healthy_s
        else:
            self._refresh_at = ended_at + self._fresh_unhealthy_s
            self._expires_at = ended_at + self._fresh_unhealthy_s * _STALE_UNHEALTHY
