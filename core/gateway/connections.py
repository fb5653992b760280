"""Agents' connections: as many as descriptors allow, and none that says nothing for long.

Idle and half-sent connections must not keep others out. A request's head has a deadline, and so has
an agent that does not read what it is sent; at the limit, the connection that has been idle for
longest makes room; and being short of descriptors is logged now and then, not once for each attempt
to accept.
"""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import socket
from typing import TYPE_CHECKING, Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

HEAD_S = 10.0
"""How long the head of a request may take, from the connection or from its first byte."""

UNREAD_S = 120.0
"""How long an agent may leave unread what it was sent, once that is too much for the buffers."""

_MOST = 1000
_LEAST = 4
_SHARE = 3  # a call takes its agent's connection, its server's, and files
_LOG_EVERY_S = 30.0
_PAUSE_S = 0.1

logger = logging.getLogger(__name__)


def connection_limit() -> int:
    """How many connections this process can serve with the descriptors that it may open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return _MOST
    left = soft - len(os.listdir("/dev/fd"))  # noqa: PTH208  names are enough
    return max(_LEAST, min(_MOST, left // _SHARE))


class Connection(H11Protocol):
    """One agent's connection; uvicorn's, with a deadline for heads and few writes."""

    quiet_since = 0.0
    """When anything last happened here, on the event loop's clock."""
    is_lost = False
    """Whether it is gone; one that is closing still holds what its agent has not read."""
    _head_deadline: asyncio.TimerHandle | None = None
    _read_deadline: asyncio.TimerHandle | None = None

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered: none is here, or not all of it."""
        cycle = self.cycle
        return cycle is None or bool(cycle.response_complete or cycle.more_body)

    @property
    def rank(self) -> tuple[bool, float]:
        """Who makes room first: who was never answered, and has been quiet for longest."""
        answered = self.cycle is not None and bool(self.cycle.response_complete)
        return answered, self.quiet_since

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # noqa: D102
        self.logger = _quiet
        self.quiet_since = self.loop.time()
        super().connection_made(JoinedWrites(transport, self.loop))  # type: ignore[arg-type]
        self._watch_head()

    def data_received(self, data: bytes) -> None:  # noqa: D102
        self.quiet_since = self.loop.time()
        super().data_received(data)
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: D102
        self.is_lost = True
        self._stop_watching()
        self._stop_waiting()
        super().connection_lost(exc)

    def pause_writing(self) -> None:  # noqa: D102
        super().pause_writing()
        if self._read_deadline is None:
            self._read_deadline = self.loop.call_later(UNREAD_S, self.drop)

    def resume_writing(self) -> None:  # noqa: D102
        self._stop_waiting()
        super().resume_writing()

    def on_response_complete(self) -> None:  # noqa: D102
        self.quiet_since = self.loop.time()
        super().on_response_complete()

    def drop(self) -> None:
        """Close it at once."""
        self.transport.abort()

    def _stop_waiting(self) -> None:
        if self._read_deadline is not None:
            self._read_deadline.cancel()
            self._read_deadline = None

    def _watch_head(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._stop_watching()
        elif self._head_deadline is None:
            self._head_deadline = self.loop.call_later(HEAD_S, self.drop)

    def _stop_watching(self) -> None:
        if self._head_deadline is not None:
            self._head_deadline.cancel()
            self._head_deadline = None


class JoinedWrites:
    """A transport that sends what is written in one turn of the event loop as one piece.

    A reply's head and body are two writes; without Nagle's algorithm they would be two packets.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Send ``data`` soon."""
        if not self._pieces:
            self._loop.call_soon(self._flush)
        self._pieces.append(data)

    def close(self) -> None:
        """Close when all is sent, or nobody reads it."""
        self._flush()
        self._transport.close()
        if self._transport.get_write_buffer_size():
            self._loop.call_later(UNREAD_S, self._transport.abort)

    def _flush(self) -> None:
        pieces, self._pieces = self._pieces, []
        if pieces and not self._transport.is_closing():
            self._transport.write(b"".join(pieces))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Acceptor:
    """Accepts connections of a listening socket, up to ``limit`` at once."""

    def __init__(self, listener: socket.socket, make: Callable[[], Connection], limit: int) -> None:
        self._listener = listener
        self._make = make
        self._limit = limit
        self._connections: set[Connection] = set()
        self._logged_at = -_LOG_EVERY_S

    async def run(self) -> None:
        """Accept until cancelled."""
        self._listener.setblocking(False)  # noqa: FBT003  the socket's own signature
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, _ = await loop.sock_accept(self._listener)
            except OSError as error:
                self._log(f"no connection can be accepted: {error.strerror}")
                self._drop_idle()
                await asyncio.sleep(_PAUSE_S)
                continue
            await self._make_room()
            await self._serve(accepted)

    async def _serve(self, accepted: socket.socket) -> None:
        try:
            # asyncio does it for sockets that know their protocol, which accepted ones do not.
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            loop = asyncio.get_running_loop()
            _, connection = await loop.connect_accepted_socket(self._make, accepted)
        except OSError:  # it has gone meanwhile
            accepted.close()
            return
        self._connections.add(connection)

    async def _make_room(self) -> None:
        while len(self._open()) >= self._limit:
            self._log(f"the limit of {self._limit} connections is reached; idle ones are closed")
            await asyncio.sleep(0 if self._drop_idle() else _PAUSE_S)

    def _open(self) -> set[Connection]:
        self._connections = {one for one in self._connections if not one.is_lost}
        return self._connections

    def _drop_idle(self) -> bool:
        idle = [one for one in self._open() if one.is_idle]
        if idle:
            min(idle, key=lambda one: one.rank).drop()
        return bool(idle)

    def _log(self, message: str) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._logged_at >= _LOG_EVERY_S:
            self._logged_at = now
            logger.warning("%s", message)


class _NowAndThen(logging.Filter):
    """Lets each message through once in a while, however many connections cause it."""

    def __init__(self) -> None:
        super().__init__()
        self._passed: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.created - self._passed.get(record.msg, -_LOG_EVERY_S) < _LOG_EVERY_S:
            return False
        self._passed[record.msg] = record.created
        return True


_quiet = logging.getLogger(f"{__name__}.http")
_quiet.addFilter(_NowAndThen())
