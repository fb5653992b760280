"""What a cloud refuses, or fails with, reaches the agent as what it acts on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from core.client.backend import Backend
from core.client.faults import error_in, fault_error, quoting
from core.errors import Busy, StatusError, TooLong
from core.gateway.dialects.refusals import ErrorReply, error_reply
from core.stages import Mode
from tests.support.behaviours import Seen, event, streams, whole
from tests.support.faultserver import FaultServer
from tests.support.gateway import events
from tests.support.gateway.agents import DIALECTS
from tests.support.gateway.serving import CHAT, configured, fronted, on_post

if TYPE_CHECKING:
    import asyncio
    from pathlib import Path

    from tests.support.behaviours import Handler

Json = dict[str, Any]
HI: list[Any] = [{"role": "user", "content": "hi"}]
ASKS: dict[str, Json] = {
    CHAT: {"messages": HI},
    "responses": {"input": HI},
    "messages": {"messages": HI, "max_tokens": 9},
}
CLOUD = Backend("cloud", Mode.CLOUD, "http://127.0.0.1:1/v1", "m", 1000)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": "context_length_exceeded", "message": "Your input exceeds it."}, TooLong),
        ({"type": "overloaded_error", "message": "Overloaded"}, Busy),
        ({"code": "server_is_overloaded", "message": "busy"}, Busy),
    ],
)
def test_an_error_inside_a_stream_keeps_what_agents_act_on(
    error: Json, kind: type[StatusError]
) -> None:
    """A context that is full makes agents compact; a busy server makes them wait."""
    fault = error_in({"error": error})
    assert fault is not None
    raised = fault_error(CLOUD, fault, quoting(None))
    assert type(raised) is kind
    refusal = error_reply(raised)
    assert refusal.over_context is (kind is TooLong)
    [failed] = [
        one["response"]["error"]
        for one in events.events_of(_writer("responses").failure(refusal))
        if one["type"] == "response.failed"
    ]
    told = events.events_of(_writer("messages").failure(refusal))[0]["error"]
    if kind is TooLong:
        assert failed["code"] == "context_length_exceeded"
        assert told["message"].startswith("prompt is too long")
    else:
        assert (failed["code"], told["type"]) == ("server_error", "overloaded_error")


def _writer(dialect: str) -> Any:
    asked = DIALECTS["messages"].read(ASKS["messages"])
    return DIALECTS[dialect].writer(asked, "c" * 32, 7)


@pytest.mark.parametrize("path", ASKS)
@pytest.mark.parametrize("status", [429, 503, 529])
async def test_a_busy_clouds_status_and_wait_reach_the_agent(
    project: Path, path: str, status: int
) -> None:
    """Streamed or not: agents wait as long as they are told, and know what it was."""
    said_busy = {"error": {"type": "overloaded_error", "message": "Overloaded"}}
    handler = _refusing(status, said_busy, "retry-after: 7\r\n")
    async with (
        FaultServer(on_post(handler)) as cloud,
        fronted(configured(project, cloud.endpoint)) as http,
    ):
        for more in ({}, {"stream": True}):
            answer = await http.post(path, json=ASKS[path] | more)
            assert (answer.status_code, answer.headers["retry-after"]) == (status, "7")
    if path == "messages":
        kind = "rate_limit_error" if status == 429 else "overloaded_error"
        assert answer.json()["error"]["type"] == kind


def _refusing(status: int, document: Json, headers: str = "") -> Handler:
    body = json.dumps(document)

    async def handler(_: Seen, writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 {status} No\r\nContent-Type: application/json\r\n{headers}"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())

    return handler


@pytest.mark.parametrize("path", ASKS)
async def test_a_refused_effort_is_left_out_by_whichever_cloud(project: Path, path: str) -> None:
    """One failed request, then an answer without it."""
    api = "messages" if path == "responses" else "responses"
    said_no = {"error": {"message": "Unsupported parameter: effort", "param": "reasoning.effort"}}
    kind = "message" if api == "messages" else "response"
    content = [{"type": "text", "text": "yes"}]
    document: Json = {"model": "c", "type": kind}
    document |= (
        {"content": content, "stop_reason": "end_turn"}
        if api == "messages"
        else {"output": [{"type": "message", "content": content}]}
    )

    async def choosy(seen: Seen, writer: asyncio.StreamWriter) -> None:
        handler = whole(said_no, 400) if "effort" in seen.body.decode() else whole(document)
        await handler(seen, writer)

    effort: dict[str, Json] = {
        CHAT: {"reasoning_effort": "high"},
        "responses": {"reasoning": {"effort": "high"}},
        "messages": {"output_config": {"effort": "high"}},
    }
    asked = ASKS[path] | effort[path]
    async with (
        FaultServer(on_post(choosy)) as cloud,
        fronted(configured(project, cloud.endpoint, f'api = "{api}"\n')) as http,
    ):
        answer = await http.post(path, json=asked)
    assert (answer.status_code, "yes" in answer.text) == (200, True), answer.text


async def test_a_form_that_a_cloud_refuses_is_asked_for_in_words(project: Path) -> None:
    """Its answer is checked all the same."""
    refusal = whole({"error": {"message": "output_config.format.schema: not supported"}}, 400)
    content = [{"type": "text", "text": '{"a": "x"}'}]
    answered = whole({"model": "c", "content": content, "stop_reason": "end_turn"})

    async def choosy(seen: Seen, writer: asyncio.StreamWriter) -> None:
        await (refusal if "output_config" in seen.json else answered)(seen, writer)

    async with (
        FaultServer(on_post(choosy)) as cloud,
        fronted(configured(project, cloud.endpoint, 'api = "messages"\n')) as http,
    ):
        schema = {"type": "object", "properties": {"a": {"type": "string"}}}
        form = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
        answer = await http.post(CHAT, json={"messages": HI, "response_format": form})
    assert answer.json()["choices"][0]["message"]["content"] == '{"a": "x"}'
    assert "JSON schema" in cloud.chats[-1].json["system"]


async def test_an_item_that_another_server_made_is_refused(project: Path) -> None:
    """Where the cloud does not speak the dialect, the conversation would go on without it."""
    async with (
        FaultServer(on_post(streams(event({})))) as cloud,
        fronted(configured(project, cloud.endpoint)) as http,
    ):
        sealed = {"type": "compaction", "encrypted_content": "E"}
        answer = await http.post("responses", json={"input": [*HI, sealed]})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "compaction")
    assert not cloud.chats


async def test_a_model_nobody_knows_is_refused_in_the_clients_words(project: Path) -> None:
    """Anthropic's clients read another shape of error."""
    async with fronted(configured(project, "http://127.0.0.1:9/v1")) as http:
        plain = (await http.get("models/none")).json()
        theirs = (await http.get("models/none", headers={"anthropic-version": "1"})).json()
    assert plain["error"]["code"] == "model_not_found"
    assert (theirs["type"], theirs["error"]["type"]) == ("error", "not_found_error")


def test_a_prompt_that_is_too_long_is_one_code_for_all() -> None:
    """However the server words it."""
    words = "cloud at h:1 answered 400: Input is too long for requested model."
    error = TooLong(words, status=400, server_code="ValidationException")
    refusal = error_reply(error)
    assert (refusal.code, refusal.over_context) == ("context_length_exceeded", True)
    assert not ErrorReply(400, "bad").over_context
