"""Both first tokens on llama.cpp, the role chunk and the first content; and calls back to back.

llama.cpp announces keep-alive and closes all the same: a client that believes it fails.

    python benchmarks/first_tokens.py [--quick]
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from engines import engine
from processes import MODEL, drivers, stub, versions
from table import Given, Result, Row, main, middle

from core.client import schema as structured
from core.client.backend import Backend, ChatRequest
from core.client.chat import ChatClient
from core.stages import Mode

if TYPE_CHECKING:
    from core.client.backend import Message
    from core.engine.process import ServerProcess

CLIENTS = ("reflex", "httpx", "aiohttp", "openai")
CALLS = 1000
WORDS = structured.response_format("reply", {"type": "string", "enum": ["the first line is"]})
SHORT = {"type": "integer", "enum": [1, 2]}
FORMAT = structured.response_format("reply", SHORT)


def measure(given: Given) -> Result:
    """The two moments apart, and failures of calls in a row."""
    result = Result("first_tokens", versions=versions(given, CLIENTS))
    with stub() as address:
        chunk, content = asyncio.run(both(f"{address}/paced/v1", MODEL, given.times(10, 50)))
        apart = content - chunk
        result.rows.append(
            Row(
                "first content after first role chunk, by a stub that leaves 50 ms",
                "ms",
                apart,
                "both recorded, 50 ± 1.5 ms apart",
                abs(apart - 50) <= 1.5,
                ratio=f"role {chunk:.1f} ms, content {content:.1f} ms",
            )
        )
    with engine() as server:
        if server is None:
            result.notes.append("No llama.cpp: the embedded engine is not installed.")
            return result
        chunk, content = asyncio.run(both(server.endpoint, server.model, given.times(6, 50)))
        result.rows.append(
            Row(
                "the same by llama.cpp",
                "ms",
                content - chunk,
                "both recorded",
                content >= chunk,
                ratio=f"role {chunk:.1f} ms, content {content:.1f} ms",
            )
        )
        result.rows.append(row(given, server))
    return result


async def both(endpoint: str, model: str, calls: int) -> tuple[float, float]:
    """Medians in ms of first chunk and first content, each prompt new to the engine's cache."""
    backend = Backend("reflex", Mode.REFLEX, endpoint, model, 60_000)
    chunks, contents = [], []
    async with ChatClient(backend) as client:
        for number in range(calls + 1):
            words = f"Number {number}: say which of these lines is wrong. " * 4
            message: Message = {"role": "user", "content": words}
            reply = await client.complete(
                ChatRequest([message], temperature=0, extra={"response_format": WORDS})
            )
            assert reply.first_chunk_ms is not None
            assert reply.ttft_ms is not None
            chunks.append(reply.first_chunk_ms)
            contents.append(reply.ttft_ms)
    return middle(chunks[1:]), middle(contents[1:])


def row(given: Given, server: ServerProcess) -> Row:
    """Failures among calls made one after the other, each client taking its turn."""
    failures = {}
    with drivers(given, CLIENTS, server.endpoint, server.model) as clients:
        for name, client in clients.items():
            calls = given.times(300 if name == "reflex" else 50, CALLS)
            kinds = client.run(1, calls=calls, extra={"response_format": FORMAT})["failures"]
            failures[name] = (sum(kinds.values()), calls, kinds)
    lost, calls, kinds = failures.pop("reflex")
    return Row(
        f"{calls:,} streamed calls back to back: failures",
        "",
        lost,
        "0",
        lost == 0,
        ratio=str(kinds or ""),
        peers={name: f"{lost} of {calls}" for name, (lost, calls, _) in failures.items()},
    )


if __name__ == "__main__":
    main(measure)
