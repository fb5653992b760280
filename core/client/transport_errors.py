"""What went wrong between us and a server, told from the transport's exceptions."""

from __future__ import annotations

import errno
import socket
import ssl
import sys
from typing import TYPE_CHECKING

import h11

from core.errors import BackendError, ConnectFailed, IncompleteReply, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from core.client.backend import Backend

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


def transport_errors() -> tuple[type[Exception], ...]:
    """What a transport raises; of httpx where that is loaded, as else nobody can have raised it."""
    return (OSError, h11.ProtocolError, *_of_httpx("HTTPError", "InvalidURL", "StreamError"))


def transport_error(error: Exception, backend: Backend, *, answered: bool) -> BackendError:
    """The typed error for one of ``transport_errors``.

    ``answered`` says that the head of a reply had come, so that its body is what broke.
    """
    who = f"{backend.name} at {backend.address}"
    if isinstance(error, _garbled()) and not str(error).lower().startswith(_CUT):
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
    reset: tuple[type[Exception], ...]
    reset = (ConnectionResetError, BrokenPipeError, *_of_httpx("ReadError"), *_garbled())
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


def _garbled() -> tuple[type[Exception], ...]:
    return (h11.RemoteProtocolError, *_of_httpx("RemoteProtocolError"))


def _of_httpx(*names: str) -> tuple[type[Exception], ...]:
    # Loading it to tell that nothing listens would take longer than finding that out.
    httpx = sys.modules.get("httpx")
    return tuple(vars(httpx)[name] for name in names if name in vars(httpx)) if httpx else ()


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
