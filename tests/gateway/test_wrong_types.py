"""Requests with one value of a wrong kind: read, or refused in the dialect's own words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from core.client import messages_api, responses_api
from core.client.backend import Backend
from core.gateway.dialects.messages import count_tokens
from core.gateway.dialects.refusals import ErrorReply
from core.router.fitting import fitted
from core.stages import Mode
from tests.support.gateway.agents import DIALECTS, recorded

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]
Place = tuple[str | int, ...]

WRONG: list[Any] = [None, 0, 1.5, True, "x", "\ud800", [], [None], ["x"], [[]], {}, {"type": []}]
LOCAL = Backend("reflex", Mode.REFLEX, "http://h/v1", "m", 1)
SCHEMA = {"type": "object"}
FUNCTION = {"name": "run", "description": "runs", "parameters": SCHEMA, "strict": True}
CALL = {"id": "c1", "type": "function", "function": {"name": "run", "arguments": "{}"}}
# What the recorded agents do not send.
FURTHER: dict[str, list[Json]] = {
    "chat": [
        {
            "messages": [
                {"role": "system", "content": "s"},
                {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "u"}}]},
                {"role": "assistant", "content": None, "tool_calls": [CALL]},
                {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "t"}]},
            ],
            "tools": [{"type": "function", "function": FUNCTION}],
            "tool_choice": {"type": "function", "function": {"name": "run"}},
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "n", "strict": True, "schema": SCHEMA},
            },
            "stop": ["x"],
            "max_tokens": 9,
            "n": 1,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
    ],
    "responses": [
        {
            "input": [
                {"role": "user", "content": [{"type": "input_image", "image_url": "u"}]},
                {"role": "user", "content": [{"type": "input_file", "file_data": "d"}]},
                {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text"}]},
                {"type": "function_call", "call_id": "c", "name": "run", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c", "output": [{"type": "text"}]},
                {"type": "additional_tools", "tools": [{"type": "function", "name": "late"}]},
            ],
            "tools": [
                {"type": "function", **FUNCTION},
                {"type": "namespace", "name": "ns", "tools": [{"type": "function", **FUNCTION}]},
                {"type": "custom", "name": "patch", "format": {"definition": "d", "syntax": "s"}},
            ],
            "tool_choice": choice,
            "text": {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA}},
            "reasoning": {"effort": "low"},
            "max_output_tokens": 9,
        }
        for choice in (
            {"type": "function", "name": "run", "namespace": "ns"},
            {"type": "allowed_tools", "mode": "auto", "tools": [{"name": "run"}]},
        )
    ],
    "messages": [
        {
            "max_tokens": 9,
            "system": [{"type": "text", "text": "s"}],
            "messages": [
                {"role": "user", "content": [{"type": "image", "source": {"type": "url"}}]},
                {"role": "assistant", "content": [{"type": "thinking", "signature": "reflex:1"}]},
                {
                    "role": "assistant",
                    "content": [{"type": "tool_use", "id": "c", "name": "run", "input": {}}],
                },
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "tool_result",
                            "tool_use_id": "c",
                            "is_error": True,
                            "content": [{"type": "text", "text": "t"}],
                        },
                        {"type": "document", "source": {"type": "text", "data": "d"}},
                    ],
                },
            ],
            "tools": [{"name": "run", "input_schema": SCHEMA}],
            "tool_choice": {"type": "tool", "name": "run", "disable_parallel_tool_use": True},
            "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": SCHEMA}},
            "stop_sequences": ["x"],
            "temperature": 0,
        }
    ],
}


def places(value: Any, place: Place = ()) -> Iterator[Place]:
    """Where something stands in a body; within tools' schemas only the schema itself."""
    yield place
    if isinstance(value, dict):
        for name, inner in value.items():
            if place[-1:] not in (("parameters",), ("input_schema",), ("schema",)):
                yield from places(inner, (*place, name))
    elif isinstance(value, list):
        for nth, inner in enumerate(value):
            yield from places(inner, (*place, nth))


def kind_of(body: Any, place: Place) -> tuple[str, ...]:
    """The same for all places where the same is meant."""
    kinds: list[str] = []
    for step in place:
        body = body[step]
        told = body if isinstance(body, dict) else {}
        kinds.append(step if isinstance(step, str) else f"{told.get('type')} {told.get('role')}")
    return tuple(kinds)


def with_value(body: Any, place: Place, value: Any) -> Any:
    """A copy of ``body`` with ``value`` there."""
    if not place:
        return value
    copy: Any = list(body) if isinstance(body, list) else dict(body)
    copy[place[0]] = with_value(body[place[0]], place[1:], value)
    return copy


def mutants(dialect: str) -> Iterator[tuple[Place, Any, Any]]:
    """Bodies with one wrong value, each kind of place once."""
    agents = [one.body for one in recorded() if one.dialect == dialect]
    seen: set[tuple[str, ...]] = set()
    for body in [*agents, *FURTHER[dialect]]:
        for place in places(body):
            if (kind := kind_of(body, place)) not in seen:
                seen.add(kind)
                for value in WRONG:
                    yield place, value, with_value(body, place, value)


def refused(dialect: str, body: Any) -> ErrorReply | None:
    """Do all that is done with a request before it is sent anywhere."""
    speaks = DIALECTS[dialect]
    try:
        asked = speaks.read(body)
    except ErrorReply as refusal:
        return refusal
    speaks.native(body)
    if dialect == "messages":
        count_tokens(body)
    fitted(asked.request, LOCAL, json_schema=True)
    for api in (messages_api, responses_api):
        api.encoded(asked.request, "m")
    return None


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_value_of_a_wrong_kind_is_read_or_refused(dialect: str) -> None:
    """Whatever an agent puts anywhere, it is no fault of ours: at worst a 400 that says where."""
    refusals = []
    for place, value, body in mutants(dialect):
        try:
            if refusal := refused(dialect, body):
                refusals.append(refusal)
        except Exception as error:
            error.add_note(f"at {place}: {value!r}")
            raise
    assert {refusal.status for refusal in refusals} == {400}
    for refusal in refusals:
        assert json.loads(json.dumps(DIALECTS[dialect].error(refusal)))["error"]["message"]
