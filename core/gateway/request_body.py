"""An agent's request body: read within limits of size and time, unpacked, and parsed."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING, Any

from core.client.body import decoder
from core.client.bounded import TookTooLong, parse_json
from core.errors import ProtocolError
from core.gateway.dialects.refusals import ErrorReply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from starlette.types import Receive, Scope

MAX_BODY = 8 << 20
READ_WITHIN_S = 30.0
# So much more is read and thrown away, since a client that still sends reads no refusal.
_DRAINED = 32 << 20
_DRAIN_WITHIN_S = 2.0
_PIECE = 64 << 10


class ClientLeft(Exception):
    """The client closed its connection before it had asked."""


async def read_body(scope: Scope, receive: Receive, *, max_body: int = MAX_BODY) -> bytes:
    """The whole body, unpacked.

    Raises:
        ErrorReply: 413 when it is longer than ``max_body`` bytes, packed or not, 408 when it takes
            over 30 s, 415 for a packing that is not known, 400 where it is not so packed.
        ClientLeft: the client has closed its connection.
    """
    unpack = _unpacking(_header(scope, b"content-encoding"))
    body = bytearray()
    try:
        async with asyncio.timeout(READ_WITHIN_S):
            if int(_header(scope, b"content-length") or 0) > max_body:
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
        raise ErrorReply(408, "the request's body took too long", code="timeout") from None
    return bytes(body) if unpack is None else await _unpacked(bytes(body), unpack, max_body)


async def read_json(body: bytes) -> object:
    """The body's JSON; ErrorReply where it is none, or would take long to parse."""
    try:
        return await parse_json(body)
    except ValueError:
        raise ErrorReply(
            400, "the request's body is not JSON, or holds too many values", code="invalid_json"
        ) from None
    except TookTooLong:
        raise ErrorReply(
            413, "the request's body takes too long to parse", code="request_too_large"
        ) from None


async def _unpacked(
    packed: bytes, unpack: Callable[[bytes], Iterable[bytes]], max_body: int
) -> bytes:
    body = bytearray()
    try:
        for piece in unpack(packed):
            body += piece
            if len(body) > max_body:
                raise _too_long(max_body)
            await asyncio.sleep(0)  # other calls want their turn
    except ProtocolError:
        raise ErrorReply(
            400, "the body is not packed as its Content-Encoding says", code="invalid_encoding"
        ) from None
    return bytes(body)


def _unpacking(encoding: str) -> Callable[[bytes], Iterable[bytes]] | None:
    """A function from the packed body to its pieces; None where it is not packed."""
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return None
    if name in ("gzip", "x-gzip", "deflate"):
        return decoder(name)
    if name == "zstd" and (opened := _zstd()) is not None:
        return opened
    raise ErrorReply(
        415,
        "the request's Content-Encoding must be gzip, deflate, zstd or none",
        code="unsupported_encoding",
        headers={"accept-encoding": "gzip, deflate, zstd"},
    )


def _zstd() -> Callable[[bytes], Iterable[bytes]] | None:
    zstd = next(filter(None, map(_module, ("compression.zstd", "backports.zstd"))), None)
    if zstd is None:
        return None

    def pieces(packed: bytes) -> Iterable[bytes]:
        stream = zstd.ZstdDecompressor()
        try:
            yield stream.decompress(packed, _PIECE)
            while not stream.eof or stream.unused_data:
                if stream.eof:  # several frames, one after the other
                    rest, stream = stream.unused_data, zstd.ZstdDecompressor()
                    yield stream.decompress(rest, _PIECE)
                    continue
                piece = stream.decompress(b"", _PIECE)
                if not piece:
                    raise ProtocolError("the body was cut")
                yield piece
        except zstd.ZstdError as error:
            raise ProtocolError("the body is no zstd data") from error

    return pieces


def _module(name: str) -> Any:
    """Python's own from 3.14 on, its backport before; None where neither is installed."""
    try:
        return import_module(name)
    except ImportError:
        return None


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
    message: Any = await receive()
    if message["type"] == "http.disconnect":
        raise ClientLeft
    return message.get("body", b""), message.get("more_body", False)


def _header(scope: Scope, name: bytes) -> str:
    values = [value for key, value in scope["headers"] if key == name]
    return values[0].decode("latin-1") if values else ""


def _too_long(max_body: int) -> ErrorReply:
    return ErrorReply(413, f"the request is over {max_body >> 20} MiB", code="request_too_large")
