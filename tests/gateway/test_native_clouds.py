"""A cloud that speaks the agent's own dialect is passed through; another one is translated."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from core.capsule import EventLog
from core.client.apis import authentication
from core.client.backend import Backend, ChatRequest, NativePiece
from core.errors import UntrustedEndpoint
from core.gateway.dialects.messages import Messages
from core.gateway.native import NativeReply, for_cloud
from core.router.backends import cloud as cloud_of
from core.settings import load_settings, trust
from core.stages import Mode
from tests.support.behaviours import Seen, event, streams, whole
from tests.support.faultserver import FaultServer
from tests.support.gateway import events
from tests.support.gateway.agents import latest
from tests.support.gateway.serving import CHAT, configured, fronted, on_post, sibling
from tests.support.router.world import promote

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx

    from core.settings import Settings
    from tests.support.behaviours import Handler

Json = dict[str, Any]
HI: list[Any] = [{"role": "user", "content": "hi"}]
TOOL = {"type": "function", "function": {"name": "run", "parameters": {"type": "object"}}}


def block_delta(index: int, kind: str, **said: str) -> Json:
    """A part of a block of the Messages API."""
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **said}}


# What the clouds say: a thought that only they can read again, a text, and a call.
MESSAGES: list[Json] = [
    {"type": "message_start", "message": {"model": "c", "usage": {"input_tokens": 7}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking"}},
    {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "thinking_delta", "thinking": "hm"},
    },
    {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "signature_delta", "signature": "S"},
    },
    {"type": "content_block_stop", "index": 0},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
    block_delta(1, "text_delta", text="I look."),
    {"type": "content_block_stop", "index": 1},
    {
        "type": "content_block_start",
        "index": 2,
        "content_block": {"type": "tool_use", "id": "toolu_1", "name": "run", "input": {}},
    },
    block_delta(2, "input_json_delta", partial_json='{"a": 1}'),
    {"type": "content_block_stop", "index": 2},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "tool_use", "stop_sequence": None},
        "usage": {"output_tokens": 5, "cache_read_input_tokens": 3},
    },
    {"type": "message_stop"},
]
SEALED = {"type": "reasoning", "encrypted_content": "ENC"}
CALL_ITEM = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "run"}
RESPONSES: list[Json] = [
    {"type": "response.created", "response": {"id": "resp_1", "model": "c"}},
    {
        "type": "response.output_item.added",
        "output_index": 0,
        "item": SEALED,
    },
    {"type": "response.reasoning_summary_text.delta", "output_index": 0, "delta": "hm"},
    {"type": "response.output_text.delta", "output_index": 1, "delta": "I look."},
    {"type": "response.output_item.added", "output_index": 2, "item": CALL_ITEM},
    {"type": "response.function_call_arguments.delta", "output_index": 2, "delta": '{"a": 1}'},
    {
        "type": "response.completed",
        "response": {
            "output": [],
            "usage": {
                "input_tokens": 10,
                "output_tokens": 5,
                "total_tokens": 15,
                "input_tokens_details": {"cached_tokens": 3},
            },
        },
    },
]
SAID = {"messages": MESSAGES, "responses": RESPONSES}
ASKS: dict[str, Json] = {
    CHAT: {"messages": HI, "tools": [TOOL], "max_tokens": 9},
    "responses": {"input": "hi", "tools": [{"type": "function", "name": "run"}]},
    "messages": {"messages": HI, "max_tokens": 9, "tools": [{"name": "run", "input_schema": {}}]},
}


def stream_of(api: str) -> bytes:
    """What the cloud sends, byte by byte."""
    return b"".join(event(one, one["type"]) for one in SAID[api])


class Cloud:
    """A cloud of one API, and what it was asked."""

    def __init__(self, handler: Handler) -> None:
        self.seen: list[Seen] = []
        self._handler = on_post(handler)

    async def __call__(self, seen: Seen, writer: asyncio.StreamWriter) -> None:
        if seen.method == "POST":
            self.seen.append(seen)
        await self._handler(seen, writer)


@asynccontextmanager
async def before(
    project: Path, api: str, handler: Handler | None = None
) -> AsyncIterator[tuple[httpx.AsyncClient, Cloud, Settings]]:
    """A gateway before a cloud that speaks ``api``."""
    cloud = Cloud(handler or streams(stream_of(api)))
    async with FaultServer(cloud) as server:
        settings = configured(project, server.endpoint, f'api = "{api}"\n')
        async with fronted(settings) as http:
            yield http, cloud, settings


def attempts(settings: Settings) -> list[Json]:
    """The capsule's LLMCalls."""
    with EventLog(settings.state_dir / "capsule") as log:
        return [dict(one.body) for one in log.read() if one.event_type == "LLMCall"]


