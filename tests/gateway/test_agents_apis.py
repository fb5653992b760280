"""Responses and Messages through a gateway on a socket: by the SDKs, and as agents ask."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest

from core.capsule import EventLog
from core.gateway import relay
from core.standin.answers import SENTENCE
from tests.support.behaviours import Seen, delta, event, streams, whole
from tests.support.faultserver import FaultServer
from tests.support.gateway import events
from tests.support.gateway.agents import latest
from tests.support.gateway.serving import (
    ASKED,
    CHAT,
    configured,
    fronted,
    gateway,
    halfway,
    on_post,
    saying,
    sibling,
)
from tests.support.router.world import promote, world

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from core.settings import Settings


MODES = [(True, "reflex"), (False, "cloud")]
TOOL_SCHEMA = {"type": "object", "properties": {"cmd": {"type": "string"}}, "required": ["cmd"]}
RESPONSES_TOOL = {"type": "function", "name": "run", "parameters": TOOL_SCHEMA, "strict": False}
MESSAGES_TOOL = {"name": "run", "input_schema": TOOL_SCHEMA}
CALLED = {
    "tool_calls": [
        {
            "index": 0,
            "id": "call_1",
            "type": "function",
            "function": {"name": "run", "arguments": '{"cmd": "ls"}'},
        }
    ]
}
HI = [{"role": "user", "content": "hi"}]
ASKS: dict[str, dict[str, Any]] = {
    CHAT: {"model": "m", "messages": HI},
    "responses": {"model": "m", "input": "hi"},
    "messages": {"model": "m", "max_tokens": 50, "messages": HI},
}


@pytest.fixture
def settings(project: Path) -> Settings:
    """A workspace whose cloud is not there."""
    return configured(project, "http://127.0.0.1:9/v1")


def attempts(settings: Settings) -> list[dict[str, Any]]:
    """The capsule's LLMCalls."""
    with EventLog(settings.state_dir / "capsule") as log:
        return [dict(one.body) for one in log.read() if one.event_type == "LLMCall"]


@pytest.mark.parametrize(("promoted", "mode"), MODES)
async def test_the_openai_sdk_speaks_responses(project: Path, mode: str, *, promoted: bool) -> None:
    """Whole and streamed, put together by the SDK; the evidence names the dialect."""
    async with (
        world(project, promoted=promoted) as w,
        gateway(w.settings) as url,
        pytest.importorskip("openai").AsyncOpenAI(base_url=url, api_key="any") as sdk,
    ):
        raw = await sdk.responses.with_raw_response.create(model="x", input="Which line is wrong?")
        async with sdk.responses.stream(model="x", input="Which line is wrong?") as stream:
            async for _ in stream:
                pass
            streamed = await stream.get_final_response()
        calls = w.events("LLMCall")
    answer = raw.parse()
    assert raw.headers["x-reflex-mode"] == mode
    assert answer.output_text == streamed.output_text == SENTENCE
    assert streamed.status == "completed"
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens
    assert answer.model == streamed.model
    assert [call["dialect"] for call in calls] == ["responses", "responses"]


@pytest.mark.parametrize(("promoted", "mode"), MODES)
async def test_the_anthropic_sdk_speaks_messages(
    project: Path, mode: str, *, promoted: bool
) -> None:
    """Whole, streamed, counted and listed; the base URL is without ``/v1``."""
    anthropic = pytest.importorskip("anthropic")
    asked = {"model": "x", "max_tokens": 200, "messages": HI}
    async with (
        world(project, promoted=promoted) as w,
        gateway(w.settings) as url,
        anthropic.AsyncAnthropic(base_url=url.removesuffix("/v1"), api_key="any") as sdk,
    ):
        raw = await sdk.messages.with_raw_response.create(**asked)
        async with sdk.messages.stream(**asked) as stream:
            streamed = await stream.get_final_message()
        counted = await sdk.messages.count_tokens(model="x", messages=HI, system="Be brief.")
        models = [model.id async for model in sdk.models.list()]
    answer = await raw.parse()
    assert raw.headers["x-reflex-mode"] == mode
    assert answer.content[0].text == streamed.content[0].text == SENTENCE
    assert (answer.stop_reason, streamed.stop_reason) == ("end_turn", "end_turn")
    assert answer.usage.input_tokens == streamed.usage.input_tokens > 0
    assert counted.input_tokens > 5
    assert models[0] == "reflex"


