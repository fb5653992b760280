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

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    from collections.abc import Callable

HEAD_S = 10.0
"""How long the head of a request may take, from the connection or from its first byte."""

MAX_HEAD = 64 << 10
"""The longest head of a request, in bytes, and the most that may follow its body."""

UNREAD_S = 120.0
"""How long an agent may leave unread what it was sent, once that is too much for the buffers."""

_INVALID = "Invalid HTTP request received."
_TOO_LONG = "the head of the request is too long"
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


class Connection(HttpToolsProtocol):
    """One agent's connection; uvicorn's, with a limit and a deadline for heads, and few writes."""

    quiet_since = 0.0
    """When anything last happened here, on the event loop's clock."""
    is_lost = False
    """Whether it is gone; one that is closing still holds what its agent has not read."""
    _in_head = True
    _head_bytes = 0
    _bytes_after_body = 0
    _message_is_whole = False
    _head_deadline: asyncio.TimerHandle | None = None
    _read_deadline: asyncio.TimerHandle | None = None

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered: none is here, or not all of it."""
        cycle = self.cycle
        if cycle is None or self.pipeline:
            return cycle is None
        return bool(cycle.response_complete or cycle.more_body)

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
        if self._message_is_whole:  # what comes after one message begins the next
            self._begin_head()
        if self._in_head:
            self._head_bytes += len(data)
        else:
            self._bytes_after_body += len(data)
        self._unset_keepalive_if_required()
        try:
            self._read(data)
        except httptools.HttpParserError:
            self.logger.warning(_INVALID)
            self.send_400_response(_INVALID)
        else:
            if self._in_head and self._head_bytes > MAX_HEAD:
                self.send_400_response(_TOO_LONG)
            elif self._bytes_after_body > MAX_HEAD:
                self.drop()  # it may have been answered already
        self._watch_head()

    def _read(self, data: bytes) -> None:
        while data:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                # To HTTP/2, say, as Java's client asks by itself. None is made: the request is read
                # again without, since the parser reads neither its body nor another after it.
                data = self._head_without_upgrade() + data[upgrade.args[0] :]
                self.parser = httptools.HttpRequestParser(self)
            else:
                return

    def _head_without_upgrade(self) -> bytes:
        version = self.parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version)]
        kept = (header for header in self.headers if header[0] != b"upgrade")
        return b"\r\n".join([*lines, *(b"%b: %b" % header for header in kept), b"", b""])

    def on_message_begin(self) -> None:  # noqa: D102
        if self._message_is_whole:
            self._begin_head()
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; those after the body are none of the request's."""
        if self._in_head:
            super().on_header(name, value)

    def on_body(self, body: bytes) -> None:  # noqa: D102
        self._bytes_after_body = 0
        super().on_body(body)

    def on_headers_complete(self) -> None:  # noqa: D102
        # What came with the end of the head may belong to the body.
        if self._head_bytes > MAX_HEAD and self._head_length() > MAX_HEAD:
            raise ValueError(_TOO_LONG)
        if self.parser.get_method() == b"CONNECT":
            raise ValueError(_INVALID)
        if not self.parser.should_upgrade():
            self._in_head = False
            super().on_headers_complete()

    def on_message_complete(self) -> None:  # noqa: D102
        if not self.parser.should_upgrade():
            self._message_is_whole = True
            super().on_message_complete()

    def _begin_head(self) -> None:
        self._in_head, self._message_is_whole = True, False
        self._head_bytes = self._bytes_after_body = 0

    def _head_length(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

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
        # The agent gets its answer before anybody counts it.
        self.transport.flush()  # type: ignore[attr-defined]
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
        if self._message_is_whole or not self._in_head:
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
    ``flush`` does not wait for the turn's end.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Send ``data`` soon."""
        if not self._pieces:
            self._loop.call_soon(self.flush)
        self._pieces.append(data)

    def close(self) -> None:
        """Close when all is sent, or nobody reads it."""
        self.flush()
        self._transport.close()
        if self._transport.get_write_buffer_size():
            self._loop.call_later(UNREAD_S, self._transport.abort)

    def flush(self) -> None:
        """Send now what was written."""
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
