"""What went wrong between us and a server, told from the transport's exceptions."""

from __future__ import annotations

import errno
import socket
import ssl
from typing import TYPE_CHECKING

import h11
import httpx

from core.errors import BackendError, ConnectFailed, IncompleteReply, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from core.client.backend import Backend

TRANSPORT_ERRORS = (
    OSError,
    h11.ProtocolError,
    httpx.HTTPError,
    httpx.InvalidURL,
    httpx.StreamError,
)
_GARBLED = (h11.RemoteProtocolError, httpx.RemoteProtocolError)
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


def transport_error(error: Exception, backend: Backend, *, answered: bool) -> BackendError:
    """The typed error for one of ``TRANSPORT_ERRORS``.

    ``answered`` says that the head of a reply had come, so that its body is what broke.
    """
    who = f"{backend.name} at {backend.address}"
    if isinstance(error, _GARBLED) and not str(error).lower().startswith(_CUT):
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
    for types, kind in (
        ((socket.gaierror,), "dns"),
        ((ssl.SSLError,), "tls"),
        ((ConnectionRefusedError,), "refused"),
        ((ConnectionResetError, BrokenPipeError, httpx.ReadError, *_GARBLED), "reset"),
    ):
        if any(isinstance(cause, types) for cause in causes):
            return kind
    # asyncio tells of several addresses that failed in one OSError without a number.
    refused = f"[Errno {errno.ECONNREFUSED}]"
    return "refused" if any(refused in str(cause) for cause in causes) else "network"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
