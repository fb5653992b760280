"""Replies of real SGLang and vLLM servers: what the client makes of each, however they are cut."""

from __future__ import annotations

import json

import pytest

from core.client.backend import ChatRequest, Reply
from core.client.body import BodyReader, SSEDecoder, SSEEvent
from core.client.chat import ChatClient
from core.client.faults import quoting
from core.client.replies import Assembly
from core.errors import (
    BackendError,
    BadRequest,
    Busy,
    CutReply,
    IncompleteReply,
    Misconfigured,
    StatusError,
)
from tests.support.faultserver import FaultServer
from tests.support.recorded import Recording, load, names

SCHEMA = {
    "type": "object",
    "properties": {
        "path": {"type": "string", "enum": ["calc.py"]},
        "n": {"type": "integer", "minimum": 1, "maximum": 5},
    },
    "required": ["path", "n"],
    "additionalProperties": False,
}
# What each recorded chat is: the class, and the finish_reason or status, and words of its message.
CHATS: dict[str, tuple[type, object, str]] = {
    "sglang-0.5.23/bad_schema": (BadRequest, 400, "Unsupported type"),
    "sglang-0.5.23/burst_2_n": (CutReply, "length", ""),
    "sglang-0.5.23/chat": (CutReply, "length", ""),
    "sglang-0.5.23/chat_repeat_cached": (CutReply, "length", ""),
    "sglang-0.5.23/chat_schema": (CutReply, "length", ""),
    "sglang-0.5.23/malformed": (BadRequest, 400, "validation error"),
    "sglang-0.5.23/no_auth": (Misconfigured, 401, "Unauthorized"),
    "sglang-0.5.23/stream": (CutReply, "length", ""),
    "sglang-0.5.23/stream_schema_usage": (CutReply, "length", ""),
    "sglang-0.5.23/stream_too_long": (BadRequest, 400, "longer than the model's context"),
    "sglang-0.5.23/too_long": (BadRequest, 400, "longer than the model's context"),
    "sglang-0.5.23/unsupported_keyword": (BadRequest, 400, "uniqueItems"),
    "sglang-0.5.23/wrong_model": (CutReply, "length", ""),
    "vllm-0.32.0/bad_schema": (BadRequest, 400, "Unsupported type"),
    "vllm-0.32.0/burst_2_n": (Busy, 503, "currently busy"),
    "vllm-0.32.0/chat": (CutReply, "length", ""),
    "vllm-0.32.0/chat_repeat_cached": (Reply, "stop", ""),
    "vllm-0.32.0/chat_schema": (Reply, "stop", ""),
    "vllm-0.32.0/malformed": (BadRequest, 400, "validation error"),
    "vllm-0.32.0/no_auth": (Misconfigured, 401, "Unauthorized"),
    "vllm-0.32.0/stream": (CutReply, "length", ""),
    "vllm-0.32.0/stream_schema_usage": (Reply, "stop", ""),
    "vllm-0.32.0/stream_too_long": (BadRequest, 400, "maximum context length"),
    "vllm-0.32.0/too_long": (BadRequest, 400, "maximum context length"),
    "vllm-0.32.0/unsupported_keyword": (BadRequest, 400, "not supported by xgrammar"),
    "vllm-0.32.0/wrong_model": (Misconfigured, 404, "does not exist"),
}
# prompt, completion and cached tokens, as the server counted them.
COUNTS = {
    "sglang-0.5.23/chat": (25, 40, 0),
    "sglang-0.5.23/chat_repeat_cached": (25, 40, 24),
    "sglang-0.5.23/stream": (None, None, None),
    "sglang-0.5.23/stream_schema_usage": (25, 40, 24),
    "vllm-0.32.0/chat_schema": (25, 25, 0),
    "vllm-0.32.0/stream": (None, None, None),
    "vllm-0.32.0/stream_schema_usage": (25, 25, 0),
}
BODIES = [name for name in CHATS if load(name).status == 200]
STREAMS = [name for name in BODIES if load(name).streamed]


