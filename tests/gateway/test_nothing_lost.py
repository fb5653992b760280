"""What a server says reaches an agent whole, errors too; what is not valid does not."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from core.client import bounded
from tests.support.behaviours import DONE, Seen, delta, event, said, streams, whole
from tests.support.faultserver import FaultServer
from tests.support.gateway.serving import (
    ASKED,
    CHAT,
    TOOL,
    chunks,
    configured,
    fronted,
    on_post,
    saying,
    sibling,
)
from tests.support.patience import until
from tests.support.router.world import promote

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx

    from tests.support.behaviours import Handler

CALL = {
    "index": 0,
    "id": "a",
    "type": "function",
    "function": {"name": "edit", "arguments": '{"path": "a.py", "n": 1}'},
    "extra_content": {"vendor": {"signature": "S1"}},
}
USAGE = {
    "prompt_tokens": 5,
    "completion_tokens": 9,
    "total_tokens": 14,
    "prompt_tokens_details": {"cached_tokens": 2, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 7},
}
FILTER = {"violence": {"filtered": False, "severity": "safe"}}


def with_filter(chunk: dict[str, Any]) -> dict[str, Any]:
    """The chunk with a field of its choice that OpenAI's API does not have."""
    (choice,) = chunk["choices"]
    return chunk | {"choices": [choice | {"content_filter_results": FILTER, "logprobs": None}]}


SAID = on_post(
    streams(
        event(delta({"role": "assistant", "reasoning_content": "be"})),
        event(delta({"reasoning_content": "cause"})),
        event(delta({"tool_calls": [CALL]})),
        event(with_filter(delta({}, "tool_calls")) | {"service_tier": "flex"}),
        event({"choices": [], "usage": USAGE}),
        DONE,
    )
)


async def test_the_whole_answer_holds_what_the_stream_does(project: Path) -> None:
    """Reasoning, a call's signature, and all of the usage."""
    ask = ASKED | {"tools": [TOOL]}
    async with (
        FaultServer(SAID) as cloud,
        fronted(configured(project, cloud.endpoint)) as http,
    ):
        answer = (await http.post(CHAT, json=ask)).json()
        streamed = ask | {"stream": True, "stream_options": {"include_usage": True}}
        async with http.stream("POST", CHAT, json=streamed) as response:
            found = await chunks(response)
    message = answer["choices"][0]["message"]
    assert message["reasoning_content"] == "because"
    assert message["tool_calls"] == [{name: CALL[name] for name in CALL if name != "index"}]
    assert answer["usage"] == found[-1]["usage"] == USAGE
    assert answer["service_tier"] == "flex"
    assert answer["choices"][0]["content_filter_results"] == FILTER
    (last,) = [one for one in found if one["choices"] and one["choices"][0]["finish_reason"]]
    assert (last["service_tier"], last["choices"][0]["content_filter_results"]) == ("flex", FILTER)
    deltas = [choice["delta"] for chunk in found for choice in chunk["choices"]]
    assert "".join(one.get("reasoning_content", "") for one in deltas) == "because"
    assert [one["tool_calls"] for one in deltas if "tool_calls" in one] == [[CALL]]


