"""One GET over a connection of its own, for servers on this machine: h11 without httpx.

What a health check takes in a fresh process is mostly imports, and httpx is most of those.
"""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from time import monotonic
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

import h11

from core.client.transport import next_event
from core.client.wire import connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from core.client.wire import Wire

_MAX_HEAD = 100 << 10
_HTTP_PORT = 80
# An address that means the same to everybody: nothing to encode, normalize or look up.
_SIMPLE = re.compile(
    r"http://(?:localhost|127\.0\.0\.1|\[::1\])(?::[1-9][0-9]{0,4})?"
    r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/?"
)


def is_simple(endpoint: str) -> bool:
    """Whether ``DirectHttp`` reaches the endpoint: plain HTTP on loopback, an ordinary path."""
    return _SIMPLE.fullmatch(endpoint) is not None


class DirectHttp:
    """Asks servers that ``is_simple`` accepts; see ``fetch.Http``. Raises OSError and h11's own."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    @asynccontextmanager
    async def ask(self, url: str, headers: Mapping[str, str]) -> AsyncIterator[DirectResponse]:
        """The answer to ``GET url``, whatever its status; leaving closes the connection."""
        parts = urlsplit(url)
        host = parts.netloc.removesuffix(f":{_HTTP_PORT}")
        wire = await connect(parts.hostname or "", parts.port or _HTTP_PORT, None, monotonic)
        try:
            yield await _asked(wire, parts.path or "/", {"host": host, **headers})
        finally:
            wire.close()

    async def aclose(self) -> None:
        """Nothing is kept between questions."""


class DirectResponse:
    """An answer: its head, and the body as ``aiter_raw`` brings it."""

    def __init__(self, head: h11.Response, http: h11.Connection, wire: Wire) -> None:
        self.status_code = head.status_code
        self.headers: dict[str, str] = {}
        for raw_name, raw_value in head.headers:
            name, value = raw_name.decode(), _text(raw_value)
            self.headers[name] = f"{self.headers[name]}, {value}" if name in self.headers else value
        self._http = http
        self._wire = wire

    async def aiter_raw(self) -> AsyncIterator[bytes]:
        """The body's pieces."""
        while type(event := await next_event(self._http, self._wire)) is h11.Data:
            yield bytes(event.data)


async def _asked(wire: Wire, target: str, headers: Mapping[str, str]) -> DirectResponse:
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD)
    asked = h11.Request(method="GET", target=target, headers=list(headers.items()))
    await wire.write((http.send(asked) or b"") + (http.send(h11.EndOfMessage()) or b""))
    while type(event := await next_event(http, wire)) is not h11.Response:
        pass  # it is informational
    return DirectResponse(event, http, wire)


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
