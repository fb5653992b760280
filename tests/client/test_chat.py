"""What the client sends, and what it makes of sound replies."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any
from unittest.mock import AsyncMock

import httpx
import pytest

from core.client.backend import Backend, ChatRequest, Message
from core.client.chat import ChatClient
from core.client.faults import quoting
from core.client.request import Exchange
from core.client.wire import connect
from core.clock import SystemClock
from core.errors import BackendError, BadRequest, ConnectFailed, NotCompliant
from core.stages import Mode
from tests.support.behaviours import (
    DATA,
    DONE,
    GOOD,
    SCHEMA,
    Handler,
    Seen,
    completion,
    delta,
    event,
    said,
    streams,
    whole,
)
from tests.support.certificate import authority
from tests.support.faultserver import FaultServer
from tests.support.recorded import load

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

    from core.client.backend import Reply

HELLO: list[Message] = [{"role": "user", "content": "hello"}]


async def ask(behaviour: str | Handler, request: ChatRequest, **changes: Any) -> tuple[Reply, Seen]:
    """The reply of a server that behaves so, and the request that it saw."""
    async with FaultServer(behaviour) as server, ChatClient(server.backend(**changes)) as client:
        return await client.complete(request), server.chats[0]


async def test_plain_request() -> None:
    """A question without a schema is streamed, asks for usage, and names the backend's model."""
    reply, seen = await ask("good", ChatRequest(HELLO))
    assert seen.path == "/v1/chat/completions"
    assert seen.json == {
        "model": "test-model",
        "messages": HELLO,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert seen.headers["accept-encoding"] == "identity"
    assert (reply.text, reply.data, reply.finish_reason) == (GOOD, None, "stop")
    assert (reply.prompt_tokens, reply.completion_tokens, reply.cached_tokens) == (11, 7, 5)


@pytest.mark.parametrize(
    ("moment", "milliseconds"), [(9.5, 0.0), (10.0, 0.0), (10.25, 250.0), (None, None)]
)
def test_no_time_is_negative(moment: float | None, milliseconds: float | None) -> None:
    """What arrived, as it seems, before the request had left came at once."""
    backend = Backend("reflex", Mode.REFLEX, "http://127.0.0.1:9/v1", "m", 1000)
    attempt = Exchange(backend, AsyncMock(), SystemClock(), quoting(None))
    attempt.sent_at = 10.0
    assert attempt.since_sent_ms(moment) == milliseconds


async def test_a_request_counts_as_sent_before_its_answer_arrives() -> None:
    """Also when the system lets the server run while we still send."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        wire = await connect("127.0.0.1", listener.getsockname()[1], None, time.monotonic)
        theirs, _ = listener.accept()
        with theirs:
            began = time.monotonic()
            await wire.write(b"question")
            written = time.monotonic()
            theirs.sendall(theirs.recv(100))
            assert await wire.read() == b"question"
            assert began <= wire.sent_at <= written
            assert wire.sent_at <= wire.arrived_at
        wire.close()
        await asyncio.sleep(0)


async def test_all_fields_are_passed_on() -> None:
    """Sampling, limits, schema and further fields are sent; none can turn streaming off."""
    request = ChatRequest(
        HELLO,
        schema=SCHEMA,
        schema_name="edit",
        max_tokens=9,
        temperature=0.0,
        seed=7,
        extra={"stop": ["x"], "stream": False, "model": "other"},
    )
    reply, seen = await ask("good", request)
    sent = seen.json
    assert reply.data == DATA
    assert (sent["max_tokens"], sent["temperature"], sent["seed"]) == (9, 0.0, 7)
    assert (sent["stop"], sent["stream"], sent["model"]) == (["x"], True, "test-model")
    assert sent["response_format"]["json_schema"]["name"] == "edit"


async def test_unconstrained_request_is_still_validated() -> None:
    """With ``constrain`` off the schema is not sent, and the reply must meet it all the same."""
    reply, seen = await ask("good", ChatRequest(HELLO, schema=SCHEMA, constrain=False))
    assert "response_format" not in seen.json
    assert reply.data == DATA
    with pytest.raises(NotCompliant):
        await ask("text_violates", ChatRequest(HELLO, schema=SCHEMA, constrain=False))


async def test_openai_gets_its_own_field(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenAI's own host is sent max_completion_tokens: its newer models refuse max_tokens."""
    async with FaultServer("good") as proxy:
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.setenv("http_proxy", proxy.endpoint.removesuffix("/v1"))
        backend = proxy.backend(
            name="cloud", mode=Mode.CLOUD, endpoint="http://api.openai.com/v1", api_key="sk-1"
        )
        async with ChatClient(backend) as client:
            await client.complete(ChatRequest(HELLO, max_tokens=9))
        assert proxy.chats[0].json["max_completion_tokens"] == 9
        assert "max_tokens" not in proxy.chats[0].json


@pytest.mark.parametrize("form", ["streamed", "whole"])
async def test_tool_calls(form: str) -> None:
    """Tool calls are put together from their fragments, and need not meet the schema."""
    calls = [
        {"id": "a", "type": "function", "function": {"name": "run", "arguments": '{"x": 1}'}},
        {"id": "b", "type": "function", "function": {"name": "stop", "arguments": ""}},
    ]
    fragments: list[dict[str, Any]] = [
        {"index": 0, "id": "a", "function": {"name": "run", "arguments": '{"x"'}},
        {"index": 1, "id": "b", "function": {"name": "stop"}},
        {"index": 0, "function": {"arguments": ": 1}"}},
    ]
    streamed = streams(
        *(event(delta({"role": "assistant", "tool_calls": [part]})) for part in fragments),
        event(delta({}, "tool_calls")),
        DONE,
    )
    behaviour = (
        streamed if form == "streamed" else whole(completion(None, "tool_calls", tool_calls=calls))
    )
    tools = [{"type": "function", "function": {"name": name}} for name in ("run", "stop")]
    reply, _ = await ask(behaviour, ChatRequest(HELLO, schema=SCHEMA, extra={"tools": tools}))
    assert list(reply.tool_calls) == calls
    assert reply.data is None
    assert reply.ttft_ms is not None
    with pytest.raises(NotCompliant):
        await ask(behaviour, ChatRequest(HELLO, schema=SCHEMA))


async def test_whole_reply_to_a_stream_request() -> None:
    """A server that ignores ``stream`` is understood: its content has all come with its end."""
    reply, _ = await ask("good:whole", ChatRequest(HELLO, schema=SCHEMA))
    assert reply.data == DATA
    assert reply.ttft_ms == reply.first_chunk_ms == reply.latency_ms


async def test_reasoning_is_not_content() -> None:
    """Reasoning does not count as the first token, and alone it is no answer."""
    thought = event(delta({"reasoning_content": "hm", "content": None}))
    reply, _ = await ask(streams(thought, *said("yes")), ChatRequest(HELLO))
    assert reply.text == "yes"
    with pytest.raises(BackendError, match="only reasoning"):
        await ask(streams(thought, event(delta({}, "stop")), DONE), ChatRequest(HELLO))


async def test_further_candidates_are_left_out() -> None:
    """Of several choices the first is the answer."""
    other = delta({"content": "other"}, "stop")
    other["choices"][0]["index"] = 1
    reply, _ = await ask(streams(event(other), *said("first")), ChatRequest(HELLO))
    assert reply.text == "first"


@pytest.mark.parametrize(
    "request_",
    [
        ChatRequest([{"role": "user", "content": "\ud800"}]),
        ChatRequest([{"role": "user", "content": object()}]),
        ChatRequest(HELLO, temperature=float("nan")),
        ChatRequest(HELLO, schema={"type": "bogus"}),
    ],
)
async def test_request_that_cannot_be_sent(request_: ChatRequest) -> None:
    """What cannot be written as JSON, or is no schema, is refused before anything is sent."""
    async with FaultServer("good") as server, ChatClient(server.backend()) as client:
        with pytest.raises(BadRequest):
            await client.complete(request_)
        assert server.requests == []


async def test_unusable_endpoint() -> None:
    """An endpoint that is no URL is a failure to connect."""
    async with ChatClient(FaultServer().backend(endpoint="http://127.0.0.1:99999/v1")) as client:
        with pytest.raises(ConnectFailed):
            await client.complete(ChatRequest(HELLO))


async def test_many_calls_at_once() -> None:
    """Fifty calls at once over one client each get their own answer."""

    async def echo(seen: Seen, writer: asyncio.StreamWriter) -> None:
        await streams(*said(seen.json["messages"][0]["content"]))(seen, writer)

    async with FaultServer(echo) as server, ChatClient(server.backend()) as client:
        texts = [f"answer {number}" for number in range(50)]
        asked = [ChatRequest([{"role": "user", "content": text}]) for text in texts]
        replies = await asyncio.gather(*map(client.complete, asked))
        assert [reply.text for reply in replies] == texts


async def test_large_request() -> None:
    """A request larger than the socket's buffers arrives whole."""
    text = "é" * (3 << 20)
    _, seen = await ask("good", ChatRequest([{"role": "user", "content": text}]))
    assert seen.json["messages"][0]["content"] == text


async def test_over_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server with a trusted certificate is spoken to in TLS; with another it is not."""
    certificate, context = authority(tmp_path)
    async with FaultServer("good", tls=context) as server:
        backend = server.backend(endpoint=server.endpoint.replace("127.0.0.1", "localhost"))
        async with ChatClient(backend) as client:
            with pytest.raises(ConnectFailed) as caught:
                await client.complete(ChatRequest(HELLO))
            assert caught.value.kind == "tls"
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        async with ChatClient(backend) as client:
            for _ in range(2):
                assert (await client.complete(ChatRequest(HELLO))).text == GOOD
        assert [seen.nth for seen in server.chats] == [1, 2]


async def test_certificates_are_read_once_and_beside_the_event_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Reading them takes long: the loop goes on, and calls at once wait for one reading."""
    readers: list[int] = []
    create = httpx.create_ssl_context

    def recorded() -> ssl.SSLContext:
        readers.append(threading.get_ident())
        return create()

    monkeypatch.setattr(httpx, "create_ssl_context", recorded)
    backend = Backend("cloud", Mode.CLOUD, "https://127.0.0.1:9/v1", "m", 5000)
    async with ChatClient(backend) as client:
        await asyncio.gather(client.make_ready(), client.make_ready())
        with pytest.raises(ConnectFailed):
            await client.complete(ChatRequest(HELLO))
    assert len(readers) == 1
    assert readers[0] != threading.get_ident()


async def test_certificates_that_cannot_be_read_are_told_by_the_call(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Getting ready is quiet about them; the call is an error of ours."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    backend = Backend("cloud", Mode.CLOUD, "https://127.0.0.1:9/v1", "m", 5000)
    async with ChatClient(backend) as client:
        await client.make_ready()
        with pytest.raises(ConnectFailed):
            await client.complete(ChatRequest(HELLO))


def test_importing_is_cheap() -> None:
    """The client loads neither the validator nor the models of the evidence."""
    code = (
        "import sys, core.client.chat;"
        "print(*{'jsonschema', 'pydantic', 'textual'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == ""


async def test_a_refused_schema_is_sent_plainly_from_then_on() -> None:
    """A grammar backend that knows fewer keywords still holds the structure."""
    named: Any = SCHEMA["properties"]
    schema = {**SCHEMA, "properties": {**named, "s": {"type": "string", "maxLength": 9}}}
    refusal = load("vllm-0.32.0/unsupported_keyword").handler()

    async def outlines(seen: Seen, writer: asyncio.StreamWriter) -> None:
        sent = json.dumps(seen.json["response_format"])
        await (refusal if "maxLength" in sent else streams(*said(GOOD)))(seen, writer)

    async with FaultServer(outlines) as server, ChatClient(server.backend()) as client:
        for _ in range(2):
            reply = await client.complete(ChatRequest(HELLO, schema=schema))
            assert reply.data == DATA
        assert len(server.chats) == 3
