"""An agent that leaves, in each dialect and at each moment: its call is called off at once."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from core.capsule import EventLog
from core.gateway import relay
from tests.support.behaviours import EVENTS, Seen, delta, event, framed
from tests.support.faultserver import FaultServer
from tests.support.gateway.serving import configured, gateway, on_post
from tests.support.patience import PATIENCE_S
from tests.support.router.world import promote

if TYPE_CHECKING:
    from core.settings import Settings
    from tests.support.behaviours import Handler

HI: list[Any] = [{"role": "user", "content": "hi"}]
ASKS: dict[str, dict[str, Any]] = {
    "chat/completions": {"messages": HI},
    "responses": {"input": HI},
    "messages": {"messages": HI, "max_tokens": 9},
}
SAYS = {
    "chat": delta({"role": "assistant", "content": "one"}),
    "responses": {"type": "response.output_text.delta", "output_index": 0, "delta": "one"},
    "messages": {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "text_delta", "text": "one"},
    },
}


def begins(*first: dict[str, Any]) -> Handler:
    """A server that says so much of a stream and then nothing; without anything, no head either."""

    async def handler(_: Seen, writer: asyncio.StreamWriter) -> None:
        if first:
            events = [event(one, one.get("type", "")) for one in first]
            writer.write(EVENTS + b"".join(map(framed, events)))
            await writer.drain()
        await asyncio.Event().wait()

    return on_post(handler)


def descriptors() -> int:
    """How many this process has open."""
    return len(list(Path("/dev/fd").iterdir()))


def rests(before: set[asyncio.Task[Any]]) -> list[asyncio.Task[Any]]:
    """Tasks that were not there before, and are not the test's server."""
    return [one for one in asyncio.all_tasks() - before if "FaultServer" not in repr(one)]


async def until(held: Any) -> None:
    """Wait until it is so."""
    async with asyncio.timeout(PATIENCE_S):
        while not held():
            await asyncio.sleep(0.01)


async def leaves(
    url: str, path: str, body: bytes, *, hear: bytes, asked: asyncio.Event | None, reset: bool
) -> None:
    """Ask, hear so much (or only wait until the server was asked), and close the connection."""
    port = int(url.rsplit(":", 1)[1].split("/", maxsplit=1)[0])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST /v1/{path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    length = len(body) if asked else 2 * len(body)  # an agent may leave within its request
    writer.write(f"{head}content-length: {length}\r\n\r\n".encode() + body)
    async with asyncio.timeout(PATIENCE_S):
        if asked:
            await asked.wait()
        else:
            await asyncio.sleep(0.05)
        heard = b""
        while hear not in heard:
            heard += await reader.read(1 << 16)
    if reset:
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort() if reset else writer.close()


def calls(settings: Settings) -> list[tuple[bool, str | None]]:
    """The capsule's LLMCalls: success and error."""
    with EventLog(settings.state_dir / "capsule") as log:
        made = [one.body for one in log.read() if one.event_type == "LLMCall"]
    return [(one["success"], one["error"]) for one in made]


MOMENTS = [
    # Who is asked, what it says before it falls silent, what the agent hears of that.
    pytest.param("cloud", "chat", False, b"", id="before the headers"),
    pytest.param("local", "chat", False, b"", id="local, held"),
    pytest.param("local", "chat", True, b"one", id="local, pinged"),
    pytest.param("cloud", "chat", True, b"one", id="in mid-stream"),
    pytest.param("cloud", "own", True, b"one", id="in mid-stream, native"),
]


@pytest.mark.parametrize("path", ASKS)
@pytest.mark.parametrize(("who", "api", "begun", "hear"), MOMENTS)
async def test_nothing_is_left_of_its_call(
    project: Path,
    path: str,
    *,
    who: str,
    api: str,
    begun: bool,
    hear: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The server's connection is closed, evidence says cancelled, tasks and descriptors go."""
    pinged = who == "local" and begun
    monkeypatch.setattr(relay, "PING_EVERY_S", 0.02 if pinged else 60)
    spoken = {"own": path.partition("/")[0]}.get(api, api)
    hear = b"200 OK" if pinged else hear
    server = FaultServer(begins(*([SAYS[spoken]] if begun and not pinged else [])))
    async with server as asked:
        local = asked.endpoint if who == "local" else ""
        settings = configured(project, asked.endpoint, f'api = "{spoken}"\n', reflex=local)
        if local:
            await promote(settings)
        async with gateway(settings) as url:
            before, open_before = asyncio.all_tasks(), descriptors()
            body = json.dumps(ASKS[path] | {"stream": begun}).encode()
            await leaves(url, path, body, hear=hear, asked=asked.asked, reset=begun)
            async with asyncio.timeout(PATIENCE_S):
                await asked.hung_up.wait()
            await until(lambda: not rests(before))
            await until(lambda: descriptors() <= open_before + 3)
            assert calls(settings) == [(False, "cancelled")]
        assert len(asked.chats) == 1


@pytest.mark.parametrize("path", ASKS)
async def test_one_that_leaves_within_its_request_made_none(
    project: Path, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is asked, recorded or complained of."""
    async with FaultServer(begins()) as cloud:
        settings = configured(project, cloud.endpoint)
        async with gateway(settings) as url:
            before = asyncio.all_tasks()
            body = json.dumps(ASKS[path]).encode()
            await leaves(url, path, body, hear=b"", asked=None, reset=True)
            await until(lambda: not rests(before))
            assert calls(settings) == []
        assert not cloud.chats
    assert not [one for one in caplog.records if one.levelname in ("WARNING", "ERROR")]
