"""The stand-in over real sockets: what it serves, how it refuses, and how it paces."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from core.standin.scripted_server import Script, ScriptedServer
from tests.support.engine.asking import SCHEMA, body, chat, content, events

if TYPE_CHECKING:
    import httpx


async def test_it_names_itself(scripted: ScriptedServer, client: httpx.AsyncClient) -> None:
    """The model list says scripted, so that every surface can."""
    (model,) = (await client.get(f"{scripted.endpoint}/models")).json()["data"]
    assert (model["id"], model["owned_by"]) == ("scripted-cloud", "scripted")
    health = await client.get(f"{scripted.endpoint.removesuffix('/v1')}/health")
    assert health.json() == {"status": "ok"}


async def test_a_stream_has_every_part_in_order(
    scripted: ScriptedServer, client: httpx.AsyncClient
) -> None:
    """Role, content, finish, counts when asked for, the end mark; the text meets the schema."""
    response = await chat(client, scripted, stream=True, stream_options={"include_usage": True})
    role, *middle, finish, counts, done = events(response)
    assert role["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    jsonschema.validate(json.loads(content(middle)), SCHEMA)
    assert [chunk["choices"][0]["finish_reason"] for chunk in middle] == [None] * len(middle)
    assert finish["choices"][0] == {"index": 0, "delta": {}, "finish_reason": "stop"}
    assert counts["choices"] == []
    assert counts["usage"]["completion_tokens"] == len(middle)
    assert done == "[DONE]"
    assert {chunk["id"] for chunk in (role, *middle, finish, counts)} == {role["id"]}


async def test_counts_are_left_out_unless_asked_for(
    scripted: ScriptedServer, client: httpx.AsyncClient
) -> None:
    """Without ``include_usage`` every chunk has a choice."""
    *chunks, _ = events(await chat(client, scripted, stream=True))
    assert all(chunk["choices"] for chunk in chunks)


async def test_the_same_answer_in_one_piece(
    scripted: ScriptedServer, client: httpx.AsyncClient
) -> None:
    """Streaming or not, the text is the same, and so are the counts."""
    whole = (await chat(client, scripted)).json()
    streamed = events(await chat(client, scripted, stream=True))
    (choice,) = whole["choices"]
    assert choice["message"] == {"role": "assistant", "content": content(streamed[:-1])}
    assert choice["finish_reason"] == "stop"
    assert whole["usage"]["prompt_tokens"] == 6


async def test_max_tokens_cuts(scripted: ScriptedServer, client: httpx.AsyncClient) -> None:
    """A reply over its limit ends with ``length``, as a model's does."""
    (choice,) = (await chat(client, scripted, max_tokens=2)).json()["choices"]
    assert (choice["message"]["content"], choice["finish_reason"]) == ('{"path":'[:8], "length")


@pytest.mark.parametrize(
    ("wrong", "status", "says"),
    [
        ({"model": "gpt-5"}, 404, "does not exist"),
        ({"messages": []}, 400, "messages"),
        ({"messages": ["hi"]}, 400, "each message"),
        ({"n": 65}, 400, "n must be 1 to 64"),
        ({"n": []}, 400, "n must be 1"),
        ({"n": True}, 400, "n must be 1"),
        ({"max_tokens": 0}, 400, "max_tokens"),
        ({"response_format": {"type": "json_schema"}}, 400, "response_format"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": 5}}}},
            400,
            "it is not plain",
        ),
    ],
)
async def test_a_wrong_request_is_refused_in_openais_words(
    scripted: ScriptedServer,
    client: httpx.AsyncClient,
    wrong: dict[str, Any],
    status: int,
    says: str,
) -> None:
    """The status and the error body say what is wrong."""
    response = await chat(client, scripted, **wrong)
    assert response.status_code == status
    assert says in response.json()["error"]["message"]


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b"\xff", b"[" * 200_000])
async def test_a_body_that_is_no_object_is_refused(
    scripted: ScriptedServer, client: httpx.AsyncClient, raw: bytes
) -> None:
    """No body makes the server fail."""
    response = await client.post(f"{scripted.endpoint}/chat/completions", content=raw)
    assert response.status_code == 400


async def test_message_parts_count_as_text(
    scripted: ScriptedServer, client: httpx.AsyncClient
) -> None:
    """Content may be a list of parts; json_object and text need no schema."""
    parts = [{"type": "text", "text": "12345678"}, {"type": "image_url", "image_url": {}}]
    messages = [{"role": "user", "content": parts}, {"role": "assistant", "content": None}]
    reply = await chat(client, scripted, messages=messages, response_format={"type": "json_object"})
    assert reply.json()["choices"][0]["message"]["content"] == "{}"
    assert reply.json()["usage"]["prompt_tokens"] == 3
    reply = await chat(client, scripted, response_format={"type": "text"})
    assert "stand-in" in reply.json()["choices"][0]["message"]["content"]


async def test_pieces_arrive_one_by_one_at_the_pace_asked_for(
    scripted: ScriptedServer, client: httpx.AsyncClient
) -> None:
    """The role comes before the first content, and no piece before it is due."""
    scripted.script = Script(ttft_ms=60, tokens_per_s=100)
    await chat(client, scripted)  # compiles the schema and opens the connection
    started = time.perf_counter()
    request = body(stream=True)
    async with client.stream(
        "POST", f"{scripted.endpoint}/chat/completions", json=request
    ) as response:
        arrived = [
            time.perf_counter() - started
            async for line in response.aiter_lines()
            if line.startswith('data: {"id"')
        ]
    due = [0.03, *(0.06 + 0.01 * index for index in range(len(arrived) - 2))]
    assert len(arrived) > 6
    assert all(at > should - 0.002 for at, should in zip(arrived, due, strict=False))
    assert arrived[0] < arrived[1]