@pytest.mark.parametrize("promoted", [True, False])
async def test_tool_calls_in_each_dialect(project: Path, *, promoted: bool) -> None:
    """Offered, called and answered; a local server's call is checked before it is let out."""
    server = saying({"content": "I look."}, CALLED, finish="tool_calls")
    async with FaultServer(server) as one, FaultServer(server) as other:
        settings = configured(project, one.endpoint, reflex=other.endpoint)
        if promoted:
            await promote(settings)
        async with fronted(settings) as http:
            mine = await http.post(
                "responses", json=ASKS["responses"] | {"tools": [RESPONSES_TOOL], "stream": True}
            )
            theirs = await http.post(
                "messages", json=ASKS["messages"] | {"tools": [MESSAGES_TOOL], "stream": True}
            )
            document = await http.post(
                "messages", json=ASKS["messages"] | {"tools": [MESSAGES_TOOL]}
            )
    assert mine.headers["x-reflex-mode"] == ("reflex" if promoted else "cloud")
    found = events.events_of(mine.content)
    events.valid_responses(found)
    item = found[-1]["response"]["output"][1]
    assert (item["name"], item["arguments"]) == ("run", '{"cmd": "ls"}')
    assert item["call_id"] not in ("", "call_1")  # which the next turn's may be called again
    told = events.events_of(theirs.content)
    events.valid_messages(told)
    assert told[-2]["delta"]["stop_reason"] == "tool_use"
    events.valid_message(document.json())
    assert document.json()["content"][1]["input"] == {"cmd": "ls"}


async def test_what_only_the_cloud_can_do_goes_there(project: Path) -> None:
    """An image is no work for a local server; the decision says so, and what was left out."""
    image = {"type": "input_image", "image_url": "data:image/png;base64,QQ=="}
    asked = {"input": [{"role": "user", "content": [image]}], "tools": [{"type": "web_search"}]}
    parts = [{"type": "image_url", "image_url": {"url": image["image_url"]}}]
    async with world(project) as w, fronted(w.settings) as http:
        mine = await http.post("responses", json=asked)
        chat = await http.post(CHAT, json={"messages": [{"role": "user", "content": parts}]})
        text = await http.post("responses", json=ASKS["responses"])
        decisions, calls = w.events("RoutingDecision"), w.events("LLMCall")
    told = [(one.headers["x-reflex-mode"], one.headers["x-reflex-reason"]) for one in (mine, chat)]
    assert told == [("cloud", "needs_cloud")] * 2
    assert text.headers["x-reflex-mode"] == "reflex"
    assert [one["detail"] for one in decisions] == ["image_input", "image_input", None]
    assert [one["dropped"] for one in calls] == [["tools.web_search"], [], []]


async def test_a_whole_turn_of_claude_code_stays_local(project: Path) -> None:
    """A subagent's request, tools and all, to a local server; nothing of it is refused."""
    seen: list[Seen] = []
    answering = streams(event(delta({"content": "Done."})), event(delta({}, "stop")))

    async def recording(request: Seen, writer: asyncio.StreamWriter) -> None:
        seen.append(request)
        await answering(request, writer)

    claude = latest("claude-code")
    async with FaultServer(saying()) as cloud, FaultServer(on_post(recording)) as reflex:
        settings = configured(project, cloud.endpoint, reflex=reflex.endpoint)
        await promote(settings)
        async with fronted(settings) as http:
            answer = await http.post(
                sibling(http, claude.path),
                json=claude.body,
                headers=claude.headers | {"x-claude-code-agent-id": "a1"},
            )
    assert (answer.status_code, answer.headers["x-reflex-mode"]) == (200, "reflex")
    events.valid_messages(events.events_of(answer.content))
    [sent] = [request.json for request in seen]
    assert [message["role"] for message in sent["messages"][:2]] == ["system", "user"]
    assert "max_tokens" not in sent
    assert "reasoning_effort" not in sent
    assert attempts(settings)[0]["dropped"] == ["context_management", "metadata", "thinking"]


