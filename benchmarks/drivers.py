"""Clients under measurement, each run alone in a process by the Python that has it installed.

    python benchmarks/drivers.py NAME ENDPOINT MODEL

Each line of standard input is ``{"concurrency": n, "calls": m, "extra": {…}}`` (or ``seconds``
in place of ``calls``). Each line of output tells of those calls: ``samples`` of [TTFT, latency] in
ms with the last word of each reply, ``failures`` by kind, wall and CPU time in s, memory in MB.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

Call = tuple["float | None", float, str]
MESSAGES = [{"role": "user", "content": "Which line is wrong? Say it in a few words."}]


def question(model: str, extra: dict[str, Any]) -> dict[str, Any]:
    """The body that every client sends."""
    streaming = {"stream": True, "stream_options": {"include_usage": True}}
    return {"model": model, "messages": MESSAGES, **streaming, **extra}


class Lines:
    """Times a stream that is read by lines, as one would by hand."""

    def __init__(self) -> None:
        self.sent = time.perf_counter()
        self.first: float | None = None
        self.words: list[str] = []
        self.finished = False

    def take(self, line: Any) -> None:
        """One line of the stream, as text or as bytes."""
        if not line.startswith("data: " if isinstance(line, str) else b"data: "):
            return
        data = line[6:].strip()
        if data in ("[DONE]", b"[DONE]"):
            return
        for choice in json.loads(data)["choices"]:
            self.said(choice["delta"].get("content"), choice.get("finish_reason"))

    def said(self, content: str | None, finish: str | None) -> None:
        """One chunk's content."""
        if content:
            self.first = self.first or time.perf_counter()
            self.words.append(content)
        self.finished = self.finished or bool(finish)

    def call(self) -> Call:
        """What was measured."""
        if not self.finished:
            raise EOFError("cut")
        ended = time.perf_counter()
        ttft = None if self.first is None else 1000 * (self.first - self.sent)
        return ttft, 1000 * (ended - self.sent), "".join(self.words)


_OUR_OWN = {"model", "messages", "stream", "stream_options"}


class Reflex:
    """Our client."""

    def __init__(self, endpoint: str, model: str) -> None:
        from core.client.backend import Backend
        from core.client.chat import ChatClient
        from core.stages import Mode

        self._client = ChatClient(Backend("reflex", Mode.REFLEX, endpoint, model, 60_000))

    async def ask(self, body: dict[str, Any], _: int) -> Call:
        """One call."""
        from core.client.backend import ChatRequest

        extra = {name: value for name, value in body.items() if name not in _OUR_OWN}
        reply = await self._client.complete(ChatRequest(body["messages"], extra=extra))
        return reply.ttft_ms, reply.latency_ms, reply.text

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


