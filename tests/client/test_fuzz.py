"""Mutated replies cut anywhere: each ends in a reply or a typed error, and none hangs.

``REFLEX_TORTURE=1`` runs 100,000 of them; ``REFLEX_FUZZ_SEED`` starts elsewhere.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections import Counter

import pytest

from core.client.backend import ChatRequest, Reply
from core.client.chat import ChatClient
from core.errors import BackendError
from tests.support.behaviours import (
    DONE,
    EVENTS,
    GOOD,
    SCHEMA,
    Seen,
    completion,
    delta,
    event,
    framed,
    head,
    said,
)
from tests.support.faultserver import FaultServer
from tests.support.recorded import load, names

TIMES = 100_000 if os.environ.get("REFLEX_TORTURE") else 500
SEED = int(os.environ.get("REFLEX_FUZZ_SEED", "1"))
AT_ONCE = 8
TIMEOUT_MS = 2000

# What a mutation inserts: the words of the protocols, and values of the wrong type.
TOKENS = [
    b"\r\n",
    b"\n\n",
    b"\r",
    b"\x00",
    b"\xff",
    b"\xef\xbb\xbf",
    b"data: ",
    b"data:",
    b"event: error\n",
    b"error: {}\n\n",
    b": ping\n\n",
    b"data: [DONE]\n\n",
    b"0\r\n\r\n",
    b"ffffffff\r\n",
    b"-1\r\n",
    b"null",
    b"[]",
    b"{}",
    b"-1",
    b"1e999",
    b"NaN",
    b"true",
    b'""',
    b"[[[[",
    b'{"error":',
    b'"error":5,',
    b'"detail":[],',
    b'"choices":{},',
    b'"choices":[null],',
    b'"delta":[],',
    b'"content":{"a":1},',
    b'"tool_calls":[{}],',
    b'"tool_calls":[5],',
    b'"finish_reason":7,',
    b'"finish_reason":"stop",',
    b'"index":null,',
    b'"index":-1,',
    b'"usage":[1],',
    b'"usage":{"prompt_tokens":-5},',
    b'"refusal":{},',
    b'"code":"503",',
    b'"code":1e400,',
    b'"\\ud800"',
    b"9" * 5000,
    b"[" * 3000,
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"content-length: 5\r\n",
    b"content-encoding: gzip\r\n",
    b"transfer-encoding: chunked\r\n",
    b"retry-after: nan\r\n",
    b"location: //\r\n",
    b"<html>",
]


def corpus() -> list[bytes]:
    """Whole HTTP answers, sound and faulty, that mutations start from."""
    found = [EVENTS + b"".join(map(framed, (*said(GOOD), b""))) for _ in range(4)]
    found.append(head(content_type="text/event-stream") + b"".join(said(GOOD)))
    tools = delta({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f"}}]})
    found.append(head() + event(tools) + event(delta({}, "tool_calls")) + DONE)
    for status, payload in (
        (200, completion(GOOD)),
        (200, {"error": {"message": "m", "code": 503, "type": "x"}}),
        (503, {"object": "error", "message": "m", "code": 503}),
        (422, {"detail": [{"loc": ["body"], "msg": "m"}]}),
        (307, {}),
    ):
        body = json.dumps(payload).encode()
        fields = {"content_type": "application/json", "content_length": str(len(body))}
        found.append(head(status, **fields, retry_after="3", location="http://x/") + body)
    for name in names():
        recording = load(name)
        if recording.method == "POST":
            found.append(head(recording.status, **recording.headers) + recording.body[:6000])
    return found


def mutated(rng: random.Random, reply: bytes) -> bytes:
    """``reply`` with a few bytes flipped, cut out, repeated, swapped or put in."""
    data = bytearray(reply)
    for _ in range(rng.choice((0, 1, 1, 2, 3, 8))):
        at = rng.randrange(len(data) + 1)
        to = min(len(data), at + rng.choice((1, 1, 2, 8, 40)))
        kind = rng.randrange(6)
        if kind == 0 and at < len(data):
            data[at] = rng.randrange(256)
        elif kind == 1:
            del data[at:to]
        elif kind == 2:
            data[at:at] = data[at:to]
        elif kind == 3:
            data[at:at] = rng.choice(TOKENS)
        elif kind == 4:
            data[at:to] = rng.choice(TOKENS)
        elif rng.random() < 0.2:
            del data[at:]
    return bytes(data)


@pytest.mark.timeout(60 + TIMES / 50)
async def test_mutated_replies() -> None:
    """Whatever comes, the call ends in a Reply that meets the schema or in a BackendError."""
    rng = random.Random(SEED)
    replies = corpus()
    ended: Counter[str] = Counter()
    left = TIMES
    unfit: list[str] = []

    async def serve(_: Seen, writer: asyncio.StreamWriter) -> None:
        data = mutated(rng, rng.choice(replies))
        places = sorted(rng.randrange(len(data) + 1) for _ in range(rng.choice((0, 1, 3))))
        for start, end in zip([0, *places], [*places, len(data)], strict=True):
            writer.write(data[start:end])
            await asyncio.sleep(0)
        if rng.random() < 0.9:
            writer.close()
        else:
            writer.transport.abort()

    async with FaultServer(serve) as server, ChatClient(server.backend()) as client:

        async def work() -> None:
            nonlocal left
            while left > 0:
                left -= 1
                request = ChatRequest([{"role": "user", "content": "x"}], schema=SCHEMA)
                try:
                    reply = await client.complete(request, timeout_ms=TIMEOUT_MS)
                except BackendError as error:
                    ended[error.code] += 1
                    unfit.extend(() if error.message.isprintable() else (error.message,))
                else:
                    assert isinstance(reply, Reply)
                    ended["reply"] += 1

        await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    assert ended.total() == TIMES
    assert ended["timeout"] == 0
    assert unfit == []
    # The mutations reach every depth: some replies survive, and each kind of failure is met.
    assert {"reply", "incomplete", "protocol", "not_compliant", "cut", "bad_request"} <= set(ended)
