"""One small GET of a server: bounded, never redirected, every failure a typed error."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self
from urllib.parse import unquote, urlsplit

from core.client.decoding import decoder
from core.client.faults import error_in, quoting, status_error
from core.errors import BackendError, LimitExceeded, Misconfigured, ProtocolError, StatusError
from core.plain import plain
from core.stages import Mode

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from contextlib import AbstractAsyncContextManager

    from core.client.backend import Backend

BODY_LIMIT = 1 << 20
_REDIRECTS, _ERRORS = 300, 400


@dataclass(frozen=True, slots=True)
class Answer:
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
    from core.client.direct import DirectHttp, is_simple  # noqa: PLC0415

    if is_simple(backend.endpoint):
        return DirectHttp()
    from core.client.opening import HttpxHttp  # noqa: PLC0415

    return HttpxHttp(backend.endpoint)


async def get(http: Http, backend: Backend, url: str) -> Answer:
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
        from core.client.transport_errors import (  # noqa: PLC0415  as in open_http
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


def refusal(answer: Answer, backend: Backend) -> StatusError:
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


async def _read(response: Response, path: str) -> Answer:
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
    return Answer(path, response.status_code, content_type, bytes(body))
