"""One small GET of a server, or POST: bounded, never redirected, every failure a typed error."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from core.client.body import decoder
from core.client.bounded import parse_json_now
from core.client.faults import (
    TRANSPORT_ERRORS,
    ServerFault,
    error_in,
    own_cause,
    quoting,
    status_error,
    transport_error,
)
from core.client.proxy_environment import open_transport
from core.client.transport import Request
from core.clock import SystemClock
from core.errors import LimitExceeded, Misconfigured, ProtocolError, StatusError
from core.plain import plain
from core.stages import Mode

if TYPE_CHECKING:
    from core.client.backend import Backend
    from core.client.transport import Response, Transport

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
            return parse_json_now(self.body.decode("utf-8-sig"))
        except ValueError:
            found = "an HTML page" if self.is_html else "something that is not JSON"
            raise ProtocolError(f"GET {self.path} returned {found}") from None


def open_http(backend: Backend) -> Transport:
    """What ``get`` asks ``backend`` through; an async context manager that closes it."""
    return open_transport(backend.endpoint, SystemClock().monotonic)


async def get(http: Transport, backend: Backend, url: str) -> Fetched:
    """``GET url`` whatever the status, except that a redirect is an error.

    Only a cloud backend is sent its key. There is no deadline here: the caller has it.

    Raises:
        ConnectFailed: no reply at all; its ``__cause__`` is the transport's exception.
        IncompleteReply: the body broke off.
        ProtocolError: not HTTP, a redirect, or an unknown compression.
        LimitExceeded: a body over 1 MiB.
        Misconfigured: a key that no header can carry.
    """
    return await _exchanged(http, backend, Request("GET", url, _headers(backend)))


async def post(http: Transport, backend: Backend, url: str, content: bytes) -> Fetched:
    """``POST`` JSON, as ``get`` otherwise; for small questions that a server answers at once."""
    headers = {**_headers(backend), "content-type": "application/json"}
    return await _exchanged(http, backend, Request("POST", url, headers, content))


async def _exchanged(http: Transport, backend: Backend, request: Request) -> Fetched:
    response: Response | None = None
    url = request.url
    try:
        response = await http.send(request)
        return await _read(response, unquote(urlsplit(url).path) or "/")
    except TRANSPORT_ERRORS as error:
        failure = transport_error(error, backend, answered=response is not None)
        raise failure from own_cause(error)
    except asyncio.CancelledError as error:
        error.__traceback__ = None  # frames below hold the request, and its key
        raise
    finally:
        if response is not None:
            with suppress(*TRANSPORT_ERRORS):
                await response.close()


def refusal(answer: Fetched, backend: Backend) -> StatusError:
    """The typed error for an error status, with the server's own words in it."""
    fault = None
    with suppress(ProtocolError):
        fault = error_in(answer.json())
    nothing = ServerFault(None, "")
    return status_error(backend, answer.status, fault or nothing, quoting(backend.api_key))


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
    if _REDIRECTS <= response.status < _ERRORS:
        target = plain(response.headers.get("location", "?"), 120)
        raise ProtocolError(f"GET {path} redirects to {target}, which is not followed")
    decode = decoder(response.headers.get("content-encoding", ""))
    body = bytearray()
    async for chunk in response.body:
        for piece in decode(chunk):
            body += piece
            if len(body) > BODY_LIMIT:
                raise LimitExceeded(f"GET {path} returned more than 1 MiB")
    content_type = response.headers.get("content-type", "").lower()
    return Fetched(path, response.status, content_type, bytes(body))