class Bare:
    """The floor: asyncio alone, which sends the same bytes and looks for the end, not inside."""

    def __init__(self, endpoint: str) -> None:
        parts = urlsplit(endpoint)
        self._host, self._port, self._path = parts.hostname, parts.port, parts.path
        self._streams: dict[int, Any] = {}

    async def ask(self, body: dict[str, Any], worker: int) -> Call:
        """One call; the reply's text is not looked at."""
        if worker not in self._streams:
            self._streams[worker] = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams[worker]
        content = json.dumps(body).encode()
        head = f"POST {self._path}/chat/completions HTTP/1.1\r\nhost: {self._host}\r\n"
        sent = time.perf_counter()
        writer.write(f"{head}content-length: {len(content)}\r\n\r\n".encode() + content)
        try:
            await reader.readuntil(b"\r\n0\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            # llama.cpp closes what it said it would keep.
            writer.close()
            del self._streams[worker]
            return await self.ask(body, worker)
        return None, 1000 * (time.perf_counter() - sent), ""

    async def close(self) -> None:
        """Close the connections."""
        for _, writer in self._streams.values():
            writer.close()


class Httpx:
    """httpx read by lines: one client for all, or one a worker."""

    def __init__(self, endpoint: str, *, each: bool) -> None:
        self._url = f"{endpoint}/chat/completions"
        self._each = each
        self._clients: dict[int, Any] = {}

    async def ask(self, body: dict[str, Any], worker: int) -> Call:
        """One call."""
        import httpx

        key = worker if self._each else 0
        if key not in self._clients:
            self._clients[key] = httpx.AsyncClient(timeout=60)
        lines = Lines()
        async with self._clients[key].stream("POST", self._url, json=body) as response:
            response.raise_for_status()
            async for line in response.aiter_lines():
                lines.take(line)
        return lines.call()

    async def close(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            await client.aclose()


class Aiohttp:
    """aiohttp read by lines, one session."""

    def __init__(self, endpoint: str) -> None:
        self._url = f"{endpoint}/chat/completions"
        self._session: Any = None

    async def ask(self, body: dict[str, Any], _: int) -> Call:
        """One call."""
        import aiohttp

        if self._session is None:
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        lines = Lines()
        async with self._session.post(self._url, json=body) as response:
            response.raise_for_status()
            async for line in response.content:
                lines.take(line)
        return lines.call()

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()


class OpenAI:
    """OpenAI's SDK, one client."""

    def __init__(self, endpoint: str) -> None:
        import openai

        self._client = openai.AsyncOpenAI(base_url=endpoint, api_key="none", max_retries=0)

    async def ask(self, body: dict[str, Any], _: int) -> Call:
        """One call."""
        lines = Lines()
        async for chunk in await self._client.chat.completions.create(**body):
            for choice in chunk.choices:
                lines.said(choice.delta.content, choice.finish_reason)
        return lines.call()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


class LiteLLM:
    """LiteLLM's Router over one deployment."""

    def __init__(self, endpoint: str, model: str) -> None:
        import litellm

        parameters = {"model": f"openai/{model}", "api_base": endpoint, "api_key": "none"}
        self._router = litellm.Router(
            model_list=[{"model_name": model, "litellm_params": parameters}], num_retries=0
        )

    async def ask(self, body: dict[str, Any], _: int) -> Call:
        """One call."""
        lines = Lines()
        async for chunk in await self._router.acompletion(**body):
            for choice in chunk.choices:
                lines.said(choice.delta.content, choice.finish_reason)
        return lines.call()

    async def close(self) -> None:
        """Nothing to close that it offers."""


def client(name: str, endpoint: str, model: str) -> Any:
    """The client of a name."""
    makers: dict[str, Callable[[], Any]] = {
        "reflex": lambda: Reflex(endpoint, model),
        "bare asyncio": lambda: Bare(endpoint),
        "httpx": lambda: Httpx(endpoint, each=False),
        "httpx, one a worker": lambda: Httpx(endpoint, each=True),
        "aiohttp": lambda: Aiohttp(endpoint),
        "openai": lambda: OpenAI(endpoint),
        "litellm": lambda: LiteLLM(endpoint, model),
    }
    return makers[name]()


async def drive(asked: Any, model: str, order: dict[str, Any]) -> dict[str, Any]:
    """Keep ``concurrency`` calls under way until enough were made."""
    samples: list[Call] = []
    failures: Counter[str] = Counter()
    left = iter(range(order["calls"]) if "calls" in order else iter(int, 1))
    extra = order.get("extra", {})
    until = time.perf_counter() + order.get("seconds", 3600.0)

    async def worker(number: int) -> None:
        for _ in left:
            if time.perf_counter() > until:
                return
            try:
                samples.append(await asked.ask(question(model, extra), number))
            except Exception as error:  # noqa: BLE001  every kind counts
                failures[type(error).__name__] += 1

    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(worker(number) for number in range(order["concurrency"])))
    return {
        "samples": [(ttft, ms, text.split()[-1] if text else "") for ttft, ms, text in samples],
        "failures": failures,
        "wall_s": time.perf_counter() - wall,
        "cpu_s": time.process_time() - cpu,
        "rss_mb": memory_mb(),
    }


def memory_mb() -> float:
    """Resident memory now; the most there was where the system does not tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


async def main(name: str, endpoint: str, model: str) -> None:
    """Carry out the orders on standard input."""
    asked = client(name, endpoint, model)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps(await drive(asked, model, json.loads(line))), flush=True)
    await asked.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))
