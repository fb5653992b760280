"""Talks and replies of very many parts: they take as long as they are, not the square of it.

Each of these, read part by part from the beginning again, would run into the time limit.
"""

from __future__ import annotations

from typing import Any

import pytest

from core.client import messages_api, responses_api
from core.client.backend import ChatRequest
from core.gateway.dialects.blocks import Blocks
from core.gateway.dialects.messages import Messages
from core.gateway.dialects.responses import Responses

Json = dict[str, Any]
MANY = 100_000
LONG = "x" * 300
SAID: Json = {"role": "assistant", "content": LONG}


def stepped(blocks: Blocks, delta: Json) -> list[str]:
    """What the delta makes happen."""
    return [step.act for step in blocks.take(delta)]


def test_an_assistants_many_texts_are_one_message() -> None:
    """As blocks of one turn, as turns of their own, and as items; thoughts likewise."""
    texts = [{"type": "text", "text": LONG}] * MANY
    thoughts = [{"type": "thinking", "thinking": LONG}, {"type": "text", "text": "y"}] * MANY
    for turns in ([{"role": "assistant", "content": texts}], [SAID] * MANY):
        asked = Messages().read({"max_tokens": 9, "messages": [*turns]})
        assert [one["content"] for one in asked.request.messages] == ["\n\n".join([LONG] * MANY)]
    asked = Messages().read(
        {"max_tokens": 9, "messages": [{"role": "assistant", "content": thoughts}]}
    )
    assert asked.request.messages[0].get("reasoning_content") == LONG * MANY
    asked = Responses().read({"input": [SAID] * MANY})
    assert [one["content"] for one in asked.request.messages] == ["\n\n".join([LONG] * MANY)]


def test_a_clouds_document_of_many_texts_is_one_message() -> None:
    """In both of the newer APIs."""
    texts = [{"type": "text", "text": LONG}] * MANY
    said = messages_api.whole({"content": texts, "stop_reason": "end_turn"})
    assert said["choices"][0]["message"]["content"] == LONG * MANY
    for output in ([{"type": "message", "content": texts}], [{"content": texts[:1]}] * MANY):
        said = responses_api.whole({"output": output})
        assert said["choices"][0]["message"]["content"] == LONG * MANY


def test_thousands_of_calls_without_a_name_wait() -> None:
    """None is opened, and none is lost."""
    blocks = Blocks()
    calls = [{"index": nth, "id": f"call_{nth}"} for nth in range(MANY)]
    assert stepped(blocks, {"tool_calls": calls}) == []
    assert len([step for step in blocks.finish() if step.act == "open"]) == MANY


def test_a_call_that_seems_to_end_again_and_again() -> None:
    """Its arguments end with a brace each time, and text comes in between: it waits for the end."""
    blocks = Blocks()
    part = {"index": 0, "id": "call_1", "function": {"name": "f", "arguments": f'{{"a": "{LONG}'}}
    assert stepped(blocks, {"tool_calls": [part]}) == ["open", "more"]
    more = {"index": 0, "function": {"arguments": LONG * 10 + "}"}}
    for _ in range(MANY // 10):
        assert stepped(blocks, {"tool_calls": [more]}) == ["more"]
        assert stepped(blocks, {"content": "t"}) == []
    assert [step.act for step in blocks.finish()] == ["close", "open", "more", "close"]


@pytest.mark.parametrize("end", ["}", "}\n", " }  "])
def test_a_call_is_closed_as_soon_as_it_is_whole(end: str) -> None:
    """Also where blanks follow, in a part of their own or not."""
    blocks = Blocks()
    for text in ('{"a": {}', end, "\n"):
        stepped(
            blocks, {"tool_calls": [{"function": {"name": "f", "arguments": text}, "index": 0}]}
        )
    assert stepped(blocks, {"content": "t"}) == ["close", "open", "more"]


def test_a_freeform_call_and_another_of_one_id() -> None:
    """Each stays what it is."""
    calls: list[Json] = [
        {"id": "c", "type": "custom", "custom": {"name": "patch", "input": "+"}},
        {"id": "c", "type": "function", "function": {"name": "run", "arguments": "{}"}},
    ]
    messages: Any = [{"role": "assistant", "content": None, "tool_calls": calls}]
    items = responses_api.encoded(ChatRequest(messages), "m")["input"]
    assert [item["type"] for item in items] == ["custom_tool_call", "function_call"]
