"""Reading a request's body within limits of size and time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from core.gateway.refusal import Refusal

if TYPE_CHECKING:
    from starlette.types import Receive, Scope

MAX_BODY = 8 << 20
READ_WITHIN_S = 30.0
# So much more is read and thrown away, since a client that still sends does not hear the refusal.
_DRAINED = 32 << 20
_DRAIN_WITHIN_S = 2.0


class ClientLeft(Exception):
    """The client closed its connection before it had asked."""


async def read_body(scope: Scope, receive: Receive, *, max_body: int = MAX_BODY) -> bytes:
    """The whole body.

    Raises:
        Refusal: 413 when it is longer than ``max_body`` bytes, 408 when it takes over 30 s.
        ClientLeft: nobody is there to be answered.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(READ_WITHIN_S):
            if _announced(scope) > max_body:
                await _drain(receive)
                raise _too_long(max_body)
            more = True
            while more:
                piece, more = await _piece(receive)
                body += piece
                if len(body) > max_body:
                    await _drain(receive)
                    raise _too_long(max_body)
    except TimeoutError:
        raise Refusal(408, "the request's body took too long", code="timeout") from None
    return bytes(body)


async def _drain(receive: Receive) -> None:
    try:
        async with asyncio.timeout(_DRAIN_WITHIN_S):
            drained, more = 0, True
            while more and drained < _DRAINED:
                piece, more = await _piece(receive)
                drained += len(piece)
    except TimeoutError:
        return


async def _piece(receive: Receive) -> tuple[bytes, bool]:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientLeft
    return message.get("body", b""), message.get("more_body", False)


def _announced(scope: Scope) -> int:
    values = [value for name, value in scope["headers"] if name == b"content-length"]
    return int(values[0]) if values else 0


def _too_long(max_body: int) -> Refusal:
    return Refusal(413, f"the request is over {max_body >> 20} MiB", code="request_too_large")
