"""Schemas made to cost time or memory, in each place where an agent may put one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from core.client import bounded
from tests.support.faultserver import FaultServer
from tests.support.gateway.serving import ASKED, CHAT, configured, fronted, saying

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Json = dict[str, Any]
HI: list[Any] = [{"role": "user", "content": "hi"}]


def referring(count: int, fan: int) -> Json:
    """Definitions, each of which refers ``fan`` times to the next: ``fan`` ** ``count`` in all."""
    definitions: Json = {
        f"d{nth}": {"allOf": [{"$ref": f"#/$defs/d{nth + 1}"}] * fan} for nth in range(count)
    }
    return {"$defs": definitions | {f"d{count}": {"type": "object"}}, "$ref": "#/$defs/d0"}


def nested(keyword: str, depth: int) -> str:
    """One within the other."""
    return f'{{"{keyword}":[' * depth + '{"type":"object"}' + "]}" * depth


BOMBS = {
    "a billion references": json.dumps(referring(12, 10)),
    "a long chain": json.dumps(referring(300, 1)),
    "a circle": '{"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}',
    "itself": '{"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}',
    "nested allOf": nested("allOf", 200),
    "nested deeper than JSON may be": nested("anyOf", 3000),
    "a huge enum": json.dumps({"properties": {"a": {"enum": list(range(20_000))}}}),
    "a file": '{"$ref": "file:///etc/passwd"}',
}


def asked(schema: object) -> Iterator[tuple[str, Json]]:
    """Requests of all dialects with it, as the reply's schema and as a tool's."""
    described = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    named = {"name": "t", "parameters": schema}
    function = {"type": "function", "function": named}
    yield CHAT, {"messages": HI, "response_format": described}
    yield CHAT, {"messages": HI, "tools": [function]}
    form = {"type": "json_schema", "name": "x", "schema": schema}
    yield "responses", {"input": HI, "text": {"format": form}}
    yield "responses", {"input": HI, "tools": [{"type": "function", **named}]}
    form = {"type": "json_schema", "schema": schema}
    yield "messages", {"messages": HI, "max_tokens": 9, "output_config": {"format": form}}
    tools = [{"name": "t", "input_schema": schema}]
    yield "messages", {"messages": HI, "max_tokens": 9, "tools": tools}
    yield "messages/count_tokens", {"messages": HI, "max_tokens": 9, "tools": tools}


@pytest.mark.parametrize(
    "bomb",
    [
        pytest.param(one, marks=pytest.mark.slow) if one in {"a long chain", "itself"} else one
        for one in BOMBS
    ],
)
async def test_a_schema_bomb_is_one_answer_or_one_refusal(
    project: Path, bomb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No fault of ours, in no dialect; the gateway answers the next as before."""
    monkeypatch.setattr(bounded, "LIMIT_S", 0.5)  # what it ends takes that long, each time
    async with (
        FaultServer(saying({"content": '{"a": 1}'})) as cloud,
        fronted(configured(project, cloud.endpoint)) as http,
    ):
        for path, request in asked({}):
            body = json.dumps(request).replace("{}", BOMBS[bomb])
            answer = await http.post(
                path, content=body, headers={"content-type": "application/json"}
            )
            # 400 for what cannot be used, 200 for what the reply meets, or a tool's that waits.
            assert answer.status_code in (200, 400), (path, answer.text[:300])
            assert "internal error" not in answer.text
        assert (await http.post(CHAT, json=ASKED)).status_code == 200
