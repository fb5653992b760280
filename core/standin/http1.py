"""One HTTP/1.1 connection as a server sees it, on asyncio streams: what the stand-in needs."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


HEAD_LIMIT = 32 * 1024
BODY_LIMIT = 8 * 1024 * 1024
_IDLE_S = 75.0


class HttpError(Exception):
    """A request that is answered with ``status`` and ends its connection."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A whole request; header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class ServerConnection:
    """Reads requests and writes answers; ``reusable`` tells whether another may follow."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._chunked = True
        self._unsent = b""
        self.reusable = True

    async def read_request(self) -> HttpRequest | None:
        """The next request, None when the peer has no more.

        Raises:
            HttpError: It is malformed, too large, or too slow.
            OSError: The connection broke.
        """
        try:
            async with asyncio.timeout(_IDLE_S):
                head = await self._reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            if error.partial:
                raise HttpError(400, "the request ended early") from error
            return None
        except asyncio.LimitOverrunError as error:
            raise HttpError(431, f"the request's head is over {HEAD_LIMIT} bytes") from error
        method, path, version, headers = _parse_head(head)
        self._chunked = version == "HTTP/1.1"
        asked = headers.get("connection", "").lower()
        self.reusable = asked != "close" if self._chunked else asked == "keep-alive"
        return HttpRequest(method, path, headers, await self._read_body(headers))

    async def _read_body(self, headers: Mapping[str, str]) -> bytes:
        if "transfer-encoding" in headers:
            raise HttpError(411, "a request needs a Content-Length here")
        stated = headers.get("content-length", "0")
        if not (stated.isascii() and stated.isdigit()):
            raise HttpError(400, "Content-Length is not a number")
        if int(stated[:20]) > BODY_LIMIT:
            raise HttpError(413, f"the request is over {BODY_LIMIT} bytes")
        if headers.get("expect", "").lower() == "100-continue":
            self._writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        try:
            async with asyncio.timeout(_IDLE_S):
                return await self._reader.readexactly(int(stated))
        except asyncio.IncompleteReadError as error:
            raise HttpError(400, "the request ended early") from error

    async def send_json(
        self, status: int, body: Any, headers: Mapping[str, str] | None = None
    ) -> None:
        """Answer with ``body`` as JSON."""
        await self.send(status, json.dumps(body).encode(), headers=headers)

    async def send(
        self,
        status: int,
        body: bytes,
        *,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
        stated_length: int | None = None,
    ) -> None:
        """Answer with ``body``; ``stated_length`` other than its own makes a broken answer."""
        length = len(body) if stated_length is None else stated_length
        fields = {"Content-Length": str(length), **(headers or {})}
        self._writer.write(self._head(status, content_type, fields) + body)
        await self._writer.drain()

    def open_stream(self) -> None:
        """Begin a 200 answer of server-sent events; its head leaves with the first piece."""
        fields = {"Cache-Control": "no-cache"}
        if self._chunked:
            fields["Transfer-Encoding"] = "chunked"
        else:
            self.reusable = False
        self._unsent = self._head(200, "text/event-stream; charset=utf-8", fields)

    async def send_piece(self, piece: bytes) -> None:
        """Send a non-empty part of the stream now."""
        framed = b"%x\r\n%b\r\n" % (len(piece), piece) if self._chunked else piece
        await self._flush(framed)

    async def close_stream(self) -> None:
        """End the stream as it should be."""
        await self._flush(b"0\r\n\r\n" if self._chunked else b"")

    async def _flush(self, data: bytes) -> None:
        """What is due, in one write: a client that measures must not wait for a second packet."""
        self._writer.write(self._unsent + data)
        self._unsent = b""
        await self._writer.drain()

    async def peer_gone(self) -> None:
        """Wait until the peer closes; what it sends meanwhile is dropped."""
        while await self._reader.read(HEAD_LIMIT):
            pass

    def break_off(self) -> None:
        """Close after what was sent, though the answer is not whole."""
        self.reusable = False

    def reset(self) -> None:
        """Drop the connection at once; the peer sees it reset."""
        self.reusable = False
        plug = self._writer.get_extra_info("socket")
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    def _head(self, status: int, content_type: str, fields: Mapping[str, str]) -> bytes:
        connection = "keep-alive" if self.reusable else "close"
        lines = [
            f"HTTP/1.1 {status} {_phrase(status)}",
            f"Content-Type: {content_type}",
            *(f"{name}: {value}" for name, value in fields.items()),
            f"Connection: {connection}",
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _parse_head(head: bytes) -> tuple[str, str, str, dict[str, str]]:
    first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or words[2] not in {"HTTP/1.1", "HTTP/1.0"}:  # noqa: PLR2004  as HTTP has it
        raise HttpError(400, "not an HTTP/1.1 request")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise HttpError(400, "a malformed header line")
        headers[name.lower()] = value.strip()
    return words[0], words[1].partition("?")[0], words[2], headers


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unassigned"
