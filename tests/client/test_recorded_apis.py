"""Replies of real servers in the two other APIs, as a cloud that speaks them is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from core.client.apis import api_of
from core.client.backend import ChatRequest, Reply
from core.client.body import BodyReader
from core.client.chat import ChatClient
from core.client.faults import quoting
from core.client.replies import Assembly
from core.errors import BackendError, BadRequest, Misconfigured, OnlyReasoning, TooLong
from core.stages import Mode
from tests.support.behaviours import whole
from tests.support.faultserver import FaultServer
from tests.support.recorded import Recording, load, names

if TYPE_CHECKING:
    import asyncio

    from core.client.backend import Backend
    from tests.support.behaviours import Seen

HELLO = "Hello there, friend."
# By recording: what it ends in; the finish reason and the text or call, or the error's words.
APIS: dict[str, tuple[type, str, str]] = {
    "sglang-0.5.23-qwen3/messages_stream": (OnlyReasoning, "", "only reasoning"),
    "sglang-0.5.23-qwen3/responses_stream": (OnlyReasoning, "", "only reasoning"),
    "sglang-0.5.23/messages": (Reply, "stop", HELLO),
    "sglang-0.5.23/messages_stream": (Reply, "stop", HELLO),
    "sglang-0.5.23/messages_too_long": (TooLong, "", "longer than the model"),
    "sglang-0.5.23/responses": (Reply, "stop", HELLO),
    "sglang-0.5.23/responses_schema": (Reply, "stop", '{"line": 31, "text": "'),
    "sglang-0.5.23/responses_stream": (Reply, "stop", HELLO),
    "sglang-0.5.23/responses_tool_stream": (Reply, "tool_calls", "get_weather"),
    "sglang-router-0.3.2/messages": (Misconfigured, "", "answered 404"),
    "sglang-router-0.3.2/responses": (BadRequest, "", "valid boolean"),
    "vllm-0.32.0-ngram-qwen3/messages_stream": (OnlyReasoning, "", "only reasoning"),
    "vllm-0.32.0-ngram-qwen3/responses_stream": (OnlyReasoning, "", "only reasoning"),
    "vllm-0.32.0/auth_x_api_key_messages": (Misconfigured, "", "Unauthorized"),
    "vllm-0.32.0/messages": (Reply, "stop", HELLO),
    "vllm-0.32.0/messages_stream": (Reply, "stop", HELLO),
    "vllm-0.32.0/messages_too_long": (TooLong, "", "input prompt"),
    "vllm-0.32.0/no_auth_messages": (Misconfigured, "", "Unauthorized"),
    "vllm-0.32.0/no_auth_responses": (Misconfigured, "", "Unauthorized"),
    "vllm-0.32.0/responses": (Reply, "stop", HELLO),
    "vllm-0.32.0/responses_schema": (Reply, "stop", '{"line":1,"text":"abc"'),
    "vllm-0.32.0/responses_stream": (Reply, "stop", HELLO),
    "vllm-0.32.0/responses_tool_stream": (Reply, "tool_calls", "get_weather"),
    "vllm-router-0.1.17/messages": (Reply, "stop", HELLO),
    "vllm-router-0.1.17/responses": (Reply, "stop", HELLO),
}
STREAMS = [name for name in APIS if load(name).status == 200 and load(name).streamed]


def cloud(server: FaultServer, recording: Recording) -> Backend:
    """A cloud that speaks the recording's API."""
    api = recording.path.partition("?")[0].rpartition("/")[2]
    return server.backend(name="cloud", mode=Mode.CLOUD, api=api)


def question(recording: Recording) -> ChatRequest:
    """What was asked, as chat has it."""
    tools = [
        {"type": "function", "function": {"name": one["name"], "parameters": one["parameters"]}}
        for one in (recording.sent or {}).get("tools", ())
    ]
    return ChatRequest([{"role": "user", "content": "hi"}], extra={"tools": tools} if tools else {})


def test_every_recording_of_them_is_expected() -> None:
    """No recording is left out."""
    paths = ("/v1/responses", "/v1/messages")
    recorded = [name for name in names() if load(name).path.partition("?")[0] in paths]
    assert sorted(APIS) == recorded


@pytest.mark.parametrize("name", APIS)
async def test_replayed_whole(name: str) -> None:
    """Each ends in its own error or reply, told by the same words as chat's."""
    kind, finish, words = APIS[name]
    recording = load(name)
    async with FaultServer(recording.handler()) as server:
        async with ChatClient(cloud(server, recording)) as client:
            try:
                ended: object = await client.complete(question(recording))
            except BackendError as error:
                ended = error
        assert len(server.chats) <= 2  # once more, where an option of ours was refused
    assert type(ended) is kind
    if isinstance(ended, Reply):
        called = [call["function"]["name"] for call in ended.tool_calls]
        assert (ended.finish_reason, (ended.text or "+".join(called))[: len(words)]) == (
            finish,
            words,
        )
        assert ended.prompt_tokens
        assert ended.completion_tokens
    else:
        assert isinstance(ended, BackendError)
        assert words in ended.message


@pytest.mark.parametrize("name", STREAMS)
def test_byte_by_byte(name: str) -> None:
    """A stream that comes in single bytes says the same as one that comes whole."""
    recording = load(name)

    def told(*pieces: bytes) -> tuple[object, ...]:
        backend = cloud(FaultServer(), recording)
        said = Assembly(backend, quoting(None), api=api_of(backend))
        reader = BodyReader(recording.headers["content-type"], said)
        for at, piece in enumerate(pieces):
            reader.feed(piece, float(at))
        reader.end()
        return said.text, said.tool_calls, said.fields, said.finish_reason, said.completion_tokens

    body = recording.body
    assert told(*(body[at : at + 1] for at in range(len(body)))) == told(body)
    assert told(body)[3] in {"stop", "tool_calls", "length"}


@pytest.mark.parametrize("option", ["temperature", "stream"])
@pytest.mark.parametrize("api", ["responses", "messages"])
async def test_an_option_that_is_refused_is_sent_no_more(api: str, option: str) -> None:
    """The cloud is asked once more without it, and not again and again with it."""
    good = load(f"vllm-0.32.0/{api}").handler()
    refusal = whole({"error": {"message": f"{option} is not supported", "param": option}}, 400)

    async def picky(seen: Seen, writer: asyncio.StreamWriter) -> None:
        await (refusal if seen.json.get(option) else good)(seen, writer)

    request = ChatRequest([{"role": "user", "content": "hi"}], temperature=0.5)
    for handler, asked in ((picky, 2), (refusal, 2)):
        async with FaultServer(handler) as server:
            backend = server.backend(name="cloud", mode=Mode.CLOUD, api=api)
            async with ChatClient(backend) as client:
                try:
                    ended: Any = await client.complete(request)
                except BackendError as error:
                    ended = error
            assert len(server.chats) == asked
            assert type(ended) is (Reply if handler is picky else BadRequest)
