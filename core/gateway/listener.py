"""The gateway on a socket: bound, announced, served until a signal, and ended gracefully."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import uvicorn

from core.errors import ConfigError
from core.gateway.app import build_app
from core.gateway.connections import Acceptor, Connection, connection_limit
from core.gateway.runs import Runs
from core.gateway.security import Guard
from core.stages import Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from starlette.types import ASGIApp

    from core.settings import Settings

GRACE_S = 30
# Longer than clients keep a connection, so that none is closed under a request just sent.
_KEEP_ALIVE_S = 75
_LAST_WORDS_S = 2.0


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen, and who may ask; ``port`` 0 takes a free one.

    ``names`` are further names under which this server may be asked for; ``token`` is the bearer
    token that every request must carry, if any.
    """

    host: str = "127.0.0.1"
    port: int = 3010
    names: tuple[str, ...] = ()
    token: str | None = None


async def serve(
    settings: Settings,
    address: Address,
    on_ready: Callable[[str], None],
    stop: asyncio.Event,
    *,
    reload: Callable[[], Settings] | None = None,
    stage: Stage = Stage.IMPLEMENT,
    grace_s: int = GRACE_S,
) -> tuple[str, ...]:
    """Serve until ``stop`` is set; calls under way then have ``grace_s`` to end.

    ``on_ready`` gets the base URL once requests are answered. ``reload`` reads the configuration
    again: where it has changed, later calls use it. Returns the ids of the runs that the calls
    belong to in the log, one for each configuration that was in force.

    Raises:
        ConfigError: the address cannot be had.
        UntrustedEndpoint: a project's file chose a server off this machine.
    """
    token = address.token.encode() if address.token else None
    with listening(address) as listener:
        async with aclosing(Runs(settings, reload)) as runs:
            guard = Guard(address.host, tuple(name.lower() for name in address.names), token)
            app = build_app(runs, guard, default_stage=stage)
            ready = partial(on_ready, base_url(listener))
            await Server(app, listener, ready, stop, grace_s).run_to_end()
            return tuple(runs.ids)


@contextmanager
def listening(address: Address) -> Iterator[socket.socket]:
    """A socket that listens there; ConfigError when it cannot."""
    try:
        found = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        family, *_, where = found[0]
        listener = socket.create_server(where[:2], family=family, backlog=512)
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {address.host} port {address.port}: {error.strerror}",
            remedy="Choose another with --host and --port; 0 takes a free port.",
        ) from error
    with listener:
        yield listener


def base_url(listener: socket.socket) -> str:
    """The API's base URL on this machine."""
    host, port = listener.getsockname()[:2]
    address = ipaddress.ip_address(host)
    if address.is_unspecified:
        host = "127.0.0.1" if address.version == 4 else "::1"  # noqa: PLR2004  IPv4
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/v1"


class Server(uvicorn.Server):
    """Serves an ASGI application on ``listener`` until ``stop`` is set.

    Then nothing new is taken; calls under way have ``grace_s`` to end, after which they are
    cancelled, and record that they were. Signals are the caller's.
    """

    def __init__(
        self,
        app: ASGIApp,
        listener: socket.socket,
        on_ready: Callable[[], None],
        stop: asyncio.Event,
        grace_s: int = GRACE_S,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http="httptools",
                ws="none",
                loop="asyncio",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=_KEEP_ALIVE_S,
                timeout_graceful_shutdown=grace_s,
            )
        )
        self._listener = listener
        self._on_ready = on_ready
        self._stop = stop
        self._accepting: asyncio.Task[None] | None = None

    async def run_to_end(self) -> None:
        """Serve; returns when all calls have ended."""
        await self.serve(sockets=[self._listener])

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:  # noqa: D102  uvicorn's
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002, D102  uvicorn's
        await self.lifespan.startup()
        self.servers = []
        acceptor = Acceptor(self._listener, self._connection, connection_limit())
        self._accepting = asyncio.create_task(acceptor.run())
        self.started = True
        self._on_ready()

    async def on_tick(self, counter: int) -> bool:  # noqa: D102  uvicorn's
        return self._stop.is_set() or await super().on_tick(counter)

    def _connection(self) -> Connection:
        return Connection(self.config, self.server_state, self.lifespan.state)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: D102  uvicorn's
        if self._accepting is not None:
            self._accepting.cancel()
            await asyncio.wait([self._accepting])
        await super().shutdown(sockets)
        # Cancelled calls still have their end to record; one that cannot send its answer, since
        # its client does not read, is cancelled once more.
        for _ in range(2):
            if tasks := tuple(self.server_state.tasks):
                _, stuck = await asyncio.wait(tasks, timeout=_LAST_WORDS_S)
                for task in stuck:
                    task.cancel()