@pytest.mark.parametrize(
    ("api", "agent"), [("messages", "claude-code"), ("responses", "codex-0.171.0-gpt")]
)
async def test_an_agents_own_dialect_passes_unchanged(project: Path, api: str, agent: str) -> None:
    """Body and stream, but for the model; signatures and sealed reasoning too; it is recorded."""
    asked = latest(agent)
    headers = asked.headers | {
        "anthropic-beta": "b-1",
        "cookie": "c=1",
        "authorization": "Bearer x",
    }
    async with before(project, api) as (http, cloud, settings):
        answer = await http.post(sibling(http, asked.path), json=asked.body, headers=headers)
    [sent] = cloud.seen
    assert answer.content == stream_of(api)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert sent.json == asked.body | {"model": "test-model"}
    assert sent.path.endswith(asked.path)
    assert sent.headers["anthropic-beta"] == "b-1"
    assert not {"cookie", "authorization"} & set(sent.headers)
    [call] = attempts(settings)
    told = (call["success"], call["dropped"], call["prompt_tokens"], call["cached_tokens"])
    assert told == (True, [], 10, 3)
    assert (call["dialect"], call["finish_reason"]) == (api, "tool_calls")


@pytest.mark.parametrize(
    ("api", "path"), [(api, path) for api in SAID for path in ASKS if path != api]
)
async def test_another_dialect_is_translated(project: Path, api: str, path: str) -> None:
    """Each agent before each cloud: text, call and counts arrive in the agent's own words."""
    async with before(project, api) as (http, cloud, settings):
        document = (await http.post(path, json=ASKS[path])).json()
        streamed = await http.post(path, json=ASKS[path] | {"stream": True})
    if path == CHAT:
        message = document["choices"][0]["message"]
        assert (message["content"], message["reasoning_content"]) == ("I look.", "hm")
        assert message["tool_calls"][0]["function"] == {"name": "run", "arguments": '{"a": 1}'}
        assert document["choices"][0]["finish_reason"] == "tool_calls"
        assert document["usage"]["prompt_tokens"] == 10
        assert streamed.content.endswith(b"[DONE]\n\n")
    elif path == "responses":
        events.valid_responses(events.events_of(streamed.content))
        assert document["output"][2]["arguments"] == '{"a": 1}'
        assert document["usage"]["input_tokens_details"]["cached_tokens"] == 3
    else:
        events.valid_messages(events.events_of(streamed.content))
        assert document["content"][2]["input"] == {"a": 1}
        assert document["usage"]["input_tokens"] == 7
    [sent, _] = [seen.json for seen in cloud.seen]
    assert cloud.seen[0].path.endswith(f"/{api}")
    named = sent["tools"][0]["name"]
    assert (sent["model"], named) == ("test-model", "run")
    assert all(call["success"] for call in attempts(settings))


@pytest.mark.parametrize("api", ["messages", "responses"])
async def test_a_document_passes_unchanged_too(project: Path, api: str) -> None:
    """Unstreamed, and an error keeps its status and words."""
    block = {"type": "text", "text": "yes"}
    usage = {"input_tokens": 4, "output_tokens": 1, "total_tokens": 5}
    document: Json = {"id": "x", "model": "c", "usage": usage, "extra": {"kept": True}}
    document |= (
        {"content": [block], "stop_reason": "end_turn"}
        if api == "messages"
        else {"output": [{"type": "message", "content": [block]}]}
    )
    async with before(project, api, whole(document)) as (http, _, settings):
        answer = await http.post(api, json=ASKS[api])
    assert answer.json() == document
    assert attempts(settings)[0]["completion_tokens"] == 1
    refusing = whole({"error": {"message": "prompt is too long: 9 tokens > 4 maximum"}}, 400)
    async with before(project, api, refusing) as (http, _, _):
        refused = await http.post(api, json=ASKS[api] | {"stream": True})
    assert refused.status_code == 400
    assert "prompt is too long: 9 tokens > 4 maximum" in refused.json()["error"]["message"]


