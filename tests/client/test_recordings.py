"""Replies of real SGLang and vLLM servers: what the client makes of each, however they are cut."""

from __future__ import annotations

import json
import os

import pytest

from core.client.backend import Reply
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
    MalformedRequest,
    Misconfigured,
    OnlyReasoning,
    StatusError,
    TooLong,
    UnparsedCall,
)
from tests.support.faultserver import FaultServer
from tests.support.recorded import Recording, load, names

# What each recorded chat is to who asked it: the class, its finish_reason or status, and what it
# says: the beginning of its text, the tools it calls, or words of the error's message.
CHATS: dict[str, tuple[type, object, str]] = {
    "sglang-0.5.23-qwen3/chat": (OnlyReasoning, None, "only reasoning"),
    "sglang-0.5.23-qwen3/reasoning_stream": (Reply, "stop", "\n\nYes, it is."),
    "sglang-0.5.23-qwen3/stream_schema_usage": (OnlyReasoning, None, "only reasoning"),
    "sglang-0.5.23-qwen3/tool_auto_stream": (Reply, "tool_calls", "get_weather"),
    "sglang-0.5.23/bad_schema": (MalformedRequest, 400, "not usable"),
    "sglang-0.5.23/burst_0_n": (CutReply, "length", ""),
    "sglang-0.5.23/burst_1_s": (CutReply, "length", ""),
    "sglang-0.5.23/burst_2_n": (CutReply, "length", ""),
    "sglang-0.5.23/burst_4_n": (Busy, 503, "queue is full"),
    "sglang-0.5.23/burst_5_s": (Busy, 503, "queue is full"),
    "sglang-0.5.23/burst_6_n": (Busy, 503, "queue is full"),
    "sglang-0.5.23/burst_7_s": (Busy, 503, "queue is full"),
    "sglang-0.5.23/chat": (CutReply, "length", ""),
    "sglang-0.5.23/chat_repeat_cached": (CutReply, "length", ""),
    "sglang-0.5.23/chat_schema": (CutReply, "length", ""),
    "sglang-0.5.23/length_stream": (CutReply, "length", ""),
    "sglang-0.5.23/malformed": (BadRequest, 400, "validation error"),
    "sglang-0.5.23/no_auth": (Misconfigured, 401, "Unauthorized"),
    "sglang-0.5.23/reasoning_stream": (Reply, "stop", "<think>\nSeven has no d"),
    "sglang-0.5.23/stream": (CutReply, "length", ""),
    "sglang-0.5.23/stream_max_tokens_over": (BadRequest, 400, "too large"),
    "sglang-0.5.23/stream_schema_usage": (CutReply, "length", ""),
    "sglang-0.5.23/stream_too_long": (TooLong, 400, "longer than the model"),
    "sglang-0.5.23/too_long": (TooLong, 400, "longer than the model"),
    "sglang-0.5.23/tool_auto": (Reply, "tool_calls", "get_weather"),
    "sglang-0.5.23/tool_auto_schema_stream": (Reply, "stop", '{"line": 31, "text": "'),
    "sglang-0.5.23/tool_auto_stream": (Reply, "tool_calls", "get_weather"),
    "sglang-0.5.23/tool_named": (CutReply, "length", ""),
    "sglang-0.5.23/tool_named_stream": (CutReply, "length", ""),
    "sglang-0.5.23/tool_no_parser_auto": (UnparsedCall, None, "did not parse"),
    "sglang-0.5.23/tool_no_parser_auto_body": (UnparsedCall, None, "did not parse"),
    "sglang-0.5.23/tool_no_parser_named": (UnparsedCall, None, "did not parse"),
    "sglang-0.5.23/tool_no_parser_required": (UnparsedCall, None, "did not parse"),
    "sglang-0.5.23/tool_no_parser_required_stream": (UnparsedCall, None, "did not parse"),
    "sglang-0.5.23/tool_none_text_stream": (Reply, "stop", "Hello there, friend."),
    "sglang-0.5.23/tool_required": (CutReply, "length", ""),
    "sglang-0.5.23/tool_required_stream": (CutReply, "length", ""),
    "sglang-0.5.23/tool_two": (Reply, "tool_calls", "get_time+get_weather"),
    "sglang-0.5.23/unsupported_keyword": (BadRequest, 400, "uniqueItems"),
    "sglang-0.5.23/wrong_model": (CutReply, "length", ""),
    "sglang-router-0.3.2/bad_schema": (MalformedRequest, 400, "not usable"),
    "sglang-router-0.3.2/chat": (OnlyReasoning, None, "only reasoning"),
    "sglang-router-0.3.2/stream_schema_usage": (BadRequest, 400, "Grammar compilation"),
    "sglang-router-0.3.2/stream_too_long": (TooLong, 400, "longer than the model"),
    "sglang-router-0.3.2/too_long": (TooLong, 400, "longer than the model"),
    "sglang-router-0.3.2/tool_auto_stream": (Reply, "tool_calls", "get_weather"),
    "vllm-0.32.0-ngram-qwen3/chat": (OnlyReasoning, None, "only reasoning"),
    "vllm-0.32.0-ngram-qwen3/chat_schema": (OnlyReasoning, None, "only reasoning"),
    "vllm-0.32.0-ngram-qwen3/reasoning_stream": (Reply, "stop", "\n\nYes, it is."),
    "vllm-0.32.0-ngram-qwen3/stream": (OnlyReasoning, None, "only reasoning"),
    "vllm-0.32.0-ngram-qwen3/tool_auto_stream": (Reply, "tool_calls", "get_weather"),
    "vllm-0.32.0-ngram-qwen3/tool_named_stream": (OnlyReasoning, None, "only reasoning"),
    "vllm-0.32.0/bad_schema": (MalformedRequest, 400, "not usable"),
    "vllm-0.32.0/burst_0_n": (CutReply, "length", ""),
    "vllm-0.32.0/burst_1_s": (CutReply, "length", ""),
    "vllm-0.32.0/burst_2_n": (Busy, 503, "currently busy"),
    "vllm-0.32.0/burst_4_n": (Busy, 503, "currently busy"),
    "vllm-0.32.0/burst_5_s": (Busy, 503, "currently busy"),
    "vllm-0.32.0/burst_6_n": (Busy, 503, "currently busy"),
    "vllm-0.32.0/burst_7_s": (Busy, 503, "currently busy"),
    "vllm-0.32.0/chat": (CutReply, "length", ""),
    "vllm-0.32.0/chat_repeat_cached": (Reply, "stop", '{"path":"calc.py","n":'),
    "vllm-0.32.0/chat_schema": (Reply, "stop", '{"path":"calc.py","n":'),
    "vllm-0.32.0/length_stream": (CutReply, "length", ""),
    "vllm-0.32.0/malformed": (BadRequest, 400, "validation error"),
    "vllm-0.32.0/no_auth": (Misconfigured, 401, "Unauthorized"),
    "vllm-0.32.0/reasoning_stream": (Reply, "stop", "<think>\nSeven has no d"),
    "vllm-0.32.0/stream": (CutReply, "length", ""),
    "vllm-0.32.0/stream_max_tokens_over": (BadRequest, 400, "cannot be greater"),
    "vllm-0.32.0/stream_schema_usage": (Reply, "stop", '{"path":"calc.py","n":'),
    "vllm-0.32.0/stream_too_long": (TooLong, 400, "maximum context"),
    "vllm-0.32.0/too_long": (TooLong, 400, "maximum context"),
    "vllm-0.32.0/tool_auto": (Reply, "tool_calls", "get_weather"),
    "vllm-0.32.0/tool_auto_schema_stream": (Reply, "stop", '{"line":1,"text":"abc"'),
    "vllm-0.32.0/tool_auto_stream": (Reply, "tool_calls", "get_weather"),
    "vllm-0.32.0/tool_named": (Reply, "stop", "get_weather"),
    "vllm-0.32.0/tool_named_stream": (Reply, "stop", "get_weather"),
    "vllm-0.32.0/tool_no_parser_auto": (BadRequest, 400, "tool choice requires"),
    "vllm-0.32.0/tool_no_parser_none": (Reply, "stop", '<tool_call>\n{"name": "'),
    "vllm-0.32.0/tool_no_parser_required": (BadRequest, 400, "requires --tool-call-parser"),
    "vllm-0.32.0/tool_none_text_stream": (Reply, "stop", "Hello there, friend."),
    "vllm-0.32.0/tool_required": (Reply, "tool_calls", "get_weather"),
    "vllm-0.32.0/tool_required_stream": (Reply, "tool_calls", "get_weather"),
    "vllm-0.32.0/tool_two": (Reply, "tool_calls", "get_time+get_weather"),
    "vllm-0.32.0/unsupported_keyword": (BadRequest, 400, "not supported by xgrammar"),
    "vllm-0.32.0/wrong_model": (Misconfigured, 404, "does not exist"),
    "vllm-router-0.1.17/bad_schema": (MalformedRequest, 400, "not usable"),
    "vllm-router-0.1.17/chat": (Reply, "stop", "Hello there, friend."),
    "vllm-router-0.1.17/stream_schema_usage": (Reply, "stop", '{"line":1,"text":"abc"'),
    "vllm-router-0.1.17/stream_too_long": (TooLong, 400, "maximum context"),
    "vllm-router-0.1.17/too_long": (TooLong, 400, "maximum context"),
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
STREAMS = [name for name in names() if load(name).status == 200 and load(name).streamed]
_SHORT = 3 << 10  # longer streams say the same over and over; their two ends are cut
_END = 256
_STEP = 1 if os.environ.get("REFLEX_TORTURE") else 11


def cuts(body: bytes) -> list[int]:
    """Where to cut: about every line's end, inside every character of several bytes, and a sample.

    With the torture it is everywhere.
    """
    ends = {at + by for at, byte in enumerate(body) if byte in b"\r\n" for by in (0, 1, 2)}
    inside = {at for at, byte in enumerate(body) if byte >= 0x80}
    return sorted(at for at in ends | inside | {*range(0, len(body), _STEP)} if at < len(body))


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


def story(recording: Recording, *pieces: bytes) -> tuple[object, ...]:
    """All that a reply of these pieces says, an error inside it too."""
    try:
        assembly = assembled(recording, *pieces)
    except BackendError as error:
        return type(error), error.message
    return (
        assembly.text,
        assembly.tool_calls,
        assembly.fields,
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
    async with (
        FaultServer(load(name).handler()) as server,
        ChatClient(server.backend()) as client,
    ):
        try:
            ended: object = await client.complete(load(name).question())
        except BackendError as error:
            ended = error
    assert type(ended) is kind
    if isinstance(ended, StatusError):
        assert ended.status == detail
    if isinstance(ended, CutReply):
        assert ended.finish_reason == detail
    if isinstance(ended, BackendError):
        assert words in ended.message
        assert words or isinstance(ended, CutReply)
    if isinstance(ended, Reply):
        assert ended.finish_reason == detail
        called = [call["function"]["name"] for call in ended.tool_calls]
        assert (ended.text or "+".join(called)).startswith(words)
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
    assert story(recording, *single) == story(recording, recording.body)


@pytest.mark.parametrize("name", STREAMS)
def test_split_anywhere(name: str) -> None:
    """Cut in two anywhere, a stream has the same events."""
    body = load(name).body

    def events(*pieces: bytes) -> list[SSEEvent]:
        decoder = SSEDecoder()
        return [event for piece in pieces for event in decoder.feed(piece)] + decoder.close()

    expected = events(body)
    assert expected == events(*(body[at : at + 1] for at in range(len(body))))
    assert expected[-1][1] == "[DONE]" or "chat" not in load(name).path
    places = cuts(body)
    if len(body) > _SHORT:
        places = [at for at in places if at < _END or at >= len(body) - _END]
    for at in places:
        assert events(body[:at], body[at:]) == expected


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("vllm-0.32.0/stream_schema_usage", "stop"),
        ("vllm-0.32.0/tool_auto_stream", "tool_calls"),
        ("sglang-0.5.23/tool_auto_stream", "tool_calls"),
    ],
)
def test_ended_anywhere(name: str, reason: str) -> None:
    """A stream that ends early is incomplete, or all there once its finish_reason has come."""
    recording = load(name)
    finish = recording.body.index(f'"finish_reason":"{reason}"'.encode())
    finished = recording.body.index(b"\n", finish)

    def verdict(body: bytes) -> object:
        assembly = assembled(recording, body)
        try:
            assembly.judge()
        except BackendError as error:
            return type(error)
        return assembly.text, assembly.tool_calls

    said = assembled(recording, recording.body)
    whole = (said.text, said.tool_calls)
    for at in cuts(recording.body):
        expected = whole if at >= finished else IncompleteReply
        assert verdict(recording.body[:at]) == expected


def test_arrival_times() -> None:
    """The role chunk counts as the first chunk, the first text as the first content."""
    recording = load("vllm-0.32.0/stream_schema_usage")
    pieces = recording.body.split(b"\n\n")
    assembly = assembled(recording, *(piece + b"\n\n" for piece in pieces))
    assert (assembly.first_chunk_at, assembly.first_content_at) == (0.0, 1.0)


@pytest.mark.parametrize("engine", ["sglang-0.5.23", "vllm-0.32.0"])
def test_a_call_begins_with_its_first_argument(engine: str) -> None:
    """The chunk that only names the tool is not the first token; the next one is."""
    recording = load(f"{engine}/tool_auto_stream")
    events = recording.body.split(b"\n\n")
    argued = next(at for at, event in enumerate(events) if rb'"arguments":"{' in event)
    assembly = assembled(recording, *(event + b"\n\n" for event in events))
    assert (assembly.first_chunk_at, assembly.first_content_at) == (0.0, float(argued))
    assert argued > 1
