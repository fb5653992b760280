"""A cloud's own stream that begins only after pings of ours have gone out."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from core.client.backend import NativePiece
from core.gateway import relay
from core.gateway.native import NativeReply
from tests.support.behaviours import EVENTS, Seen, event, framed
from tests.support.faultserver import FaultServer
from tests.support.gateway import events
from tests.support.gateway.serving import configured, fronted, on_post
from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from pathlib import Path

HI: list[Any] = [{"role": "user", "content": "hi"}]
ASKS: dict[str, dict[str, Any]] = {
    "responses": {"input": HI, "stream": True},
    "messages": {"messages": HI, "max_tokens": 9, "stream": True},
}
USAGE = {"input_tokens": 7, "output_tokens": 1, "total_tokens": 8}
SAID: dict[str, list[dict[str, Any]]] = {
    "responses": [
        {"type": "response.created", "response": {"id": "resp_c", "model": "c"}},
        {"type": "response.in_progress", "response": {"id": "resp_c", "model": "c"}},
        {"type": "response.output_text.delta", "output_index": 0, "delta": "response.created"},
        {"type": "response.completed", "response": {"id": "resp_c", "output": [], "usage": USAGE}},
    ],
    "messages": [
        {"type": "message_start", "message": {"model": "c", "usage": {"input_tokens": 7}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": "yes"},
        },
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn"},
            "usage": {"output_tokens": 1},
        },
        {"type": "message_stop"},
    ],
}


async def heard(project: Path, api: str, *, before: bool) -> list[dict[str, Any]]:
    """What an agent hears of a cloud that waits until it has heard of a ping.

    ``before`` its first word; otherwise after it, where it should not, and so for ten turns.
    """
    said = [event(one, one["type"]) for one in SAID[api]]
    pinged = asyncio.Event()

    async def slow(_: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(EVENTS)
        if not before:
            writer.write(framed(said[0]))
        await writer.drain()
        await pinged.wait()
        writer.write(b"".join(map(framed, [*said[not before :], b""])))

    async with FaultServer(on_post(slow)) as cloud:
        settings = configured(project, cloud.endpoint, f'api = "{api}"\n')
        async with (
            asyncio.timeout(PATIENCE_S),
            fronted(settings) as http,
            http.stream("POST", api, json=ASKS[api]) as answer,
        ):
            pieces = answer.aiter_raw()
            found = await anext(pieces)
            if before:
                assert b'"resp_c"' not in found
            else:
                await asyncio.sleep(10 * relay.PING_EVERY_S)
            pinged.set()
            found += b"".join([piece async for piece in pieces])
    return events.events_of(found)


@pytest.mark.parametrize("api", ["responses", "messages"])
async def test_a_stream_begins_once(
    project: Path, api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pings of ours open a Responses stream; the cloud's own opening is then left out."""
    monkeypatch.setattr(relay, "PING_EVERY_S", 0.02)
    found = await heard(project, api, before=True)
    kinds = [one["type"] for one in found]
    opening = {"responses": "response.created", "messages": "message_start"}[api]
    assert kinds.count(opening) == 1
    rest = SAID[api][1:]
    assert found[-len(rest) :] == rest
    assert kinds[0] == {"responses": "response.created", "messages": "ping"}[api]


@pytest.mark.parametrize("api", ["responses", "messages"])
async def test_a_cloud_that_has_begun_gets_no_pings_of_ours_between(
    project: Path, api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its stream is its own from its first event on, also where that came after a ping."""
    monkeypatch.setattr(relay, "PING_EVERY_S", 0.02)
    found = await heard(project, api, before=False)
    rest = SAID[api][1:]
    assert found[-len(rest) :] == rest
    assert found[-len(rest) - 1]["type"] != "ping"


@pytest.mark.parametrize("cut_at", range(1, 40, 3))
def test_only_the_opening_is_left_out(cut_at: int) -> None:
    """However the bytes come; comments before it and the same words later pass."""
    said = [event(one, one["type"]) for one in SAID["responses"]]
    whole = b": hello\n\n" + b"".join(said)
    native = NativeReply("text/event-stream", opened=True)
    passed = [
        native.take(NativePiece("", whole[at : at + cut_at])) for at in range(0, len(whole), cut_at)
    ]
    assert b"".join(passed) == b": hello\n\n" + b"".join(said[1:])
