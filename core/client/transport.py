"""HTTP/1.1 requests and responses, over ``Wire``: the one transport of calls and probes.

h11 writes requests and reads heads. Chunked bodies, as streams are, we read ourselves, since h11
makes an event of each chunk. httpx, for many calls at once, costs more than the requests, does not
say when bytes arrived, and takes longer to load than a health check; only proxies need it.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, Protocol, Self
from urllib.parse import quote, urlsplit

import h11

from core.client.wire import connect

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from core.client.wire import Wire

_PORTS = {"http": 80, "https": 443}
_MOST_OF_A_LINE = 4 << 10
_MOST_OF_TRAILERS = 16 << 10
_SIZE = rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r\n"
_FIRST = re.compile(_SIZE)
_FURTHER = re.compile(rb"\r\n" + _SIZE)
_KEEP_ALIVE_S = 5.0
_MAX_HEAD = 100 << 10
_MOST_HEADS = 32  # of one answer: "102 Processing" may come again and again
_OK = 200


class Origin(NamedTuple):
    """Where a connection leads."""

    host: str
    port: int
    scheme: str


@dataclass(frozen=True, slots=True)
class Request:
    """One request; ``headers`` without ``Host`` and ``Content-Length``, which follow from it."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def origin(self) -> Origin:
        """Where it goes; OSError when the URL is not usable."""
        return _place_of(self.url).origin

    def head(self) -> h11.Request:
        """Its request line and headers, all but the body's length."""
        place = _place_of(self.url)
        headers = {"Host": place.host, **self.headers}
        return h11.Request(method=self.method, target=place.target, headers=list(headers.items()))


class _Place(NamedTuple):
    """What a URL says: where the connection leads, the ``Host`` header, and the target."""

    origin: Origin
    host: str
    target: str


@lru_cache(maxsize=64)
def _place_of(url: str) -> _Place:
    """The same few URLs are asked for again and again; OSError when this one is not usable."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        host = host if host.isascii() else host.encode("idna").decode()
        port = parts.port or _PORTS[parts.scheme]
    except (KeyError, ValueError) as error:
        raise OSError("not a usable http:// or https:// URL") from error
    if not host:
        raise OSError("the URL names no host")
    name = f"[{host}]" if ":" in host else host
    target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~")
    if parts.query:
        target += "?" + quote(parts.query, safe="/%:@!$&'()*+,;=~?")
    shown = name if port == _PORTS[parts.scheme] else f"{name}:{port}"
    return _Place(Origin(host, port, parts.scheme), shown, target)


@dataclass(frozen=True, slots=True)
class Response:
    """An answer whose head is here: names of headers in lower case, several values joined.

    ``body`` brings the body as it arrives, ``ended`` says whether its end has come already;
    ``close`` must be called. ``wire`` tells when bytes left and arrived, where that is known.
    """

    status: int
    headers: Mapping[str, str]
    body: AsyncIterator[bytes]
    close: Callable[[], Awaitable[None]]
    wire: Wire | None = None
    ended: Callable[[], bool] = lambda: False


class Transport(Protocol):
    """Sends requests, without time limits of its own; raises OSError and h11.ProtocolError."""

    async def send(self, request: Request) -> Response:
        """Send it, and return once the head of the answer is here."""

    async def aclose(self) -> None:
        """Close the connections."""

    async def __aenter__(self) -> Self:
        """Itself."""

    async def __aexit__(self, *_: object) -> None:
        """Close it."""


async def next_event(
    http: h11.Connection, wire: Wire
) -> h11.Event | type[h11.NEED_DATA | h11.PAUSED]:
    """What comes next of the answer that ``http`` waits for.

    Raises:
        OSError: the connection was reset, or closed before an answer.
        h11.RemoteProtocolError: it is no HTTP.
    """
    while (event := http.next_event()) is h11.NEED_DATA:
        data = await wire.read()
        if (
            not data
            and http.their_state is h11.SEND_RESPONSE
            # Cut in what began like an answer; an end after anything else h11 refuses itself.
            and b"HTTP/".startswith(http.trailing_data[0][:5])
        ):
            raise ConnectionResetError("closed before an answer")
        http.receive_data(data)
    return event


class ChunkedBody:
    """One body; ``done`` when its end has come, after which ``excess`` is what came too much."""

    def __init__(self) -> None:
        self._size = _FIRST
        self._left = 0
        self._in_trailers = False
        self._unfinished = b""
        self.done = False
        self.excess = b""

    def feed(self, data: bytes) -> bytes:
        """The content within ``data``, which is empty at the connection's end.

        Raises:
            h11.RemoteProtocolError: it is not so framed, or was cut.
        """
        if not data and not self.done:
            raise h11.RemoteProtocolError("peer closed connection without sending complete body")
        data = self._unfinished + data
        self._unfinished = b""
        pieces: list[bytes] = []
        at, end = 0, len(data)
        while at < end and not self._in_trailers:
            if not self._left:
                found = self._size.match(data, at)
                if found is None:
                    self._unfinished = self._begun(data[at:])
                    break
                at = found.end()
                self._left = int(found[1], 16)
                self._size = _FURTHER
                self._in_trailers = not self._left
            upto = min(at + self._left, end)
            pieces.append(data[at:upto])
            self._left -= upto - at
            at = upto
        if self._in_trailers:
            self._end(data[at:])
        return b"".join(pieces)

    def _begun(self, line: bytes) -> bytes:
        """``line`` where it may be the beginning of a chunk's size."""
        before = b"\r\n" if self._size is _FURTHER else b""
        whole = b"\r\n" in line[len(before) :] or len(line) > _MOST_OF_A_LINE
        if whole or not before.startswith(line[: len(before)]):
            raise h11.RemoteProtocolError("illegal chunk header")
        return line

    def _end(self, rest: bytes) -> None:
        """Skip the trailers; none is used here."""
        if rest.startswith(b"\r\n"):
            self.done, self.excess = True, rest[2:]
            return
        _, blank, excess = rest.partition(b"\r\n\r\n")
        if blank:
            self.done, self.excess = True, excess
            return
        if len(rest) > _MOST_OF_TRAILERS:
            raise h11.RemoteProtocolError("endless trailers")
        self._unfinished = rest


