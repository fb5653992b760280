"""A gateway over a workspace's two servers, on a real socket, and clients for it."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx

from core.gateway.listener import Address, serve
from core.settings import load_settings
from core.stages import Stage
from tests.support.behaviours import (
    DONE,
    EVENTS,
    Handler,
    Seen,
    delta,
    event,
    framed,
    streams,
    whole,
)
from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from core.settings import Settings

QUESTION = [{"role": "user", "content": "Which line is wrong?"}]
CHAT = "chat/completions"
ASKED = {"model": "any", "messages": QUESTION}
SCHEMA = {
    "type": "object",
    "properties": {"path": {"type": "string", "enum": ["a.py"]}, "n": {"type": "integer"}},
    "required": ["path", "n"],
    "additionalProperties": False,
}
FORM = {"type": "json_schema", "json_schema": {"name": "fix", "strict": True, "schema": SCHEMA}}
TOOL = {"type": "function", "function": {"name": "edit", "strict": True, "parameters": SCHEMA}}


@asynccontextmanager
async def gateway(
    settings: Settings, *, stage: Stage = Stage.IMPLEMENT, grace_s: int = 5, **address: Any
) -> AsyncIterator[str]:
    """Serve in this process; yields the base URL."""
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    serving = asyncio.create_task(
        serve(
            settings,
            Address(**{"port": 0, **address}),
            ready.set_result,
            stop,
            stage=stage,
            grace_s=grace_s,
        )
    )
    await asyncio.wait((serving, ready), return_when=asyncio.FIRST_COMPLETED)
    try:
        if serving.done():
            serving.result()  # why it is not ready
        yield ready.result()
    finally:
        stop.set()
        await serving


@asynccontextmanager
async def fronted(settings: Settings, **options: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a gateway that serves in this process; ``options`` are those of ``gateway``."""
    async with (
        gateway(settings, **options) as url,
        httpx.AsyncClient(base_url=url, timeout=PATIENCE_S) as http,
    ):
        yield http


def configured(
    project: Path, cloud: str, text: str = "", *, reflex: str = "", patience_ms: int = 1500
) -> Settings:
    """A workspace whose cloud is the server at ``cloud``, and reflex at ``reflex`` if given."""
    enabled = (
        f'enabled = true\nendpoint = "{reflex}"\ntimeout_ms = {patience_ms}\n' if reflex else ""
    )
    path = project / "stage0.toml"
    path.write_text(
        f'[reflex]\nmodel = "test-model"\n{enabled}'
        f'[cloud]\nendpoint = "{cloud}"\nmodel = "test-model"\n{text}'
    )
    return load_settings(path)


def saying(*deltas: dict[str, Any], finish: str | None = "stop") -> Handler:
    """A server that streams these deltas; to any GET it answers 404."""
    events = [event(delta(one)) for one in deltas]
    ending = [event(delta({}, finish)), DONE] if finish else []
    return on_post(streams(*events, *ending))


def on_post(handler: Handler) -> Handler:
    """``handler`` for what is asked; 404 for what else a server may be looked at."""
    missing = whole({"error": {"message": "no"}}, status=404)

    async def either(seen: Seen, writer: asyncio.StreamWriter) -> None:
        await (handler if seen.method == "POST" else missing)(seen, writer)

    return either


def halfway(wait: asyncio.Event, *, then: str = "finish") -> Handler:
    """A server that says ``one``, waits for ``wait``, and says ``two`` or hangs up."""

    async def handler(_: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(EVENTS + framed(event(delta({"role": "assistant", "content": "one "}))))
        await writer.drain()
        await wait.wait()
        if then == "hang up":
            writer.close()
            return
        rest = [event(delta({"content": "two"})), event(delta({}, "stop")), DONE, b""]
        writer.write(b"".join(map(framed, rest)))

    return on_post(handler)


def sibling(http: httpx.AsyncClient, path: str) -> str:
    """The URL of what lies beside ``/v1``."""
    return str(http.base_url).replace("/v1/", path)


async def chunks(response: httpx.Response) -> list[dict[str, Any]]:
    """The events of a streamed answer; the last must be ``[DONE]``, which is left out."""
    lines = [line async for line in response.aiter_lines() if line]
    assert lines.pop() == "data: [DONE]"
    return [json.loads(line.removeprefix("data: ")) for line in lines]


def text_of(found: list[dict[str, Any]]) -> str:
    """What streamed chunks say."""
    choices = [choice for chunk in found for choice in chunk["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)
