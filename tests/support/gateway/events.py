"""Server-sent events read back, and the SDKs' types as oracles of what may be in them.

The SDKs take seconds to load, so they are loaded when the first event is looked at.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any, get_args

import pytest
from pydantic import TypeAdapter


def events_of(stream: bytes) -> list[dict[str, Any]]:
    """The events' data; where an event has a name, its data must have the same ``type``."""
    found = []
    for block in stream.decode().split("\n\n"):
        lines = [line for line in block.splitlines() if not line.startswith(":")]
        if not lines or lines == ["data: [DONE]"]:
            continue
        fields = dict(line.split(": ", 1) for line in lines)
        data = json.loads(fields["data"])
        assert fields.get("event", data.get("type")) == data.get("type")
        found.append(data)
    return found


def valid_responses(events: list[dict[str, Any]]) -> None:
    """Whether all are as OpenAI's SDK has them, numbered without a gap."""
    for event in events:
        _events()[event["type"]].model_validate(event)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))


def valid_response(document: dict[str, Any]) -> None:
    """Whether it is a ``response`` of OpenAI's SDK."""
    from openai.types.responses import Response

    Response.model_validate(document)


def valid_messages(events: list[dict[str, Any]]) -> None:
    """Whether all but pings and errors are as Anthropic's SDK has them; blocks do not overlap."""
    open_block = None
    for event in events:
        if event["type"] in ("ping", "error"):
            continue
        _adapter("anthropic").validate_python(event)
        if event["type"] == "content_block_start":
            assert open_block is None
            open_block = event["index"]
        if event["type"].startswith("content_block_"):
            assert event["index"] == open_block
        if event["type"] == "content_block_stop":
            open_block = None


def valid_message(document: dict[str, Any]) -> None:
    """Whether it is a ``message`` of Anthropic's SDK."""
    pytest.importorskip("anthropic").types.Message.model_validate(document)


def valid_chat_request(body: dict[str, Any]) -> None:
    """Whether OpenAI's SDK would send such a chat request."""
    checked = _adapter("chat").validate_python(body)
    for name in ("messages", "tools"):
        for item in checked.get(name, ()):  # checked one by one, as they are taken
            repr(item)


@cache
def _adapter(kind: str) -> TypeAdapter[Any]:
    if kind == "chat":
        from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming

        params: Any = CompletionCreateParamsStreaming
        return TypeAdapter(params)
    events: Any = pytest.importorskip("anthropic").types.RawMessageStreamEvent
    return TypeAdapter(events)


@cache
def _events() -> dict[str, Any]:
    """The SDK's classes by the type of the event."""
    from openai.types.responses import ResponseStreamEvent

    annotated: Any = ResponseStreamEvent
    union, *_ = get_args(annotated)
    return {get_args(one.model_fields["type"].annotation)[0]: one for one in get_args(union)}
