"""A connection that notes when bytes left and when they arrived.

An arrival is stamped by the kernel where that is possible, else in the event loop's callback,
before any task that waits for it runs: the time we take to parse other replies is not the server's.
A busy process looks at its sockets late, most of all when many replies stream at once; Linux stamps
a packet on arrival, for whoever asks.
"""

from __future__ import annotations

import asyncio
import select
import socket
import struct
import sys
import time
from collections import deque
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

# SO_TIMESTAMPNS, which Python has no name for, and the kernel's struct timespec.
_STAMPS = 35
_STAMP = struct.Struct("@ll")
_NOTES = socket.CMSG_SPACE(_STAMP.size) if sys.platform == "linux" else 0
_MOST_S = 60.0  # more is a wall clock that was set meanwhile
_HIGH_WATER = 256 << 10
_LOW_WATER = 64 << 10
_STAGGER_S = 0.25


class StampedSocket(socket.socket):
    """A TCP socket; ``age_s`` is how long before its return what ``recv`` read had arrived.

    0 where the system does not tell. Bytes of several packets have the last one's age.
    """

    age_s = 0.0

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """As ``socket.recv``."""
        data, notes, _, _ = self.recvmsg(size, _NOTES, flags)
        self.age_s = 0.0
        for level, kind, note in notes:
            if (level, kind, len(note)) == (socket.SOL_SOCKET, _STAMPS, _STAMP.size):
                seconds, nanoseconds = _STAMP.unpack(note)
                age_s = (time.time_ns() - seconds * 10**9 - nanoseconds) / 1e9
                self.age_s = age_s if 0 <= age_s < _MOST_S else 0.0
        return data


def stamped_socket(host: str) -> StampedSocket | None:
    """An unconnected socket for ``host``; None unless that is an address and the system stamps."""
    if sys.platform != "linux":
        return None
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.inet_pton(family, host)
    except (OSError, ValueError):
        return None
    stamped = StampedSocket(family, socket.SOCK_STREAM)
    stamped.setblocking(False)  # noqa: FBT003  the socket's own signature
    stamped.setsockopt(socket.SOL_SOCKET, _STAMPS, 1)
    return stamped


async def connect(
    host: str, port: int, tls: ssl.SSLContext | None, now: Callable[[], float]
) -> Wire:
    """Open a connection whose times are seconds of the clock ``now``.

    Raises:
        OSError: refused, unresolvable (``socket.gaierror``), unreachable, or ``ssl.SSLError``.
    """
    loop = asyncio.get_running_loop()
    # A name may have several addresses, and TLS reads in a way of its own: those asyncio opens.
    stamped = None if tls else stamped_socket(host)
    if stamped is None:
        try:
            _, wire = await loop.create_connection(
                lambda: Wire(now), host, port, ssl=tls, happy_eyeballs_delay=_STAGGER_S
            )
        except UnicodeError as error:
            raise socket.gaierror(socket.EAI_NONAME, "not a host name") from error
        return wire
    try:
        await loop.sock_connect(stamped, (host, port))
        _, wire = await loop.create_connection(lambda: Wire(now, stamped), sock=stamped)
    except BaseException:
        stamped.close()
        raise
    return wire


class Wire(asyncio.Protocol):
    """One TCP or TLS connection, read and written by one task at a time.

    ``sent_at`` is when the last write was handed to the system, ``arrived_at`` when the bytes last
    read came, ``silent`` whether nothing has come since the last write. There are no timeouts: the
    attempt has one deadline, which cancels whatever waits here.
    """

    def __init__(self, now: Callable[[], float], stamped: StampedSocket | None = None) -> None:
        self._now = now
        self._stamped = stamped
        self._transport: asyncio.Transport | None = None
        self._arrived: deque[tuple[float, bytes]] = deque()
        self._buffered = 0
        self._ended = False
        self._error: Exception | None = None
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self.sent_at = 0.0
        self.arrived_at = 0.0
        self.silent = True

    async def write(self, data: bytes) -> None:
        """Send ``data``; on a closed connection nothing happens, and reading tells why."""
        self.silent = True
        if self._ended or self._transport is None:
            return
        # Before: while it sends, the system may let the server on this machine run first.
        self.sent_at = self._now()
        self._transport.write(data)
        if self._writer is not None:
            await self._writer
            self.sent_at = self._now()

    async def read(self) -> bytes:
        """The next bytes that arrived; empty at the end.

        Raises:
            OSError: the connection was reset.
        """
        while not self._arrived:
            if self._error is not None:
                raise ConnectionResetError(str(self._error)) from self._error
            if self._ended:
                return b""
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        self.arrived_at, data = self._arrived.popleft()
        before = self._buffered
        self._buffered -= len(data)
        if before > _LOW_WATER >= self._buffered and self._transport and not self._ended:
            self._transport.resume_reading()
        return data

    def stale(self) -> bool:
        """Between replies: whether the connection is closed, spoken on unasked, or not all read."""
        if self._ended or self._arrived or self._transport is None:
            return True
        if self._transport.get_write_buffer_size():
            return True
        # The server may have closed since the event loop last looked.
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)
        return bool(poll.poll(0))

    def close(self) -> None:
        """Close at once: what is unsent is of no use to anybody."""
        if self._transport is not None:
            self._transport.abort()

    # The event loop's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: D102
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:  # noqa: D102
        self.silent = False
        age_s = self._stamped.age_s if self._stamped else 0.0
        self._arrived.append((self._now() - age_s, data))
        self._buffered += len(data)
        if self._buffered > _HIGH_WATER and self._transport:
            self._transport.pause_reading()
        _wake(self._reader)
        _wake(self._writer)  # it answers without having read all: the rest is of no use to it

    def eof_received(self) -> None:  # noqa: D102
        self._ended = True
        _wake(self._reader)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: D102
        self._ended = True
        self._error = exc
        _wake(self._reader)
        _wake(self._writer)

    def pause_writing(self) -> None:  # noqa: D102
        self._writer = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:  # noqa: D102
        _wake(self._writer)
        self._writer = None


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)
