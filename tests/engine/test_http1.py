"""The stand-in's HTTP, byte by byte: keep-alive, limits, and requests that are none."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from core.standin.http1 import BODY_LIMIT
from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from core.standin.scripted_server import ScriptedServer


async def say(server: ScriptedServer, raw: bytes, *, finish: bool = True) -> bytes:
    """Send bytes and return all that comes until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        writer.write(raw)
        if finish:
            writer.write_eof()
        async with asyncio.timeout(PATIENCE_S):
            return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


def get(path: str, *headers: str, version: str = "HTTP/1.1") -> bytes:
    """A GET request's bytes."""
    return "\r\n".join([f"GET {path} {version}", "Host: x", *headers, "", ""]).encode()


def post(body: bytes, *headers: str, path: str = "/v1/chat/completions") -> bytes:
    """A POST request's bytes."""
    lines = [f"POST {path} HTTP/1.1", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


CHAT = json.dumps(
    {"model": "scripted-cloud", "messages": [{"role": "user", "content": "x"}], "stream": True}
).encode()


async def test_a_connection_serves_request_after_request(scripted: ScriptedServer) -> None:
    """Keep-alive is the rule, also after an error and a stream, and for pipelined requests."""
    raw = get("/health?x=1") + get("/nowhere") + post(CHAT) + get("/v1/models")
    answers = await say(scripted, raw)
    assert answers.count(b"HTTP/1.1 200 OK") == 3
    assert answers.count(b"HTTP/1.1 404 Not Found") == 1
    assert answers.count(b"Connection: keep-alive") == 4
    assert b"data: [DONE]\n\n\r\n0\r\n\r\nHTTP/1.1 200 OK" in answers


@pytest.mark.parametrize(
    "raw",
    [get("/health", "Connection: close"), get("/health", version="HTTP/1.0")],
)
async def test_a_connection_is_closed_when_asked(scripted: ScriptedServer, raw: bytes) -> None:
    """``Connection: close`` and HTTP/1.0 end after the answer, which says so."""
    answer = await say(scripted, raw + get("/health"), finish=False)
    assert answer.count(b"HTTP/1.1 200") == 1
    assert b"Connection: close" in answer


async def test_an_old_client_gets_a_stream_that_ends_by_closing(scripted: ScriptedServer) -> None:
    """HTTP/1.0 knows no chunks."""
    raw = post(CHAT).replace(b"HTTP/1.1", b"HTTP/1.0")
    answer = await say(scripted, raw, finish=False)
    assert b"chunked" not in answer
    assert answer.endswith(b"data: [DONE]\n\n")


async def test_expect_continue_is_answered(scripted: ScriptedServer) -> None:
    """A client that waits before it sends a body is told to go on."""
    answer = await say(scripted, post(CHAT, "Expect: 100-continue"))
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"hello\r\n\r\n", 400),
        (b"GET /health HTTP/2\r\n\r\n", 400),
        (get("/health", "no colon"), 400),
        (get("/health", " folded: x"), 400),
        (get("/health", "Content-Length: -1"), 400),
        (get("/health", "Content-Length: \u0661"), 400),
        (get("/health", "Content-Length: 5"), 400),
        (b"GET /hea", 400),
        (get("/health", f"Content-Length: {BODY_LIMIT + 1}"), 413),
        (get("/health", f"Content-Length: {'9' * 5000}"), 413),
        (get("/health", "Transfer-Encoding: chunked"), 411),
        (get("/health", "X: " + "x" * 40_000), 431),
        (b"x" * 100_000, 431),
    ],
)
async def test_what_is_no_request_is_refused_and_closed(
    scripted: ScriptedServer, raw: bytes, status: int
) -> None:
    """Each ends with its status and a closed connection, and the server lives."""
    answer = await say(scripted, raw)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"Connection: close" in answer
    assert b"200 OK" in await say(scripted, get("/health"))


async def test_an_answer_of_an_odd_status_is_well_formed(scripted: ScriptedServer) -> None:
    """A status without a phrase of its own still makes a status line."""
    await say(scripted, post(b'{"faults": "status:599"}', path="/__scripted"))
    assert (await say(scripted, post(CHAT))).startswith(b"HTTP/1.1 599 Unassigned\r\n")


async def test_a_stream_that_is_due_at_once_is_one_packet(scripted: ScriptedServer) -> None:
    """Head and content leave together, so that no client waits for an acknowledgement between."""
    reader, writer = await asyncio.open_connection("127.0.0.1", scripted.port)
    writer.write(post(CHAT))
    async with asyncio.timeout(PATIENCE_S):
        first = await reader.read(1 << 16)
    writer.close()
    await writer.wait_closed()
    assert first.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"data: [DONE]" in first
