"""What went wrong: a server's own error, or a transport's exception, as one typed error.

Each names its class (which decides what the router does next), the server's words made safe to
show, the code, type and param that a program goes by, and what a person can do about it.
"""

from __future__ import annotations

import errno
import math
import re
import socket
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

import h11

from core.errors import (
    BackendError,
    BadRequest,
    Busy,
    ConnectFailed,
    IncompleteReply,
    Misconfigured,
    ProtocolError,
    RateLimited,
    ServerError,
    StatusError,
    TooLong,
)
from core.plain import plain
from core.stages import Mode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from core.client.backend import Backend

    Quote = Callable[[str], str]

RETRY_AFTER_CAP_S = 300.0
_QUOTED = 300
_LOOKED_AT = 8192
_INTERNAL = 500
_TOO_LARGE = 413
_LONGEST_NAME = 100

# Where an error carries no number, its OpenAI-style type or code tells the status.
_NAMED = {
    "authentication_error": 401,
    "badrequesterror": 400,
    "context_length_exceeded": 400,
    "exceed_context_size_error": 400,
    "insufficient_quota": 429,
    "invalid_api_key": 401,
    "invalid_prompt": 400,
    "invalid_request_error": 400,
    "model_not_found": 404,
    "not_found_error": 404,
    "notfounderror": 404,
    "overloaded_error": 503,
    "permission_error": 403,
    "request_too_large": 413,
    "server_is_overloaded": 503,
    "timeout_error": 504,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "unauthorized": 401,
    "unavailable_error": 503,
}
# How the engines, their routers and clouds say that a prompt does not fit.
_OVER_CONTEXT = re.compile(
    r"context_length_exceeded|exceed_context_size|maximum context length|context window"
    r"|longer than the model's context|exceeds the (?:available|model's) (?:context|maximum)"
    r"|prompt is too long|input is too long",
    re.IGNORECASE,
)
_CUT = ("peer closed connection", "server disconnected")

# What a message says of each kind of ConnectFailed, and what to do about it.
_KINDS = {
    "refused": (
        "nothing is listening",
        "Start the server, or correct its endpoint; `code reflex health` says how.",
    ),
    "dns": ("the host name does not resolve", "Check the host's name in the endpoint."),
    "tls": (
        "no TLS connection could be made",
        "Use http:// for a server without TLS; else check its certificate and name.",
    ),
    "reset": (
        "the connection was closed before an answer",
        "The server's log says why; check http:// or https:// in the endpoint.",
    ),
    "network": (
        "the server cannot be reached",
        "Check the endpoint and the network between.",
    ),
}

TRANSPORT_ERRORS: tuple[type[Exception], ...] = (OSError, h11.ProtocolError)
"""What a transport raises."""


class ServerFault(NamedTuple):
    """An error as a server words it.

    ``status`` is None where it gives no usable number; ``code``, ``kind`` (its ``type``) and
    ``param`` are the names that a program goes by, None where it gives none.
    """

    status: int | None
    message: str
    code: str | None = None
    kind: str | None = None
    param: str | None = None


def quoting(secret: str | None) -> Quote:
    """A function that makes a server's words fit for a message: one plain, bounded line.

    A server that echoes the key it was sent does not get it onto a screen or disk.
    """

    def quote(words: str) -> str:
        from core.capsule.redaction import redact  # errors are rare

        # Before the cut: what stands across it would be a part of a key, and be shown.
        return plain(redact(hidden(words, secret)[:_LOOKED_AT]), _QUOTED)

    return quote


def hidden(words: str, secret: str | None) -> str:
    """``words`` without the API key."""
    return words.replace(secret, "[api key]") if secret else words


def error_in(payload: Any) -> ServerFault | None:
    """The error that a JSON document reports in any engine's shape; None when it reports none.

    Known: ``{"error": {…}}``, ``{"error": "words"}``, SGLang's flat ``{"object": "error", …}``,
    FastAPI's ``{"detail": …}``, and any of them in a list, as Google's API sends it.
    """
    if isinstance(payload, list):
        payload = payload[0] if payload else None
    if not isinstance(payload, dict):
        return None
    error = payload.get("error")
    if isinstance(error, dict) and error:
        return _fault(error, error.get("message"))
    if error:
        named = _NAMED.get(error.lower()) if isinstance(error, str) else None
        return _fault(payload, error, named)
    if payload.get("object") == "error":
        return _fault(payload, payload.get("message"))
    if payload.get("detail") and "choices" not in payload:
        return _detailed(payload, payload["detail"])
    return None


def status_error(
    backend: Backend,
    status: int,
    fault: ServerFault,
    quote: Quote,
    *,
    in_stream: bool = False,
    retry_after_s: float | None = None,
) -> StatusError:
    """The error for ``status`` (400 to 599), with what the server said of it (may be empty)."""
    where = " inside its stream" if in_stream else ""
    own_words = f"{backend.name} at {backend.address} answered {status}{where}"
    words = quote(fault.message)
    kind = _class(status, fault)
    return kind(
        f"{own_words}: {words}" if words else own_words,
        own_words=own_words,
        status=status,
        retry_after_s=retry_after_s,
        remedy=_remedy(backend, status, fault),
        server_code=_name(fault.code, quote),
        server_type=_name(fault.kind, quote),
        param=_name(fault.param, quote),
    )


def fault_error(backend: Backend, fault: ServerFault, quote: Quote) -> StatusError:
    """The error for a fault reported inside a reply that began with 200."""
    return status_error(backend, fault.status or _INTERNAL, fault, quote, in_stream=True)


def retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds to wait by a ``Retry-After`` header (seconds or HTTP date), within 0 and the cap."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return None
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        seconds = (aware - now).total_seconds()
    if math.isnan(seconds):
        return None
    return min(max(seconds, 0.0), RETRY_AFTER_CAP_S)


def _class(status: int, fault: ServerFault) -> type[StatusError]:
    if status >= _INTERNAL or status == HTTPStatus.REQUEST_TIMEOUT:
        return Busy if status == HTTPStatus.SERVICE_UNAVAILABLE else ServerError
    if status in (401, 403, 404):
        return Misconfigured
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return RateLimited
    return TooLong if _over_context(fault) else BadRequest


def _over_context(fault: ServerFault) -> bool:
    """Whether the server says that the prompt is longer than its context."""
    said = f"{fault.code} {fault.kind} {fault.message[:_LOOKED_AT]}"
    return _OVER_CONTEXT.search(said) is not None


def _fault(source: Mapping[str, Any], words: object, status: int | None = None) -> ServerFault:
    named = {
        "code": source.get("code"),
        "kind": source.get("type") or source.get("status"),  # Google's name for it
        "param": source.get("param"),
    }
    return ServerFault(
        _status(source) or status,
        words if isinstance(words, str) else "",
        **{name: value for name, value in named.items() if isinstance(value, str)},
    )


def _detailed(source: Mapping[str, Any], detail: object) -> ServerFault:
    """FastAPI's words, or its list of violations, of which the first is reported."""
    if not (isinstance(detail, list) and detail and isinstance(detail[0], dict)):
        return _fault(source, detail)
    first = detail[0]
    place = first.get("loc")
    names = [part for part in place if isinstance(part, str)] if isinstance(place, list) else []
    fault = _fault({**first, "status": source.get("status")}, first.get("msg"))
    return fault._replace(param=names[-1] if names else None)


def _name(value: str | None, quote: Quote) -> str | None:
    return quote(value)[:_LONGEST_NAME] if value else None


def _status(source: Mapping[str, Any]) -> int | None:
    for key in ("code", "status", "status_code"):
        value = source.get(key)
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) == 3:  # noqa: PLR2004  a status has three digits
            value = int(value)
        if type(value) is int and 400 <= value <= 599:  # noqa: PLR2004  the error statuses
            return value
    for key in ("code", "type"):
        value = source.get(key)
        if isinstance(value, str) and value.lower() in _NAMED:
            return _NAMED[value.lower()]
    return None


def _remedy(  # noqa: PLR0911  one return a kind of error
    backend: Backend, status: int, fault: ServerFault
) -> str:
    local = backend.mode is Mode.REFLEX
    if status in (401, 403):
        if local:
            return "Start the local server without an API key: none is ever sent to it."
        return "Check the key in the environment variable that api_key_env names."
    if status == 404:  # noqa: PLR2004  Not Found
        return (
            f"Check that {backend.name} serves the model {backend.model!r} (`code reflex models`)"
            " and that its endpoint ends in the API's path, usually /v1."
        )
    if fault.code == "insufficient_quota":
        return "Check the plan and the billing of the account that the API key belongs to."
    if status in (408, 429):
        return "Ask less often, or raise the server's limits."
    if status >= _INTERNAL:
        return "The server's log says more; wait while it loads or its queue is full."
    if _over_context(fault) or status == _TOO_LARGE:
        return "Shorten the prompt, or raise the server's context size."
    return ""


def transport_error(error: Exception, backend: Backend, *, answered: bool) -> BackendError:
    """The typed error for one of ``TRANSPORT_ERRORS``.

    ``answered`` says that the head of a reply had come, so that its body is what broke.
    """
    who = f"{backend.name} at {backend.address}"
    if isinstance(error, h11.RemoteProtocolError) and not str(error).lower().startswith(_CUT):
        return ProtocolError(
            f"{who} answered with something that is not HTTP/1.1",
            remedy="Check which service listens at the endpoint's port, and http:// or https://.",
        )
    if answered:
        return IncompleteReply(
            f"the connection to {who} broke off in the middle of a reply",
            remedy="The server stopped or was restarted; its log says why.",
        )
    kind = _kind(tuple(_causes(error)))
    words, remedy = _KINDS[kind]
    return ConnectFailed(f"{who}: {words}", kind=kind, remedy=remedy)


def shed(error: BackendError) -> None:
    """Take from ``error``, before it is raised again, what its traceback shows of the exchange.

    Collectors of tracebacks print the frames' variables, the request's bytes among them.
    """
    error.__cause__ = own_cause(error.__cause__)
    error.__context__ = None
    error.__traceback__ = None


def own_cause(error: BaseException | None) -> OSError | None:
    """``error`` without its frames where it is the system's; others quote what the server sent."""
    if not isinstance(error, OSError):
        return None
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def _kind(causes: tuple[BaseException, ...]) -> str:
    reset = (ConnectionResetError, BrokenPipeError, h11.RemoteProtocolError)
    kinds: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
        ((socket.gaierror,), "dns"),
        ((ssl.SSLError,), "tls"),
        ((ConnectionRefusedError,), "refused"),
        (reset, "reset"),
    )
    for types, kind in kinds:
        if any(isinstance(cause, types) for cause in causes):
            return kind
    # asyncio tells of several addresses that failed in one OSError without a number.
    refused = f"[Errno {errno.ECONNREFUSED}]"
    return "refused" if any(refused in str(cause) for cause in causes) else "network"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