@pytest.mark.parametrize(
    "asked",
    [
        {"prompt": {"id": "p"}},
        {"previous_response_id": "r", "input": []},
        {"input": [{"type": "mcp_approval_response", "approve": True}]},
    ],
)
async def test_what_only_the_cloud_can_read_reaches_it(project: Path, asked: Json) -> None:
    """A stored prompt or conversation, or an item of its own, though nothing else is said."""
    async with before(project, "responses") as (http, cloud, _):
        answer = await http.post("responses", json=asked)
    assert answer.content == stream_of("responses")
    assert cloud.seen[0].json == asked | {"model": "test-model"}


def test_a_credential_that_no_header_holds_is_left_out(project: Path) -> None:
    """Instead of ending the call; what is sound is passed on."""
    settings = configured(project, "https://h/v1", 'api = "messages"\nauth = "caller"\n')
    dialect = Messages()
    headers = {"x-api-key": "s\u00e4", "authorization": "Bearer s"}
    asked = for_cloud(
        dialect.read(ASKS["messages"]), dialect, ASKS["messages"],
        headers=headers, query="", cloud=settings.cloud,
    )  # fmt: skip
    assert asked.request.credential == {"authorization": "Bearer s"}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
async def test_only_whole_events_are_passed_on(end: str) -> None:
    """However the bytes come, and with each of the line ends that events may have."""
    said = stream_of("messages").replace(b"\n", end.encode())
    native = NativeReply("text/event-stream")
    pieces = [native.take(NativePiece("", said[at : at + 1])) for at in range(len(said))]
    passed = [piece for piece in pieces if piece]
    assert b"".join(passed) == said
    assert len(passed) == len(MESSAGES)
    assert all(piece.endswith(2 * end.encode()) for piece in passed)
    assert await native.is_whole()


@pytest.mark.parametrize("cut", [b"", b"event: x\ndata: {", b"event: x\ndata: {}\n"])
@pytest.mark.parametrize("api", ["messages", "responses"])
async def test_a_stream_that_breaks_off_ends_as_an_error(
    project: Path, api: str, cut: bytes
) -> None:
    """Whole events are passed on, then comes what the dialect says of failures; it is recorded."""
    half = b"".join(event(one, one["type"]) for one in SAID[api][:4])
    async with before(project, api, streams(half + cut)) as (http, _, settings):
        answer = await http.post(api, json=ASKS[api] | {"stream": True})
    assert answer.content.startswith(half)
    [last] = events.events_of(answer.content.removeprefix(half))
    assert last["type"] == {"messages": "error", "responses": "response.failed"}[api]
    error = last["error"] if api == "messages" else last["response"]["error"]
    assert "finish_reason" in error["message"]
    assert [call["success"] for call in attempts(settings)] == [False]


@pytest.mark.parametrize("api", ["messages", "responses"])
async def test_a_clouds_own_ending_is_the_last_word(project: Path, api: str) -> None:
    """Its error inside the stream, or a reply cut by its limit, named or not, stays as it is."""
    error = {"type": "overloaded_error", "message": "later"}
    begun = [event(one, one["type"]) for one in SAID[api][:2]]
    ends: dict[str, list[Json]] = {
        "messages": [
            {"type": "error", "error": error},
            {"type": "message_delta", "delta": {"stop_reason": "max_tokens"}},
        ],
        "responses": [
            {"type": "response.failed", "response": {"error": error}},
            {
                "type": "response.incomplete",
                "response": {"incomplete_details": {"reason": "max_output_tokens"}},
            },
        ],
    }
    stop = event({"type": "message_stop"}) if api == "messages" else b""
    failed, cut = ends[api]
    for ended in (event(failed, failed["type"]), event(cut) + stop):
        said = b"".join([*begun, ended])
        async with before(project, api, streams(said)) as (http, _, _):
            answer = await http.post(api, json=ASKS[api] | {"stream": True})
        assert answer.content == said


