"""Clouds that say what they have to say in fewer events than their API has: nothing is lost."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.behaviours import DONE, delta, event, streams, whole
from tests.support.faultserver import FaultServer
from tests.support.gateway import events
from tests.support.gateway.serving import CHAT, configured, fronted, on_post
from tests.support.router.world import world

if TYPE_CHECKING:
    from pathlib import Path

Json = dict[str, Any]
HI: list[Any] = [{"role": "user", "content": "hi"}]
SCHEMA = {"type": "object"}
CALL = {"type": "function_call", "call_id": "call_1", "name": "run", "arguments": '{"a": 1}'}
SAID = {"type": "message", "content": [{"type": "output_text", "text": "I look."}]}
THOUGHT = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}
OUTPUT: list[Json] = [THOUGHT, SAID, CALL]
TOOL_USE = {"type": "tool_use", "id": "toolu_1", "name": "run", "input": {"a": 1}}
TEXT = {"type": "text", "text": "I look."}


def ended(index: int, item: Json) -> Json:
    """The event with which an item ends."""
    return {"type": "response.output_item.done", "output_index": index, "item": item}


def completed(*output: Json) -> Json:
    """The last event."""
    return {"type": "response.completed", "response": {"id": "r", "output": list(output)}}


def begun(index: int, block: Json) -> Json:
    """The event with which a block begins."""
    return {"type": "content_block_start", "index": index, "content_block": block}


THOUGHT_BLOCK = {"type": "thinking", "thinking": ""}
HM = {"type": "thinking_delta", "thinking": "hm"}
STREAMS: dict[str, tuple[str, list[Json]]] = {
    "whole items": ("responses", [*(ended(*one) for one in enumerate(OUTPUT)), completed()]),
    "whole items, and again": (
        "responses",
        [*(ended(*one) for one in enumerate(OUTPUT)), completed(*OUTPUT)],
    ),
    "all at the end": ("responses", [completed(*OUTPUT)]),
    "whole blocks": (
        "messages",
        [
            {"type": "message_start", "message": {"model": "c"}},
            begun(0, THOUGHT_BLOCK),
            {"type": "content_block_delta", "index": 0, "delta": HM},
            begun(1, TEXT),
            begun(2, TOOL_USE),
            {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
        ],
    ),
}


@pytest.mark.parametrize("name", STREAMS)
async def test_a_cloud_of_few_events_loses_nothing(project: Path, name: str) -> None:
    """A thought, a text and a call's arguments reach an agent of another dialect, each once."""
    api, said = STREAMS[name]
    tool = {"type": "function", "function": {"name": "run", "parameters": SCHEMA}}
    handler = streams(b"".join(event(one, one["type"]) for one in said))
    async with (
        FaultServer(on_post(handler)) as cloud,
        fronted(configured(project, cloud.endpoint, f'api = "{api}"\n')) as http,
    ):
        answer = await http.post(CHAT, json={"messages": HI, "tools": [tool], "stream": True})
    deltas = [one["choices"][0]["delta"] for one in events.events_of(answer.content)]
    assert "".join(delta.get("content") or "" for delta in deltas) == "I look."
    assert "".join(delta.get("reasoning_content") or "" for delta in deltas) == "hm"
    parts = [part for delta in deltas for part in delta.get("tool_calls") or ()]
    assert {part["index"] for part in parts} == {0}
    arguments = "".join(part["function"].get("arguments") or "" for part in parts)
    assert json.loads(arguments) == {"a": 1}


@pytest.mark.parametrize("streamed", [True, False])
async def test_a_reply_in_parts_is_read(project: Path, *, streamed: bool) -> None:
    """As Mistral's thinking models give it; what is no text is left out."""
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}, {"type": "x"}]}
    parts = [thinking, {"type": "reference", "reference_ids": [1]}, {"type": "text", "text": "yes"}]
    said = (
        streams(event(delta({"content": parts})), event(delta({"content": "!"}, "stop")), DONE)
        if streamed
        else whole({"choices": [{"message": {"content": parts}, "finish_reason": "stop"}]})
    )
    async with (
        FaultServer(on_post(said)) as cloud,
        fronted(configured(project, cloud.endpoint)) as http,
    ):
        asked = {"messages": HI, "max_tokens": 9, "stream": streamed}
        answer = await http.post("messages", json=asked)
    if streamed:
        found = [one.get("delta", {}) for one in events.events_of(answer.content)]
        told = "".join(one.get("thinking", "") + one.get("text", "") for one in found)
    else:
        content = answer.json()["content"]
        told = "".join(one.get("thinking", "") + one.get("text", "") for one in content)
    assert told == ("hmyes!" if streamed else "hmyes")


async def test_half_a_surrogate_pair_is_for_the_agents_own_cloud_to_judge(project: Path) -> None:
    """It reaches a cloud of the agent's dialect as the agent wrote it."""
    handler = streams(b"".join(event(one, one["type"]) for one in STREAMS["whole blocks"][1]))
    asked = {"max_tokens": 9, "messages": [{"role": "user", "content": "a\ud83d"}]}
    async with (
        FaultServer(on_post(handler)) as cloud,
        fronted(configured(project, cloud.endpoint, 'api = "messages"\n')) as http,
    ):
        headers = {"content-type": "application/json"}
        answer = await http.post("messages", content=json.dumps(asked), headers=headers)
    assert answer.status_code == 200
    assert rb"a\ud83d" in cloud.chats[0].body


@pytest.mark.parametrize("path", [CHAT, "responses", "messages"])
async def test_a_prompt_that_fits_nowhere_makes_the_agent_shorten_it(
    project: Path, path: str
) -> None:
    """Without leave for the cloud: the code and the sentence that agents compact on."""
    text = "[reflex.fallback]\nto_cloud = false\n"
    long = [{"role": "user", "content": "word " * 2_000}]
    asked = {"input": long} if path == "responses" else {"messages": long, "max_tokens": 9}
    async with world(project, text) as w:
        w.reflex.script = replace(w.reflex.script, context=1_000)
        async with fronted(w.settings) as http:
            answer = await http.post(path, json=asked)
    error = answer.json()["error"]
    assert answer.status_code == 400
    if path == "messages":
        assert error["message"].startswith("prompt is too long: ")
        assert "> 1000 maximum" in error["message"]
    else:
        assert error["code"] == "context_length_exceeded"
