"""Small servers over real sockets that answer as a table says, or misbehave as told."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.client.backend import Backend
from core.stages import Mode
from tests.support.recorded import load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    Behaviour = Callable[[asyncio.StreamWriter], Awaitable[None]]

RECORDINGS = Path(__file__).parents[2] / "health" / "recordings"
_REASONS = {200: "OK", 401: "Unauthorized", 404: "Not Found", 503: "Service Unavailable"}


@dataclass(frozen=True)
class Reply:
    """One answer; headers beyond the content's own are added as they are."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, value: Any, status: int = 200) -> Reply:
        """``value`` as JSON."""
        return cls(status, json.dumps(value).encode())

    async def __call__(self, writer: asyncio.StreamWriter) -> None:
        """Send it whole."""
        lines = [
            f"HTTP/1.1 {self.status} {_REASONS.get(self.status, 'Status')}",
            f"content-type: {self.content_type}",
            f"content-length: {len(self.body)}",
            *(f"{name}: {value}" for name, value in self.headers),
        ]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + self.body)
        await writer.drain()


@dataclass
class FakeServer:
    """What listens: its endpoint, and every request it got as (path, headers)."""

    port: int
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    @property
    def endpoint(self) -> str:
        """The API's base."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def paths(self) -> list[str]:
        """The paths asked for, in order."""
        return [path for path, _ in self.requests]


NOT_FOUND = Reply.of({"detail": "Not Found"}, 404)


@asynccontextmanager
async def serving(routes: Mapping[str, Behaviour] | Behaviour) -> AsyncIterator[FakeServer]:
    """Serve ``routes``, or one behaviour for every path, on a free port of 127.0.0.1."""
    server = FakeServer(0)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                path = head[0].split(" ")[1]
                headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
                await reader.readexactly(int(headers.get("content-length", "0")))
                server.requests.append((path, headers))
                behave = routes if callable(routes) else routes.get(path, NOT_FOUND)
                await behave(writer)
                if headers.get("connection") == "close" or not isinstance(behave, Reply):
                    break
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    listener = await asyncio.start_server(accept, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def silent(writer: asyncio.StreamWriter) -> None:
    """Accept, read, and never answer."""
    await asyncio.sleep(3600)


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """Close without a reply."""


def drip(data: bytes, pause_s: float = 0.02) -> Behaviour:
    """Send one byte at a time, so that no read ever waits long."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        for byte in data:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(pause_s)

    return behave


def raw(data: bytes) -> Behaviour:
    """Send these bytes and close."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()

    return behave


def in_turn(*replies: Reply) -> Behaviour:
    """One reply after the other, the last for ever."""
    left = list(replies)

    async def behave(writer: asyncio.StreamWriter) -> None:
        await (left.pop(0) if len(left) > 1 else left[0])(writer)

    return behave


def recorded_chat(name: str) -> Reply:
    """A recorded chat, such as ``vllm-0.32.0/too_long``."""
    chat = load(name)
    return Reply(chat.status, chat.body, chat.headers["content-type"])


def models(*ids: str, owned_by: str = "vllm", **more: Any) -> Reply:
    """An OpenAI list of models."""
    data = [{"id": name, "object": "model", "owned_by": owned_by, **more} for name in ids]
    return Reply.of({"object": "list", "data": data})


def recorded(engine: str, name: str) -> Reply:
    """A recorded reply, its length computed anew."""
    head, _, body = (RECORDINGS / engine / f"{name}.http").read_bytes().partition(b"\n\n")
    lines = head.decode().split("\n")
    status = int(next(line for line in lines if line.startswith("HTTP ")).split()[1])
    kinds = [line.split(": ", 1)[1] for line in lines if line.startswith("content-type: ")]
    return Reply(status, body, kinds[0] if kinds else "text/plain")


def recording(engine: str) -> dict[str, Reply]:
    """Every path of a recorded server, as it answered."""
    names = ("health", "ready", "model_info", "version", "metrics")
    routes = {f"/{name}": recorded(engine, f"get_{name}") for name in names}
    routes["/v1/models"] = recorded(engine, "get_v1_models")
    routes["/v1/loads"] = recorded(engine, "get_v1_loads")
    if engine == "sglang":
        routes["/server_info"] = Reply(body=load("sglang-0.5.23/get_server_info").body)
    return routes


def local(endpoint: str, model: str = "m", **more: Any) -> Backend:
    """The ``[reflex]`` backend at ``endpoint``."""
    return Backend("reflex", Mode.REFLEX, endpoint, model, timeout_ms=30_000, **more)


def cloud(endpoint: str, model: str = "m", **more: Any) -> Backend:
    """The ``[cloud]`` backend at ``endpoint``."""
    return Backend("cloud", Mode.CLOUD, endpoint, model, timeout_ms=30_000, **more)


def free_port() -> int:
    """A port where nothing listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