@pytest.mark.parametrize("api", ["messages", "responses"])
@pytest.mark.parametrize(
    ("kind", "body"), [("application/json", '{"id": "x", "con'), ("text/html", "<p>\n\nLog in")]
)
async def test_a_broken_document_is_an_error_with_its_status(
    project: Path, api: str, kind: str, body: str
) -> None:
    """Half a document, or some network's login page, never reaches the agent as a 200."""

    async def broken(_: Seen, writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(f"{head}{body}".encode())

    async with before(project, api, broken) as (http, _, _):
        answer = await http.post(api, json=ASKS[api])
    assert answer.status_code == 502
    assert answer.json()["error"]["message"]


async def test_a_local_models_thoughts_are_not_sent_to_a_cloud(project: Path) -> None:
    """It could not read them; a cloud's own, with its signature, go back to it."""
    own = {"type": "thinking", "thinking": "mine", "signature": "reflex:1"}
    theirs = {"type": "thinking", "thinking": "theirs", "signature": "S"}
    turn = {"role": "assistant", "content": [own, theirs, {"type": "text", "text": "a"}]}
    ours = {"type": "reasoning", "id": "rs_reflex1", "summary": []}
    sealed = {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "E"}
    async with before(project, "messages") as (http, cloud, _):
        await http.post("messages", json=ASKS["messages"] | {"messages": [*HI, turn, *HI]})
    assert cloud.seen[0].json["messages"][1]["content"] == turn["content"][1:]
    async with before(project, "responses") as (http, cloud, _):
        await http.post("responses", json={"input": [*HI, ours, sealed]})
    assert cloud.seen[0].json["input"] == [*HI, sealed]


async def test_the_key_is_sent_as_the_api_wants_it(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``x-api-key`` and a version for Messages; the agent's own key stays here."""
    monkeypatch.setenv("CLOUD_KEY", "k-1")
    cloud = Cloud(streams(stream_of("messages")))
    async with FaultServer(cloud) as server:
        trust.trust(server.endpoint)
        configured(project, server.endpoint, 'api = "messages"\napi_key_env = "CLOUD_KEY"\n')
        settings = load_settings(project / "stage0.toml")
        async with fronted(settings) as http:
            await http.post(CHAT, json=ASKS[CHAT], headers={"authorization": "Bearer own"})
    [sent] = cloud.seen
    assert (sent.headers["x-api-key"], "authorization" in sent.headers) == ("k-1", False)
    assert sent.headers["anthropic-version"]


@pytest.mark.parametrize(
    "endpoint", ["http://127.0.0.1:9/v1", "https://llm.example.com/v1", "https://api.openai.com/v1"]
)
def test_a_credential_goes_to_a_trusted_https_endpoint_only(project: Path, endpoint: str) -> None:
    """A project's file alone sends nobody's login anywhere."""
    settings = configured(project, endpoint, 'auth = "caller"\n')
    with pytest.raises(UntrustedEndpoint, match=r"stage0.toml:\d+: cloud.auth|not on this machine"):
        cloud_of(settings)
    trust.trust(endpoint)
    if endpoint.startswith("https"):
        assert (cloud_of(settings).auth, cloud_of(settings).api_key) == ("caller", None)
    else:
        with pytest.raises(UntrustedEndpoint):
            cloud_of(settings)


def test_whose_credential_is_sent() -> None:
    """The caller's to the cloud that is to have it, as its API wants it; to no local server."""
    asked = ChatRequest(HI, credential={"x-api-key": "s"})
    bearer = ChatRequest(HI, credential={"authorization": "Bearer s"})
    assert "'s'" not in repr(asked)

    def sent(request: ChatRequest, mode: Mode, api: str, auth: str) -> Json:
        return authentication(request, Backend("b", mode, "https://h/v1", "m", 1, "k", api, auth))

    assert sent(asked, Mode.REFLEX, "chat", "caller") == {}
    assert sent(asked, Mode.CLOUD, "chat", "key") == {"Authorization": "Bearer k"}
    assert sent(asked, Mode.CLOUD, "chat", "caller") == {"authorization": "Bearer s"}
    assert sent(bearer, Mode.CLOUD, "responses", "caller") == {"authorization": "Bearer s"}
    assert sent(asked, Mode.CLOUD, "messages", "caller")["x-api-key"] == "s"


async def test_a_local_server_is_asked_by_chat_all_the_same(project: Path) -> None:
    """With a cloud of the agent's dialect behind it, which takes over when it fails."""
    local = Cloud(whole({"error": {"message": "no"}}, 500))
    cloud = Cloud(streams(stream_of("messages")))
    async with FaultServer(local) as reflex, FaultServer(cloud) as server:
        settings = configured(
            project, server.endpoint, 'api = "messages"\n', reflex=reflex.endpoint
        )
        await promote(settings)
        async with fronted(settings) as http:
            answer = await http.post(
                "messages", json=ASKS["messages"] | {"stream": True}, headers={"x-api-key": "own"}
            )
    assert answer.content == stream_of("messages")
    assert {seen.path.rpartition("/v1")[2] for seen in local.seen} == {"/chat/completions"}
    assert not any({"x-api-key", "authorization"} & set(seen.headers) for seen in local.seen)
    assert json.dumps(HI[0]) in json.dumps(local.seen[0].json)
