"""Replies under another name than their own, and servers that do not read what they are sent."""

from __future__ import annotations

import asyncio
import gzip
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from core.client.backend import ChatRequest, Reply
from core.client.chat import ChatClient
from core.errors import AttemptTimeout, BackendError, BadRequest, IncompleteReply, ProtocolError
from tests.support.behaviours import GOOD, SCHEMA, completion, framed, head, raw, said
from tests.support.faultserver import FaultServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from core.client.backend import Backend

ASK = ChatRequest([{"role": "user", "content": "hi"}], schema=SCHEMA)
STREAM = b"".join(said(GOOD))
WHOLE = json.dumps(completion(GOOD)).encode()
PAGE = b"\xef\xbb\xbf\n<!doctype html><html><body>Log in</body></html>"
BOM = b"\xef\xbb\xbf"


async def ended(backend: Backend, request: ChatRequest = ASK) -> Reply | BackendError:
    """How one call ends."""
    async with ChatClient(backend) as client:
        try:
            return await client.complete(request)
        except BackendError as error:
            return error


@pytest.mark.parametrize("body", [STREAM, WHOLE, BOM + STREAM, BOM + WHOLE], ids=range(4))
@pytest.mark.parametrize(
    "kind",
    [
        "",
        "text/plain",
        "application/json",
        "application/json; charset=utf-16",
        "text/event-stream; charset=utf-16",
        "application/octet-stream",
        "text/event-stream, application/json",
        "\xff;=/",
    ],
)
async def test_a_reply_is_what_it_begins_as(kind: str, body: bytes) -> None:
    """A stream of events or one document, whatever a proxy calls it, in one piece or in many."""
    named: dict[str, Any] = {"content_type": kind} if kind else {}
    at_once = raw(head(content_length=str(len(body)), **named) + body)
    pieces = (framed(body[at : at + 40]) for at in range(0, len(body), 40))
    in_pieces = raw(head(transfer_encoding="chunked", **named) + b"".join(pieces) + framed(b""))
    async with FaultServer(at_once, in_pieces) as server:
        for _ in range(2):
            reply = await ended(server.backend())
            assert isinstance(reply, Reply), reply
            assert reply.text == GOOD


OTHERS = {
    "page": PAGE,
    "words": b"Service is up.",
    "literal": b"true",
    "field-like": b"data at rest",
    "utf-16": WHOLE.decode().encode("utf-16"),
    "utf-16-le": WHOLE.decode().encode("utf-16-le"),
    "utf-16 stream": STREAM.decode().encode("utf-16"),
    "stream": STREAM,
    "zipped": gzip.compress(STREAM),
    "two documents": WHOLE + b"\n" + WHOLE,
}


@pytest.mark.parametrize(
    ("kind", "encoding", "name", "error", "words"),
    [
        ("application/json", "", "page", ProtocolError, "a web page"),
        ("text/event-stream", "", "page", ProtocolError, "a web page"),
        ("text/plain", "", "words", ProtocolError, "neither a stream"),
        ("application/json", "", "literal", ProtocolError, "no object"),
        ("application/json", "", "field-like", ProtocolError, "neither a stream"),
        ("application/json", "", "utf-16", ProtocolError, "not UTF-8"),
        ("application/json", "", "utf-16-le", ProtocolError, "not JSON"),
        ("text/event-stream", "", "utf-16 stream", IncompleteReply, "without a finish_reason"),
        ("text/event-stream", "gzip", "stream", ProtocolError, "not the gzip data"),
        ("text/event-stream", "", "zipped", IncompleteReply, "without a finish_reason"),
        ("application/x-ndjson", "", "two documents", ProtocolError, "not JSON"),
    ],
)
async def test_what_is_neither_says_so(
    kind: str, encoding: str, name: str, error: type[BackendError], words: str
) -> None:
    """In words of what came, never as a fault of ours."""
    body = OTHERS[name]
    named: dict[str, Any] = {"content_encoding": encoding} if encoding else {}
    reply = raw(head(content_type=kind, content_length=str(len(body)), **named) + body)
    async with FaultServer(reply) as server:
        found = await ended(server.backend())
    assert type(found) is error, found
    assert words in found.message


@asynccontextmanager
async def unread(answer: bytes) -> AsyncIterator[FaultServer]:
    """A server that reads no more of a request than its head, and says ``answer`` to that."""
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await over.wait()
        writer.close()

    described = FaultServer()
    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    described.endpoint = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/v1"
    try:
        yield described
    finally:
        over.set()
        listener.close()


LONG = ChatRequest([{"role": "user", "content": "x" * (24 << 20)}])


async def test_a_server_that_does_not_read_meets_the_deadline() -> None:
    """While the request is still being sent, too."""
    async with unread(b"") as server:
        assert isinstance(await ended(server.backend(timeout_ms=400), LONG), AttemptTimeout)


async def test_an_answer_that_comes_before_all_is_sent_counts() -> None:
    """As of one that has no room for it; the connection is not used again."""
    refusal = b'{"error": {"message": "request too large"}}'
    answer = head(413, content_type="application/json", content_length=str(len(refusal))) + refusal
    async with unread(answer) as server, ChatClient(server.backend(timeout_ms=60_000)) as client:
        for _ in range(2):
            with pytest.raises(BadRequest, match="request too large"):
                await client.complete(LONG)
