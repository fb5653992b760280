"""Short GETs of a server: what it says, or the one typed error."""

from __future__ import annotations

import asyncio
import gzip
import time
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import h11
import pytest

from core.client.backend import Backend
from core.client.fetch import BODY_LIMIT, Fetched, get, open_http
from core.client.transport import DirectTransport, Request
from core.errors import (
    BackendError,
    ConnectFailed,
    IncompleteReply,
    LimitExceeded,
    ProtocolError,
)
from core.stages import Mode
from tests.support.faultserver import FaultServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

OK = b"HTTP/1.1 200 OK\r\n"
ZIPPED = gzip.compress(b'{"a": 1}')

ANSWERS: dict[str, tuple[bytes, object]] = {
    "counted": (OK + b"Content-Length: 2\r\nContent-Type: TEXT/X\r\n\r\nab", b"ab"),
    "until closed": (OK + b"\r\nab", b"ab"),
    "chunked": (OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n", b"ab"),
    "early hints": (b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK + b"\r\nab", b"ab"),
    "hints without end": (b"HTTP/1.1 102 Processing\r\n\r\n" * 100 + OK + b"\r\nab", ProtocolError),
    "compressed": (OK + b"Content-Encoding: gzip\r\n\r\n" + ZIPPED, b'{"a": 1}'),
    "compressed twice": (
        OK + b"Content-Encoding: gzip\r\nContent-Encoding: br\r\n\r\n" + ZIPPED,
        ProtocolError,
    ),
    "an error": (b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", b"no"),
    "a redirect": (b"HTTP/1.1 302 Found\r\nLocation: /x\xe4\r\n\r\n", ProtocolError),
    "another protocol": (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", ProtocolError),
    "nothing": (b"", ConnectFailed),
    "half a word": (b"HTT", ConnectFailed),
    "no HTTP": (b"220 mail.example.com ESMTP\r\n", ProtocolError),
    "an endless head": (OK + b"X: " + b"x" * 200_000, ProtocolError),
    "cut": (OK + b"Content-Length: 9\r\n\r\nab", IncompleteReply),
    "cut in a chunk": (OK + b"Transfer-Encoding: chunked\r\n\r\n9\r\nab", IncompleteReply),
    "bad chunks": (OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nab", ProtocolError),
    "too much": (OK + b"\r\n" + b"x" * (BODY_LIMIT + 1), LimitExceeded),
}


@asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[tuple[Backend, list[bytes]]]:
    """A server that says ``answer`` to each connection and closes it; and what it was asked."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        yield Backend("reflex", Mode.REFLEX, f"http://127.0.0.1:{port}/v1", "m", 1500), asked


async def outcome(backend: Backend) -> Fetched | BackendError:
    """The answer to one GET, or its error."""
    async with open_http(backend) as http:
        try:
            return await get(http, backend, f"{backend.endpoint}/models")
        except BackendError as error:
            return error


@pytest.mark.parametrize("name", ANSWERS)
async def test_an_answer_or_its_error(name: str) -> None:
    """Status, type and body, or the class of the error; each GET has a connection of its own."""
    answer, expected = ANSWERS[name]
    async with answering(answer) as (backend, asked):
        found = await outcome(backend)
        assert b"connection: close" in asked[0].lower()
    if isinstance(found, Fetched):
        assert found.body == expected
        assert found.content_type == ("text/x" if name == "counted" else "")
    else:
        assert type(found) is expected


async def test_nothing_listens() -> None:
    """A refusal is told as such."""
    async with answering(b"") as (backend, _):
        pass
    error = await outcome(backend)
    assert isinstance(error, ConnectFailed)
    assert error.kind == "refused"


async def test_a_list_of_millions_is_refused() -> None:
    """A body that parsing would take long over is no answer: the event loop is not held."""
    body = b"[" + b"[]," * 300_000 + b"[]]"
    async with answering(OK + b"Content-Type: application/json\r\n\r\n" + body) as (backend, _):
        found = await outcome(backend)
    assert isinstance(found, Fetched)
    with pytest.raises(ProtocolError):
        found.json()


async def test_each_request_has_its_own_headers() -> None:
    """On a kept connection too, where the lines of the request before may be sent again."""
    async with FaultServer() as server, DirectTransport(time.monotonic) as transport:
        for key, body in (("a", b""), ("a", b"{}"), ("b", b"{}"), ("a", b'{"n": 1}')):
            headers = {"Authorization": key}
            response = await transport.send(
                Request("GET", f"{server.endpoint}/models", headers, body)
            )
            async for _ in response.body:
                pass
            await response.close()
        seen = [(one.headers["authorization"], one.body, one.nth) for one in server.requests]
    assert seen == [("a", b"", 1), ("a", b"{}", 2), ("b", b"{}", 3), ("a", b'{"n": 1}', 4)]


async def test_what_no_header_may_hold_is_not_sent() -> None:
    """Neither at first, nor once a request has gone over the connection."""
    async with FaultServer() as server, DirectTransport(time.monotonic) as transport:
        url = f"{server.endpoint}/models"
        for headers in ({"X": "a"}, {"X": "a\r\nY: b"}):
            with suppress(h11.LocalProtocolError):
                response = await transport.send(Request("GET", url, headers))
                async for _ in response.body:
                    pass
                await response.close()
        assert [one.headers.get("y") for one in server.requests] == [None]