@pytest.mark.parametrize("path", ASKS)
async def test_a_held_reply_shows_that_it_is_alive(
    project: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pings of the dialect's own kind until the reply is released, then the reply as ever."""
    monkeypatch.setattr(relay, "PING_EVERY_S", 0.05)
    go = asyncio.Event()

    async def held(request: Seen, writer: asyncio.StreamWriter) -> None:
        await go.wait()
        await saying({"content": "yes"})(request, writer)

    async with (
        FaultServer(on_post(held)) as cloud,
        fronted(configured(project, cloud.endpoint)) as http,
        http.stream("POST", path, json=ASKS[path] | {"stream": True}) as answer,
    ):
        body = b""
        async for piece in answer.aiter_bytes():
            body += piece
            if body.count(b"\n\n") >= 3:
                go.set()
    assert answer.status_code == 200
    if path == CHAT:
        assert body.startswith(b": ")
        assert body.endswith(b"data: [DONE]\n\n")
        return
    found = events.events_of(body)
    kinds = [one["type"] for one in found]
    if path == "responses":
        events.valid_responses(found)
        assert kinds[:3] == ["response.created", "response.in_progress", "response.in_progress"]
        assert found[-1]["response"]["output"][0]["content"][0]["text"] == "yes"
    else:
        events.valid_messages(found)
        pings = kinds.index("message_start")
        assert kinds[:pings] == ["ping"] * max(3, pings)
        assert kinds[-1] == "message_stop"


@pytest.mark.parametrize("path", ASKS)
async def test_a_failure_after_the_headers_is_told_in_the_stream(
    project: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A prompt that does not fit, found late: with the words and the code that agents act on."""
    monkeypatch.setattr(relay, "PING_EVERY_S", 0.05)
    error = {"message": "maximum context length is 4096 tokens, not 5000", "code": OVER}

    async def late(request: Seen, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.2)
        await whole({"error": error}, 400)(request, writer)

    async with (
        FaultServer(on_post(late)) as cloud,
        fronted(configured(project, cloud.endpoint)) as http,
    ):
        answer = await http.post(path, json=ASKS[path] | {"stream": True})
    assert answer.status_code == 200
    assert b"[DONE]" not in answer.content
    last = events.events_of(answer.content)[-1]
    match path:
        case "responses":
            assert last["response"]["error"]["code"] == OVER
        case "messages":
            assert last["type"] == "error"
            assert last["error"]["message"].startswith("prompt is too long: 5000 tokens > 4096")
        case _:
            assert last["error"]["code"] == OVER


OVER = "context_length_exceeded"


@pytest.mark.parametrize("path", ["responses", "messages"])
@pytest.mark.parametrize(("status", "expected"), [(400, 400), (429, 429), (500, 502), (401, 502)])
async def test_an_error_before_the_headers_keeps_its_status(
    project: Path, path: str, status: int, expected: int
) -> None:
    """In the dialect's own document."""
    failing = on_post(whole({"error": {"message": "The server's own words."}}, status))
    async with FaultServer(failing) as cloud, fronted(configured(project, cloud.endpoint)) as http:
        answer = await http.post(path, json=ASKS[path] | {"stream": True})
    assert answer.status_code == expected
    assert "The server's own words." in answer.json()["error"]["message"]
    assert (answer.json().get("type") == "error") is (path == "messages")


async def test_a_cloud_that_breaks_off_leaves_no_ending(project: Path) -> None:
    """Neither dialect's stream ends as if it were whole."""
    wait = asyncio.Event()
    wait.set()
    async with (
        FaultServer(halfway(wait, then="hang up")) as cloud,
        fronted(configured(project, cloud.endpoint)) as http,
    ):
        mine = await http.post("responses", json=ASKS["responses"] | {"stream": True})
        theirs = await http.post("messages", json=ASKS["messages"] | {"stream": True})
    assert events.events_of(mine.content)[-1]["type"] == "response.failed"
    assert events.events_of(theirs.content)[-1]["type"] == "error"


async def test_a_reply_cut_by_the_callers_limit_is_an_answer(project: Path) -> None:
    """A title of 16 tokens: told as such, and no failure of the server."""
    cut = saying({"content": "A title that goes on"}, finish="length")
    async with FaultServer(cut) as one, FaultServer(cut) as other:
        settings = configured(project, one.endpoint, reflex=other.endpoint)
        await promote(settings)
        async with fronted(settings) as http:
            mine = await http.post("responses", json=ASKS["responses"] | {"max_output_tokens": 16})
            theirs = await http.post("messages", json=ASKS["messages"] | {"max_tokens": 16})
            state = (await http.get(sibling(http, "/health"))).json()
    assert mine.headers["x-reflex-mode"] == theirs.headers["x-reflex-mode"] == "reflex"
    assert mine.json()["status"] == "incomplete"
    assert mine.json()["incomplete_details"] == {"reason": "max_output_tokens"}
    assert theirs.json()["stop_reason"] == "max_tokens"
    assert state["breaker"]["failure_count"] == 0


async def test_an_empty_last_turn_is_an_answer(project: Path) -> None:
    """After a tool's result a model may have nothing to add, also where a note follows it."""
    nothing = saying({"role": "assistant"})
    turns = [
        *HI,
        {"role": "assistant", "content": [{"type": "tool_use", "id": "x", "name": "run"}]},
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "x", "content": "ok"},
                {"type": "text", "text": "<system-reminder>"},
            ],
        },
    ]
    async with FaultServer(nothing) as one, FaultServer(nothing) as other:
        settings = configured(project, one.endpoint, reflex=other.endpoint)
        await promote(settings)
        async with fronted(settings) as http:
            answer = await http.post("messages", json=ASKS["messages"] | {"messages": turns})
    assert answer.headers["x-reflex-mode"] == "reflex"
    assert (answer.json()["content"], answer.json()["stop_reason"]) == ([], "end_turn")


