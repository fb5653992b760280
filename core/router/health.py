"""Health of a backend: ``probe`` looks at a server once, ``HealthMonitor`` remembers the result.

A probe has one deadline and always ends in a ``Health``. The monitor never serves a healthy result
for longer than ``fresh_healthy_s`` after its probe began, so that decisions leave a dead server
within that time plus one probe. An unhealthy one may be served longer, since it only sends work to
the cloud, while a probe in the background looks again.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from core.client.fetch import open_http
from core.client.load import EngineLoad, MetricsReader
from core.client.server import (
    Engine,
    EngineIdentity,
    ModelEntry,
    check_ready,
    find_model,
    identify,
    list_models,
    together,
)
from core.clock import Clock, SystemClock
from core.errors import (
    BackendError,
    ConnectFailed,
    IncompleteReply,
    ProtocolError,
    StatusError,
)
from core.plain import plain
from core.router.condition import Cause, DeepProbe, Health
from core.router.remedies import remedy, shown
from core.router.server_notices import of_setup

if TYPE_CHECKING:
    from core.client.backend import Backend
    from core.client.transport import Transport


_CONNECT_CAUSES = {"dns": Cause.UNRESOLVABLE, "tls": Cause.TLS, "reset": Cause.NO_REPLY}
_STATUS_CAUSES = {
    401: Cause.UNAUTHORIZED,
    403: Cause.UNAUTHORIZED,
    404: Cause.WRONG_PATH,
    503: Cause.LOADING,
}
_STATUS_WORDS = {
    Cause.UNAUTHORIZED: "it asks for an API key",
    Cause.LOADING: "it is not ready yet",
    Cause.WRONG_PATH: "it has no /models there",
}


async def probe(
    backend: Backend,
    *,
    timeout_ms: float,
    http: Transport | None = None,
    clock: Clock | None = None,
    deep: bool = False,
    load: bool | MetricsReader = False,
    known: EngineIdentity | None = None,
) -> Health:
    """Look at ``backend`` once; every failure but the caller's cancellation becomes a Health.

    The look, ``load`` included, ends by ``timeout_ms``; the generation that ``deep`` adds to a
    healthy one has the backend's own ``timeout_ms``, as a call would. ``load`` may be a reader
    that remembers the sample before, which some rates need. ``known`` is the identity that the
    same server had a moment ago, and spares it a question.
    """
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        if http is None:
            http = await stack.enter_async_context(open_http(backend))
        look = _Look(backend, http, known)
        started = clock.monotonic()
        deadline = asyncio.get_running_loop().time() + timeout_ms / 1000
        cause, summary = await look.verdict(deadline, timeout_ms)
        health = Health(
            ok=cause is Cause.HEALTHY,
            cause=cause,
            summary=summary,
            remedy=look.advice or remedy(cause, backend, look.engine, look.models),
            engine=look.identity,
            models=look.models,
            latency_ms=(clock.monotonic() - started) * 1000,
            checked_at=clock.now(),
            endpoint=backend.endpoint,
            model=backend.model,
            notices=of_setup(look.identity),
        )
        if health.ok and load:
            reader = MetricsReader(backend, clock=clock) if load is True else load
            health = replace(health, load=await _read_load(reader, http, deadline))
        if health.ok and deep:
            from core.router.deep import with_generation  # few ask for it

            health = await with_generation(health, backend, clock)
        return health


class _Look:
    """What is known of a server so far; an early end keeps what was seen before it."""

    def __init__(self, backend: Backend, http: Transport, known: EngineIdentity | None) -> None:
        self._backend = backend
        self._http = http
        self._known = known
        self._entries: tuple[ModelEntry, ...] = ()
        self._question = "GET /models"
        self.engine: Engine | None = None
        self.identity: EngineIdentity | None = None
        self.advice: tuple[str, ...] = ()
        """What to do, from the error itself, where its cause alone does not say it."""

    @property
    def models(self) -> tuple[str, ...]:
        """The ids it serves, safe to show."""
        return tuple(plain(entry.id, 256) for entry in self._entries)

    async def verdict(self, deadline: float, timeout_ms: float) -> tuple[Cause, str]:
        """The cause and a line about it, by ``deadline`` on the event loop's clock."""
        try:
            async with asyncio.timeout_at(deadline):
                return await self._ask()
        except TimeoutError:
            place = self._backend.address
            what = f"no answer to {self._question} within {timeout_ms:g} ms"
            return Cause.TIMEOUT, f"{place} timed out: {what}"
        except BackendError as error:
            return self._failure(error)

    async def _ask(self) -> tuple[Cause, str]:
        backend = self._backend
        model = plain(backend.model, 256)
        self._entries = await list_models(self._http, backend)
        if not self._entries:
            return Cause.NO_MODELS, f"the server at {backend.address} serves no model"
        entry = find_model(self._entries, backend.model)
        self.engine = (entry or self._entries[0]).engine
        if entry is None:
            served = shown(self.models)
            return Cause.MODEL_MISSING, f"{backend.address} does not serve {model}, but {served}"
        self._question = "the readiness check"
        self.identity, _ = await together(
            identify(self._http, backend, entry, known=self._known),
            check_ready(self._http, backend, self.engine),
        )
        return Cause.HEALTHY, f"{self.identity.label} at {backend.address} serves {model}"

    def _failure(  # noqa: PLR0911  one return a kind of failure
        self, error: BackendError
    ) -> tuple[Cause, str]:
        place = self._backend.address
        match error:
            case ConnectFailed(kind="refused"):
                return Cause.NOT_LISTENING, f"nothing listens at {place} (connection refused)"
            case ConnectFailed(__cause__=ssl.SSLCertVerificationError() as why):
                return Cause.TLS, f"{error.message}: {plain(why.verify_message, 160)}"
            case ConnectFailed(kind="proxy"):
                self.advice = (plain(error.remedy, 400),)  # it names the variable
                return Cause.UNREACHABLE, error.message
            case ConnectFailed():
                return _CONNECT_CAUSES.get(error.kind, Cause.UNREACHABLE), error.message
            case IncompleteReply():
                return Cause.NO_REPLY, error.message
            case StatusError(status=503) if self.engine is Engine.VLLM:
                # vLLM listens only once it is loaded; 503 then means that its engine has died.
                return Cause.HTTP_ERROR, f"{error.message} (vLLM lost its engine)"
            case StatusError():
                cause = _STATUS_CAUSES.get(error.status, Cause.HTTP_ERROR)
                words = _STATUS_WORDS.get(cause, f"to {self._question}")
                return cause, f"{error.message} ({words})"
            case ProtocolError():
                return (
                    Cause.NOT_OPENAI,
                    f"{place} is not an OpenAI-compatible server: {error.message}",
                )
            case _:
                return Cause.HTTP_ERROR, error.message


async def _read_load(reader: MetricsReader, http: Transport, deadline: float) -> EngineLoad | None:
    """The engine's load, or None: a server is healthy without its metrics."""
    try:
        async with asyncio.timeout_at(deadline):
            return await reader.read(http)
    except (TimeoutError, BackendError):
        return None


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
        http: Transport | None,
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
        self._http: Transport | None = None
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