@asynccontextmanager
async def promoted(project: Path, local: Handler) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a gateway whose reflex behaves so and has earned the work; the cloud is sound."""
    async with (
        FaultServer(local) as reflex,
        FaultServer(saying({"content": '{"n": 7}'})) as cloud,
    ):
        settings = configured(project, cloud.endpoint, reflex=reflex.endpoint)
        await promote(settings)
        async with fronted(settings) as http:
            yield http


async def test_a_local_reply_keeps_its_reasoning(project: Path) -> None:
    """Held until it is whole, it is passed on with all that it says."""
    events = [event(delta({"reasoning_content": "hm"})), *said("yes")]
    async with promoted(project, on_post(streams(*events))) as http:
        answer = await http.post(CHAT, json=ASKED)
        async with http.stream("POST", CHAT, json=ASKED | {"stream": True}) as response:
            found = await chunks(response)
    assert answer.headers["x-reflex-mode"] == "reflex"
    assert answer.json()["choices"][0]["message"]["reasoning_content"] == "hm"
    deltas = [choice["delta"] for chunk in found for choice in chunk["choices"]]
    assert "".join(one.get("reasoning_content", "") for one in deltas) == "hm"


def failing(status: int, **fields: Any) -> Any:
    """A cloud whose error has these fields."""
    error = {"message": "The server's own words.", "type": "own_type", "param": None, **fields}
    return on_post(whole({"error": error}, status))


@pytest.mark.parametrize(
    ("behaviour", "status", "error"),
    [
        (
            failing(400, code="context_length_exceeded", param="messages"),
            400,
            {"code": "context_length_exceeded", "param": "messages", "type": "own_type"},
        ),
        (failing(429, code="insufficient_quota"), 429, {"code": "insufficient_quota"}),
        (failing(400, code=None, param="top_p"), 400, {"code": "bad_request", "param": "top_p"}),
        (
            on_post(
                whole(
                    [{"error": {"code": 400, "message": "No such field.", "status": "INVALID"}}],
                    400,
                )
            ),
            400,
            {"type": "INVALID"},
        ),
        # Our key is refused: the caller's is not, whatever the server calls it.
        (failing(401, code="invalid_api_key"), 502, {"code": "misconfigured", "param": None}),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_an_error_keeps_its_identity(
    project: Path, behaviour: Any, status: int, error: dict[str, Any], *, stream: bool
) -> None:
    """Code, type, param and words, so that an agent can act; and no doubled full stop."""
    async with (
        FaultServer(behaviour) as cloud,
        fronted(configured(project, cloud.endpoint)) as http,
    ):
        response = await http.post(CHAT, json=ASKED | {"stream": stream})
    found = response.json()["error"]
    assert response.status_code == status
    assert {name: found[name] for name in error} == error
    assert "own words" in found["message"] or "No such field" in found["message"]
    assert ".." not in found["message"]
    assert "simplify" not in found["message"]


@pytest.mark.parametrize(
    "arguments", ['{"path": "a.py", "n', '{"path": "b.py", "n": 1}', '{"n": 1}']
)
async def test_a_call_that_cannot_be_carried_out_goes_to_the_cloud(
    project: Path, arguments: str
) -> None:
    """It is counted as a failure of reflex, and nothing of it is released."""
    call = {**CALL, "function": {"name": "edit", "arguments": arguments}}
    behaviour = streams(event(delta({"tool_calls": [call]})), event(delta({}, "tool_calls")), DONE)
    async with promoted(project, on_post(behaviour)) as http:
        response = await http.post(CHAT, json=ASKED | {"tools": [TOOL]})
        health = (await http.get(sibling(http, "/health"))).json()
    assert response.headers["x-reflex-mode"] == "cloud"
    assert "tool_calls" not in response.json()["choices"][0]["message"]
    assert health["breaker"]["failure_count"] > 0


async def test_a_schema_beside_json_object_holds(project: Path) -> None:
    """Reflex is sent it, and a reply against it is not released."""
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    sent: list[Any] = []

    async def violating(seen: Seen, writer: asyncio.StreamWriter) -> None:
        sent.append(seen.json["response_format"])
        await streams(*said('{"n": "seven"}'))(seen, writer)

    async with promoted(project, on_post(violating)) as http:
        form = {"type": "json_object", "schema": schema}
        response = await http.post(CHAT, json=ASKED | {"response_format": form})
    assert sent[0]["json_schema"]["schema"] == schema
    assert "seven" not in response.text


async def test_an_endless_pattern_holds_nobody_up(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others are answered meanwhile, and its own call ends with a typed refusal."""
    monkeypatch.setattr(bounded, "LIMIT_S", 0.7)
    evil = {"type": "object", "properties": {"t": {"type": "string", "pattern": "^(a+)+$"}}}
    form = {"type": "json_schema", "json_schema": {"name": "evil", "schema": evil}}
    reply = json.dumps({"t": "a" * 40 + "!"})
    async with (
        FaultServer(on_post(streams(*said(reply)))) as cloud,
        fronted(configured(project, cloud.endpoint)) as http,
    ):
        asked = asyncio.create_task(http.post(CHAT, json=ASKED | {"response_format": form}))
        await until(bounded._children.running)
        assert (await http.get("models")).status_code == 200
        assert not asked.done()
        refused = await asked
    assert refused.status_code == 400
    assert "takes more than" in refused.json()["error"]["message"]