async def test_bodies_may_be_packed_within_limits(settings: Settings) -> None:
    """Gzip and zstd are read, a bomb and what is not so packed are refused, others too."""
    body = json.dumps(ASKED).encode()
    bomb = gzip.compress(b'{"a":"' + b"a" * (9 << 20) + b'"}')

    async def post(http: httpx.AsyncClient, content: bytes, encoding: str) -> int:
        headers = {"content-type": "application/json", "content-encoding": encoding}
        return (await http.post(CHAT, content=content, headers=headers)).status_code

    async with fronted(settings) as http:
        packed = await post(http, gzip.compress(body), "gzip")
        found = [
            await post(http, bomb, "gzip"),
            await post(http, body, "gzip"),
            await post(http, body, "br"),
        ]
        # The cloud of these settings is not there: what was read is a 502, not a 4xx.
        assert (packed, found) == (502, [413, 400, 415])
        halves = gzip.compress(body[:9]) + gzip.compress(body[9:])
        assert await post(http, halves, "gzip") == 502
        zstd = pytest.importorskip("backports.zstd")
        found = [
            await post(http, zstd.compress(body[:9]) + zstd.compress(body[9:]), "zstd"),
            await post(http, zstd.compress(b"a" * (9 << 20)), "zstd"),
            await post(http, zstd.compress(body)[:-3], "zstd"),
            await post(http, b"no", "zstd"),
        ]
        assert found == [502, 413, 400, 400]


async def test_what_agents_look_at_before_they_ask(settings: Settings) -> None:
    """The base answers politely, models come in each client's shape, and errors too."""
    version = {"anthropic-version": "2023-06-01"}
    async with fronted(settings) as http:
        looks = [
            await http.request(method, sibling(http, path))
            for path in ("/", "/v1", "/api/hello")
            for method in ("GET", "HEAD")
        ]
        mine = (await http.get("models")).json()
        theirs = (await http.get("models", headers=version)).json()
        bare = (await http.get(sibling(http, "/models"))).json()
        missing = await http.get("models/none")
        bad = await http.post("messages", json={"messages": HI})
        bad_count = await http.post("messages/count_tokens", json=[])
    assert {look.status_code for look in looks} == {200}
    assert mine["object"] == "list"
    assert mine == bare
    assert [one["type"] for one in theirs["data"]] == ["model"] * len(mine["data"])
    assert theirs["first_id"] == mine["data"][0]["id"]
    assert missing.json()["error"]["code"] == "model_not_found"
    for refused in (bad, bad_count):
        assert (refused.status_code, refused.json()["type"]) == (400, "error")


async def test_the_token_may_be_an_api_key(settings: Settings) -> None:
    """As Anthropic's clients send it."""
    async with fronted(settings, token="secret") as http:
        answers = [
            await http.get("models", headers=headers)
            for headers in (
                {"x-api-key": "secret"},
                {"authorization": "Bearer secret"},
                {"x-api-key": "other"},
                {},
            )
        ]
    assert [answer.status_code for answer in answers] == [200, 200, 401, 401]
