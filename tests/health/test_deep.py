"""The deep probe: one constrained generation, what it took, and what it says when it fails."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from core.router.health import Cause, Health, probe
from tests.support.health.servers import (
    Reply,
    in_turn,
    local,
    models,
    recorded_chat,
    serving,
    silent,
)
from tests.support.health.streams import ANSWER, chunk, stream

if TYPE_CHECKING:
    from tests.support.health.servers import Behaviour


async def deep(chat: Behaviour, owned_by: str = "sglang") -> Health:
    """The deep health of a server whose chat behaves so."""
    routes: dict[str, Behaviour] = {
        "/v1/models": models("m", owned_by=owned_by),
        "/ready": Reply(),
        "/health": Reply(),
        "/v1/chat/completions": chat,
    }
    async with serving(routes) as server:
        return await probe(local(server.endpoint), timeout_ms=30_000, deep=True)


async def test_a_generation_that_holds_the_schema() -> None:
    """Times, cached tokens, and the schema's verdict."""
    health = await deep(stream(ANSWER))
    assert health.ok
    assert health.deep is not None
    assert health.deep.schema_held
    assert health.deep.error is None
    assert health.deep.cached_tokens == 3
    assert health.deep.ttft_ms is not None
    assert health.deep.total_ms is not None
    assert 0 < health.deep.ttft_ms <= health.deep.total_ms
    assert health.as_json()["deep"]["schema_held"] is True


@pytest.mark.parametrize("owner", ["sglang", "vllm", "llamacpp", "acme"])
@pytest.mark.parametrize(
    "text", ["Sure! " + ANSWER, f"```json\n{ANSWER}\n```", '{"answer":"maybe"}']
)
async def test_a_server_that_ignores_the_schema_is_not_well(text: str, owner: str) -> None:
    """It lists the model and answers, yet every Implement call would fail."""
    health = await deep(stream(text), owner)
    assert (health.ok, health.cause, health.reason) == (
        False,
        Cause.GENERATION_FAILED,
        "server_unhealthy",
    )
    assert health.deep is not None
    assert not health.deep.schema_held
    assert health.deep.error
    assert "JSON by a schema" in health.remedy[0]
    if owner in {"sglang", "vllm"}:
        assert "xgrammar" in health.remedy[1]


async def test_a_reply_cut_by_endless_whitespace() -> None:
    """The model ran to its limit: not a reply, and not well."""
    health = await deep(stream(ANSWER[:20] + "\n" * 99, finish="length"))
    assert health.cause is Cause.GENERATION_FAILED
    assert health.remedy


async def test_a_chat_that_refuses() -> None:
    """The server's own words reach the summary, with what the client advises."""
    health = await deep(Reply.of({"error": {"message": "no such\x1b[1m adapter"}}, 400))
    assert health.cause is Cause.SCHEMA_REFUSED
    assert "no such" in health.summary
    assert "\x1b" not in health.summary
    assert health.remedy[0]


async def test_a_chat_that_never_answers() -> None:
    """It ends by the backend's own deadline."""
    routes: dict[str, Behaviour] = {
        "/v1/models": models("m", owned_by="acme"),
        "/v1/chat/completions": silent,
    }
    async with serving(routes) as server:
        backend = local(server.endpoint)
        health = await probe(
            type(backend)("reflex", backend.mode, backend.endpoint, "m", timeout_ms=100),
            timeout_ms=30_000,
            deep=True,
        )
    assert health.cause is Cause.GENERATION_FAILED
    assert health.deep is not None
    assert health.deep.error


async def test_an_unhealthy_server_is_not_asked_to_generate() -> None:
    """There is no point, and it may be busy loading."""
    async with serving({"/v1/models": models("other")}) as server:
        health = await probe(local(server.endpoint), timeout_ms=30_000, deep=True)
        assert server.paths == ["/v1/models"]
    assert health.deep is None


THOUGHTS = Reply(
    body=stream(ANSWER).body.replace(b'"content": "', b'"reasoning_content": "'),
    content_type="text/event-stream",
)
UNPARSED = stream('<tool_call>\n{"name": "read_file", "arguments": {"path": "README.md"}}')


def called(arguments: str) -> Reply:
    """A chat stream that calls the tool it was offered."""
    function = {"name": "read_file", "arguments": arguments}
    call = {"index": 0, "id": "c", "type": "function", "function": function}
    events = [chunk({"role": "assistant", "tool_calls": [call]}), chunk({}, "tool_calls")]
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
    return Reply(body=body.encode(), content_type="text/event-stream")


@pytest.mark.parametrize(
    ("reply", "owner", "found", "switch"),
    [
        (called('{"path": "README.md"}'), "sglang", "called", None),
        (stream("I cannot read files."), "sglang", "not_called", None),
        (called('{"path": 3}'), "sglang", "malformed", None),
        (UNPARSED, "sglang", "unparsed", "--tool-call-parser qwen"),
        (UNPARSED, "llamacpp", "unparsed", "--jinja"),
        (UNPARSED, "acme", "unparsed", "tool-call parser"),
        (
            recorded_chat("sglang-0.5.23/tool_no_parser_auto"),
            "sglang",
            "unparsed",
            "--tool-call-parser qwen",
        ),
        (
            recorded_chat("vllm-0.32.0/tool_no_parser_auto"),
            "vllm",
            "refused",
            "--enable-auto-tool-choice --tool-call-parser hermes",
        ),
        (Reply.of({"error": "gone"}, 500), "vllm", "failed", None),
    ],
)
async def test_one_tool_call(reply: Reply, owner: str, found: str, switch: str | None) -> None:
    """Whatever becomes of it the server is healthy; where a switch is missing, it is named."""
    health = await deep(in_turn(stream(ANSWER), reply), owner)
    assert health.ok
    assert health.deep is not None
    assert health.deep.tools == found
    assert [switch in notice for notice in health.notices if switch] == ([True] if switch else [])
    assert health.as_json()["deep"]["tools"] == found
    unlike = [notice for notice in health.notices if "in another form" in notice]
    assert len(unlike) == (found == "unparsed")


@pytest.mark.parametrize(
    ("owner", "switch"),
    [("sglang", "--reasoning-parser"), ("llamacpp", "--reasoning-format none"), ("acme", "")],
)
async def test_a_reply_that_is_all_reasoning(owner: str, switch: str) -> None:
    """The parser's switch is at fault, not the grammar's."""
    health = await deep(THOUGHTS, owner)
    assert (health.ok, health.cause) == (False, Cause.ONLY_REASONING)
    assert "reasoning parser" in health.remedy[0]
    assert health.remedy[1:] == ((switch,) if switch else ())


async def test_a_server_that_refuses_our_own_schema() -> None:
    """Nothing is wrong with a schema of the user's: the grammar backend is the wrong one."""
    refusal = {"error": {"message": "Failed to compile json grammar: minItems", "code": 400}}
    health = await deep(Reply.of(refusal, 400))
    assert (health.ok, health.cause) == (False, Cause.SCHEMA_REFUSED)
    assert "--grammar-backend xgrammar" in health.remedy[1]


@pytest.mark.parametrize("name", ["sglang-0.5.23/burst_5_s", "vllm-0.32.0/burst_4_n"])
async def test_a_busy_server_is_not_unhealthy(name: str) -> None:
    """Its queue is full, in the status or inside a stream: it says so, and stays healthy."""
    health = await deep(recorded_chat(name))
    assert health.ok
    assert "busy" in health.notices[0]
    assert health.deep is not None
    assert not health.deep.schema_held
