"""One small GET of a server: bounded, never redirected, every failure a typed error.

Which transport reaches an endpoint: our own, or httpx's where the environment names a proxy.
"""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from core.client.body import decoder
from core.client.faults import error_in, quoting, status_error
from core.client.transport import DirectTransport
from core.clock import SystemClock
from core.errors import BackendError, LimitExceeded, Misconfigured, ProtocolError, StatusError
from core.plain import plain
from core.stages import Mode

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from contextlib import AbstractAsyncContextManager

    from core.client.backend import Backend


BODY_LIMIT = 1 << 20
_REDIRECTS, _ERRORS = 300, 400


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came back: ``body`` is whole and at most ``BODY_LIMIT`` bytes."""

    path: str
    status: int
    content_type: str
    body: bytes

    @property
    def is_html(self) -> bool:
        """Whether a page for people came."""
        return "html" in self.content_type or self.body.lstrip()[:1] == b"<"

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            ProtocolError: it is something else, such as an HTML page.
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            found = "an HTML page" if self.is_html else "something that is not JSON"
            raise ProtocolError(f"GET {self.path} brings {found}") from None


class Response(Protocol):
    """An answer whose body has not been read; names of headers are in lower case."""

    @property
    def status_code(self) -> int:
        """The HTTP status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """One value a name, several joined by commas."""

    def aiter_raw(self) -> AsyncIterator[bytes]:
        """The body as it arrives."""


class Http(Protocol):
    """For short requests, without a time limit of its own; an async context manager."""

    async def __aenter__(self) -> Self:
        """Itself."""

    async def __aexit__(self, *_: object) -> None:
        """Close it."""

    def ask(self, url: str, headers: Mapping[str, str]) -> AbstractAsyncContextManager[Response]:
        """The answer to a bare ``GET url``; raises the transport's own exceptions."""

    async def aclose(self) -> None:
        """Close the connections."""


def open_http(backend: Backend) -> Http:
    """What ``get`` asks ``backend`` through. On loopback the environment's proxies do not apply."""
    # A health check's start-up time is mostly these imports.
    from core.client.direct import DirectHttp, is_simple

    if is_simple(backend.endpoint):
        return DirectHttp()

    return HttpxHttp(backend.endpoint)


async def get(http: Http, backend: Backend, url: str) -> Fetched:
    """``GET url`` whatever the status, except that a redirect is an error.

    Only a cloud backend is sent its key. There is no deadline here: the caller has it.

    Raises:
        ConnectFailed: no reply at all; its ``__cause__`` is the transport's exception.
        IncompleteReply: the body broke off.
        ProtocolError: not HTTP, a redirect, or an unknown compression.
        LimitExceeded: a body over 1 MiB.
        Misconfigured: a key that no header can carry.
    """
    answered = False
    try:
        async with http.ask(url, _headers(backend)) as response:
            answered = True
            return await _read(response, unquote(urlsplit(url).path) or "/")
    except BackendError:
        raise
    except Exception as error:
        from core.client.faults import (  # as in open_http
            own_cause,
            transport_error,
            transport_errors,
        )

        if not isinstance(error, transport_errors()):
            raise
        failure = transport_error(error, backend, answered=answered)
        raise failure from own_cause(error)
    except asyncio.CancelledError as error:
        error.__traceback__ = None  # frames below hold the request, and its key
        raise


def refusal(answer: Fetched, backend: Backend) -> StatusError:
    """The typed error for an error status, with the server's own words in it."""
    fault = None
    with suppress(ProtocolError):
        body = answer.json()
        fault = error_in(body) if isinstance(body, dict) else None
    words = quoting(backend.api_key)(fault.message) if fault else ""
    return status_error(backend, answer.status, words)


def _headers(backend: Backend) -> dict[str, str]:
    headers = {
        "accept": "application/json, text/plain;q=0.9",
        "accept-encoding": "identity",
        # Whether a new connection is taken is part of the question.
        "connection": "close",
        "user-agent": "speckit-reflex",
    }
    if backend.mode is Mode.CLOUD and backend.api_key:
        if not (backend.api_key.isascii() and backend.api_key.isprintable()):
            raise Misconfigured("the API key holds characters that no header can carry", status=401)
        headers["authorization"] = f"Bearer {backend.api_key}"
    return headers


async def _read(response: Response, path: str) -> Fetched:
    if _REDIRECTS <= response.status_code < _ERRORS:
        target = plain(response.headers.get("location", "?"), 120)
        raise ProtocolError(f"GET {path} redirects to {target}, which is not followed")
    decode = decoder(response.headers.get("content-encoding", ""))
    body = bytearray()
    async for chunk in response.aiter_raw():
        for piece in decode(chunk):
            body += piece
            if len(body) > BODY_LIMIT:
                raise LimitExceeded(f"GET {path} brings more than 1 MiB")
    content_type = response.headers.get("content-type", "").lower()
    return Fetched(path, response.status_code, content_type, bytes(body))


def open_transport(endpoint: str, now: Callable[[], float]) -> httpx.AsyncBaseTransport:
    """A transport without time limits of its own; ``now`` (seconds) stamps arrivals.

    On loopback the environment's proxies do not apply.
    """
    # Settings and their models load with it, which whoever asks has by now.
    from core.settings.trust import is_loopback

    parts = urlsplit(endpoint)
    proxies = {} if is_loopback(endpoint) else getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if proxy and not proxy_bypass(parts.hostname or ""):
        return ProxyTransport(proxy if "://" in proxy else f"http://{proxy}")
    return DirectTransport(now)


class ProxyTransport(httpx.AsyncHTTPTransport):
    """Through a proxy. What httpx and httpcore would log of a reply a server may have chosen."""

    def __init__(self, proxy: str) -> None:
        super().__init__(proxy=proxy)
        # Its DEBUG lines hold the headers of replies, and there is no other way to leave them out.
        logging.getLogger("httpcore").setLevel(logging.INFO)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The answer, without the server's own words for its status."""
        response = await super().handle_async_request(request)
        response.extensions.pop("reason_phrase", None)
        return response


class HttpxHttp:
    """Asks any server, through the environment's proxy where it names one; see ``fetch.Http``."""

    def __init__(self, endpoint: str) -> None:
        transport = open_transport(endpoint, SystemClock().monotonic)
        self._client = httpx.AsyncClient(transport=transport, timeout=None)  # noqa: S113  the caller has one deadline for all of it

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    @asynccontextmanager
    async def ask(self, url: str, headers: Mapping[str, str]) -> AsyncIterator[httpx.Response]:
        """The answer to ``GET url``, whatever its status; raises as the transport does."""
        # Built bare, so that nothing of the client's own (cookies, per-read timeouts) joins it.
        unlimited = {"timeout": httpx.Timeout(None).as_dict()}
        request = httpx.Request("GET", url, headers=headers, extensions=unlimited)
        response = await self._client.send(request, stream=True, follow_redirects=False, auth=None)
        try:
            yield response
        finally:
            await response.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()