class DirectTransport:
    """Without a proxy or HTTP/2; ``now`` (seconds) stamps what is sent and what arrives.

    A request that meets a kept connection which the server has just closed is sent once more on a
    new one, provided that no byte of an answer had come.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._free: dict[Origin, list[_Connection]] = {}
        self._tls: ssl.SSLContext | None = None
        self._reading_trust = asyncio.Lock()
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def send(self, request: Request) -> Response:
        """Send ``request`` and return once the head of the answer is here."""
        origin = request.origin
        kept = self._take(origin)
        if kept is not None:
            try:
                return await self._exchange(kept, request)
            except (OSError, h11.RemoteProtocolError):
                if not kept.wire.silent:
                    raise
        return await self._exchange(await self._open(origin), request)

    async def trust(self) -> ssl.SSLContext:
        """The trusted certificates for TLS; read once, in a thread, since that takes 20 ms.

        Raises:
            OSError: the environment names others that cannot be read.
        """
        async with self._reading_trust:
            if self._tls is None:
                self._tls = await asyncio.to_thread(_read_trust)
            return self._tls

    async def aclose(self) -> None:
        """Close the connections, those in use as soon as their call is done."""
        self._closed = True
        for connection in [kept for stack in self._free.values() for kept in stack]:
            connection.wire.close()
        self._free.clear()

    async def _exchange(self, connection: _Connection, request: Request) -> Response:
        try:
            head = await connection.ask(request)
        except BaseException:
            connection.wire.close()
            raise
        body = _Body(connection, self._give_back)
        fields, ended = connection.fields, connection.ended
        return Response(head.status_code, fields, body, body.aclose, connection.wire, ended)

    async def _open(self, origin: Origin) -> _Connection:
        tls = await self.trust() if origin.scheme == "https" else None
        return _Connection(origin, await connect(origin.host, origin.port, tls, self._now))

    def _take(self, origin: Origin) -> _Connection | None:
        stack = self._free.get(origin, [])
        while stack:
            connection = stack.pop()
            if self._now() < connection.good_until and not connection.wire.stale():
                return connection
            connection.wire.close()
        return None

    def _give_back(self, connection: _Connection) -> None:
        if self._closed or not connection.renew():
            connection.wire.close()
            return
        connection.good_until = self._now() + _KEEP_ALIVE_S
        stack = self._free.setdefault(connection.origin, [])
        stack.append(connection)
        # The one unused for longest lies at the bottom.
        if stack[0].good_until <= self._now():
            stack.pop(0).wire.close()


def _read_trust() -> ssl.SSLContext:
    import httpx  # it knows where certificates are, and is not needed without TLS

    context = httpx.create_ssl_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def _fields(head: h11.Response) -> dict[str, str]:
    fields: dict[str, str] = {}
    for raw_name, raw_value in head.headers:
        name, value = raw_name.decode(), raw_value.decode("utf-8", "replace")
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return fields


# All that h11 needs to know of a request to read its answer: none of ours asks for a head alone.
_ASKED = h11.Request(method="GET", target="/", headers=[("Host", "")])


class _Connection:
    """One exchange after the other over one wire.

    h11 writes heads, and reads them; of bodies, those that are not chunked, as a stream's is.
    """

    def __init__(self, origin: Origin, wire: Wire) -> None:
        self.origin = origin
        self.wire = wire
        self.good_until = 0.0
        self.fields: dict[str, str] = {}
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD)
        self._chunked: ChunkedBody | None = None
        self._waiting = b""
        self._persists = True
        self._asked: tuple[str, str, Mapping[str, str]] | None = None
        self._lines = b""

    async def ask(self, request: Request) -> h11.Response:
        self._http.send(_ASKED)
        self._http.send(h11.EndOfMessage())
        await self.wire.write(self._head(request) + request.body)
        for _ in range(_MOST_HEADS):
            event = await next_event(self._http, self.wire)
            if type(event) is h11.Response:
                self._begin(event)
                return event
        raise h11.RemoteProtocolError("informational responses without end")

    def _head(self, request: Request) -> bytes:
        """The request line and headers; a server is asked again and again with the same ones."""
        asked = (request.method, request.url, request.headers)
        if asked != self._asked:
            self._asked = asked
            self._lines = (h11.Connection(h11.CLIENT).send(request.head()) or b"")[: -len(b"\r\n")]
        length = b"Content-Length: %d\r\n" % len(request.body) if request.body else b""
        return b"%b%b\r\n" % (self._lines, length)

    async def data(self) -> bytes | None:
        """The next piece of the body; None after the last."""
        if self._chunked:
            return await self._content(self._chunked)
        event = await next_event(self._http, self.wire)
        return bytes(event.data) if type(event) is h11.Data else None

    def ended(self) -> bool:
        """Whether the end of a chunked body has come."""
        return self._chunked is not None and self._chunked.done

    def renew(self) -> bool:
        """Make ready for the next exchange; false when the connection cannot be used again."""
        http, chunked = self._http, self._chunked
        if chunked:
            if not (chunked.done and self._persists) or chunked.excess:
                return False
            self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD)
            self._chunked = None
            return True
        if not (http.our_state is http.their_state is h11.DONE) or http.trailing_data[0]:
            return False
        http.start_next_cycle()
        return True

    def _begin(self, head: h11.Response) -> None:
        """Take over a body that is chunked, with what of it h11 has already been given."""
        self.fields = _fields(head)
        if head.status_code == _OK and "transfer-encoding" in self.fields:
            self._chunked = ChunkedBody()
            self._waiting = self._http.trailing_data[0]
            closing = "close" in self.fields.get("connection", "").lower()
            self._persists = head.http_version >= b"1.1" and not closing

    async def _content(self, chunked: ChunkedBody) -> bytes | None:
        while not chunked.done:
            arrived, self._waiting = self._waiting or await self.wire.read(), b""
            content = chunked.feed(arrived)
            if content:
                return content
        return None


class _Body:
    """An answer's body as it arrives; closed early, it takes the connection with it."""

    def __init__(self, connection: _Connection, give_back: Callable[[_Connection], None]) -> None:
        self._connection = connection
        self._give_back = give_back
        self._closed = False

    def __aiter__(self) -> _Body:
        return self

    async def __anext__(self) -> bytes:
        piece = await self._connection.data()
        if piece is None:
            raise StopAsyncIteration
        return piece

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            self._give_back(self._connection)