def assembled(recording: Recording, *pieces: bytes) -> Assembly:
    """The reply put together from ``pieces`` of the recording's body, one a second."""
    backend = FaultServer().backend()
    assembly = Assembly(backend, quoting(None))
    reader = BodyReader(recording.headers["content-type"], assembly)
    for at, piece in enumerate(pieces):
        reader.feed(piece, float(at))
    reader.end()
    if reader.whole is not None:
        assembly.body(json.loads(reader.whole), float(len(pieces) - 1))
    return assembly


def story(assembly: Assembly) -> tuple[object, ...]:
    """All that an assembled reply says."""
    return (
        assembly.text,
        assembly.finish_reason,
        assembly.model,
        assembly.prompt_tokens,
        assembly.completion_tokens,
        assembly.cached_tokens,
    )


def test_every_recorded_chat_is_expected() -> None:
    """No recording is left out."""
    recorded = [name for name in names() if load(name).path.endswith("/chat/completions")]
    assert sorted(CHATS) == recorded


@pytest.mark.parametrize("name", CHATS)
async def test_replayed_whole(name: str) -> None:
    """Replayed by a server, each recording ends in its own error or reply."""
    kind, detail, words = CHATS[name]
    ask = ChatRequest([{"role": "user", "content": "Say hi"}], schema=SCHEMA)
    async with (
        FaultServer(load(name).handler()) as server,
        ChatClient(server.backend()) as client,
    ):
        try:
            ended: object = await client.complete(ask)
        except BackendError as error:
            ended = error
    assert type(ended) is kind
    if isinstance(ended, StatusError):
        assert ended.status == detail
        assert words in ended.message
    if isinstance(ended, CutReply):
        assert ended.finish_reason == detail
    if isinstance(ended, Reply):
        assert ended.finish_reason == detail
        assert ended.data == {"path": "calc.py", "n": 1}
        assert ended.model == "tiny-llama"
        assert ended.ttft_ms is not None
        assert ended.first_chunk_ms is not None
        assert 0 < ended.first_chunk_ms <= ended.ttft_ms <= ended.latency_ms


@pytest.mark.parametrize("name", COUNTS)
def test_counts(name: str) -> None:
    """Token counts are the server's, and unknown where it was not asked for them."""
    recording = load(name)
    assembly = assembled(recording, recording.body)
    counts = (assembly.prompt_tokens, assembly.completion_tokens, assembly.cached_tokens)
    assert counts == COUNTS[name]


@pytest.mark.parametrize("name", BODIES)
def test_byte_by_byte(name: str) -> None:
    """A reply that comes in single bytes says the same as one that comes whole."""
    recording = load(name)
    single = [recording.body[at : at + 1] for at in range(len(recording.body))]
    assert story(assembled(recording, *single)) == story(assembled(recording, recording.body))


@pytest.mark.parametrize("name", STREAMS)
def test_split_at_every_byte(name: str) -> None:
    """Cut in two at any byte, a stream has the same events."""
    body = load(name).body

    def events(*pieces: bytes) -> list[SSEEvent]:
        decoder = SSEDecoder()
        return [event for piece in pieces for event in decoder.feed(piece)] + decoder.close()

    expected = events(body)
    assert expected[-1].data == "[DONE]"
    for at in range(len(body)):
        assert events(body[:at], body[at:]) == expected


@pytest.mark.parametrize("name", ["vllm-0.32.0/stream_schema_usage"])
def test_ended_at_every_byte(name: str) -> None:
    """A stream that ends early is incomplete, or all there once its finish_reason has come."""
    recording = load(name)
    finish = recording.body.index(b'"finish_reason":"stop"')
    finished = recording.body.index(b"\n", finish)

    def verdict(body: bytes) -> object:
        assembly = assembled(recording, body)
        try:
            assembly.judge()
        except BackendError as error:
            return type(error)
        return assembly.text

    whole = assembled(recording, recording.body).text
    for at in range(len(recording.body)):
        expected = whole if at >= finished else IncompleteReply
        assert verdict(recording.body[:at]) == expected


def test_arrival_times() -> None:
    """The role chunk counts as the first chunk, the first text as the first content."""
    recording = load("vllm-0.32.0/stream_schema_usage")
    pieces = recording.body.split(b"\n\n")
    assembly = assembled(recording, *(piece + b"\n\n" for piece in pieces))
    assert (assembly.first_chunk_at, assembly.first_content_at) == (0.0, 1.0)
