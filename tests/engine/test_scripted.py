"""The stand-in over real sockets: what it serves, how it paces, and each way of being ill."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
import jsonschema
import pytest

from core.engine.faults import KINDS, parse_faults
from core.engine.scripted import Script, ScriptedServer, start_scripted
from core.errors import EngineError
from tests.engine.processes import eventually, listening, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SCHEMA = {
    "type": "object",
    "properties": {
        "path": {"type": "string", "pattern": "^[a-z]+\\.py$", "minLength": 12},
        "line": {"type": "integer", "minimum": 1},
    },
    "required": ["path", "line"],
    "additionalProperties": False,
}
FORM = {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA}}


def body(**more: Any) -> dict[str, Any]:
    """A chat completion request's body with the schema above."""
    question = {"role": "user", "content": "Where is the mistake?"}
    return {"model": "scripted-cloud", "messages": [question], "response_format": FORM, **more}


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """A client that keeps its connections."""
    async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
        yield client


async def chat(client: httpx.AsyncClient, server: ScriptedServer, **more: Any) -> httpx.Response:
    """One chat completion, read to its end."""
    return await client.post(f"{server.endpoint}/chat/completions", json=body(**more))


def events(response: httpx.Response) -> list[Any]:
    """A stream's data, parsed; the end mark as it is."""
    assert response.headers["content-type"].startswith("text/event-stream")
    data = [line.removeprefix("data: ") for line in response.text.splitlines() if line]
    return [item if item == "[DONE]" else json.loads(item) for item in data]


def content(chunks: list[Any]) -> str:
    """The text of a stream's chunks."""
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks if chunk.get("choices")]
    return "".join(delta.get("content", "") for delta in deltas)


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
        ({"n": 2}, 400, "n must be 1"),
        ({"n": []}, 400, "n must be 1"),
        ({"max_tokens": 0}, 400, "max_tokens"),
        ({"response_format": {"type": "json_schema"}}, 400, "response_format"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": 5}}}},
            400,
            "not a JSON schema",
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


RAISES: dict[str, type[Exception]] = {
    "reset": httpx.ReadError,
    "hang": httpx.ReadTimeout,
    "cut": httpx.RemoteProtocolError,
}
"""The faults that a client meets as an exception."""


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("kind", list(KINDS))
async def test_each_fault_shows_on_the_wire(
    scripted: ScriptedServer, client: httpx.AsyncClient, kind: str, *, stream: bool
) -> None:
    """Every kind does what its description says, and the next request is well again."""
    await chat(client, scripted)
    scripted.script = replace(scripted.script, faults=parse_faults(kind))
    if kind in RAISES:
        with pytest.raises(RAISES[kind]):
            await client.post(
                f"{scripted.endpoint}/chat/completions", json=body(stream=stream), timeout=0.3
            )
    else:
        shows(kind, await chat(client, scripted, stream=stream), stream=stream)
    assert scripted.faults == {kind: 1}
    scripted.script = replace(scripted.script, faults=())
    again = await chat(client, scripted)
    jsonschema.validate(json.loads(again.json()["choices"][0]["message"]["content"]), SCHEMA)


def shows(kind: str, response: httpx.Response, *, stream: bool) -> None:
    """Assert that an answer has the fault."""
    if kind == "status":
        assert response.status_code == 500
        assert response.json()["error"]["code"] == 500
        return
    assert response.status_code == 200
    if kind == "html":
        assert response.text.startswith("<!doctype html>")
    elif kind == "badchunk":
        with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
            _ = events(response) if stream else response.json()
    elif kind == "error":
        *_, failed = events(response)[:-1] if stream else [response.json()]
        assert failed["error"]["code"] == 503
    else:
        text, finish = said(response, stream=stream)
        if kind == "length":
            assert finish == "length"
            assert 0 < len(text) < 20
        elif kind == "offschema":
            with pytest.raises(jsonschema.ValidationError):
                jsonschema.validate(json.loads(text), SCHEMA)
        elif kind == "badjson":
            assert text.startswith("Sure!")
            assert text.endswith("```")
        else:
            assert kind == "slow"
            jsonschema.validate(json.loads(text), SCHEMA)


def said(response: httpx.Response, *, stream: bool) -> tuple[str, str]:
    """An answer's text and finish reason."""
    if not stream:
        (choice,) = response.json()["choices"]
        return choice["message"]["content"], choice["finish_reason"]
    *chunks, _ = events(response)
    return content(chunks), chunks[-1]["choices"][0]["finish_reason"]


async def test_too_many_requests_says_when_to_come_back(
    scripted: ScriptedServer, client: httpx.AsyncClient
) -> None:
    """429 carries Retry-After."""
    scripted.script = replace(scripted.script, faults=parse_faults("status:429"))
    response = await chat(client, scripted)
    assert (response.status_code, response.headers["retry-after"]) == (429, "1")


async def test_faults_fall_the_same_way_for_the_same_seed(client: httpx.AsyncClient) -> None:
    """Two servers with one seed err at the same requests, another seed elsewhere."""
    runs = []
    for seed in (1, 1, 2):
        script = Script(ttft_ms=0, tokens_per_s=0, faults=parse_faults("status@0.5"), seed=seed)
        async with ScriptedServer(script) as server:
            runs.append([(await chat(client, server)).status_code for _ in range(30)])
    assert runs[0] == runs[1] != runs[2]
    assert set(runs[0]) == {200, 500}


async def test_it_can_be_made_ill_and_well_while_it_runs(
    scripted: ScriptedServer, client: httpx.AsyncClient
) -> None:
    """``POST /__scripted`` changes the script and tells the state; a mistake changes nothing."""
    control = f"{scripted.endpoint.removesuffix('/v1')}/__scripted"
    told = (await client.post(control, json={"faults": "status:503", "ttft_ms": 1})).json()
    assert (told["faults"], told["ttft_ms"], told["requests"]) == ("status:503", 1, 0)
    assert (await chat(client, scripted)).status_code == 503
    wrong = await client.post(control, json={"faults": "", "tttf_ms": 1})
    assert wrong.status_code == 400
    assert "tttf_ms" in wrong.json()["error"]["message"]
    assert (await chat(client, scripted)).status_code == 503
    await client.post(control, json={"faults": ""})
    assert (await chat(client, scripted)).status_code == 200
    told = (await client.get(control)).json()
    assert (told["requests"], told["faulted"]) == (3, {"status": 2})


async def test_down_drops_every_connection_but_the_controls(
    scripted: ScriptedServer, client: httpx.AsyncClient
) -> None:
    """While down not even the model list is answered; then it comes back."""
    control = f"{scripted.endpoint.removesuffix('/v1')}/__scripted"
    await client.post(control, json={"down": True})
    with pytest.raises(httpx.ReadError):
        await client.get(f"{scripted.endpoint}/models")
    await client.post(control, json={"down": False})
    assert (await client.get(f"{scripted.endpoint}/models")).status_code == 200


async def test_fifty_at_once(scripted: ScriptedServer) -> None:
    """Fifty clients are served side by side."""
    async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
        replies = await asyncio.gather(
            *(chat(client, scripted, stream=bool(index % 2)) for index in range(50))
        )
    assert [reply.status_code for reply in replies] == [200] * 50


async def until_hanging(server: ScriptedServer, count: int) -> None:
    """Wait until so many requests hang."""
    async with asyncio.timeout(20):
        while server.faults["hang"] < count:
            await asyncio.sleep(0.005)


async def test_those_that_hang_are_in_nobodys_way(client: httpx.AsyncClient) -> None:
    """Fifty hanging requests leave the server answering, and its closing ends them."""
    async with ScriptedServer(Script(faults=parse_faults("hang"))) as server:
        waiting = [asyncio.create_task(chat(client, server)) for _ in range(50)]
        await until_hanging(server, 50)
        assert (await client.get(f"{server.endpoint}/models")).status_code == 200
    ends = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(end) for end in ends} == {httpx.RemoteProtocolError}


async def test_a_client_that_leaves_is_forgotten(scripted: ScriptedServer) -> None:
    """A caller that gives up mid-stream harms nobody."""
    scripted.script = Script(ttft_ms=0, tokens_per_s=20)
    async with httpx.AsyncClient(trust_env=False) as client:
        request = client.build_request(
            "POST", f"{scripted.endpoint}/chat/completions", json=body(stream=True)
        )
        response = await client.send(request, stream=True)
        await response.aclose()
    async with httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(f"{scripted.endpoint}/models")).status_code == 200


def test_as_a_child_it_starts_serves_and_stops() -> None:
    """The process answers under the name and pace given, and leaves nothing behind."""
    with start_scripted(model="other", owned_by="somebody", ttft_ms=0, faults="status:503") as it:
        pid, port = it.pid, it.port
        assert pid is not None
        (model,) = httpx.get(f"{it.endpoint}/models").json()["data"]
        assert (model["id"], model["owned_by"]) == ("other", "somebody")
        refused = httpx.post(f"{it.endpoint}/chat/completions", json=body(model="other"))
        assert refused.status_code == 503
    assert not running(pid)
    assert not listening(port)


def test_its_child_ends_when_the_parent_is_killed() -> None:
    """``kill -9`` of the parent leaves neither process nor port."""
    code = (
        "import time; from core.engine.scripted import start_scripted;"
        "s = start_scripted(); print(s.pid, s.port, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid, port = map(int, parent.stdout.readline().split())
        assert listening(port)
        parent.send_signal(signal.SIGKILL)
    assert eventually(lambda: not running(pid) and not listening(port), within_s=2)


def test_wrong_values_and_a_taken_port_are_errors() -> None:
    """What cannot be is said before or by the child, as an EngineError."""
    with pytest.raises(EngineError, match="unknown fault 'cutt'"):
        start_scripted(faults="cutt")
    with pytest.raises(EngineError, match="ttft_ms must be"):
        start_scripted(ttft_ms=-1)
    with pytest.raises(EngineError, match="cannot listen on port 70000"):
        start_scripted(port=70_000)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(EngineError, match=rf"port {port} on 127\.0\.0\.1 is already in use"):
            start_scripted(port=port)


def test_by_hand_it_says_where_it_serves_and_ends_with_ctrl_c() -> None:
    """Started by a person it prints its address, and SIGINT ends it with 130."""
    command = [sys.executable, "-m", "core.engine.scripted", "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("scripted-cloud (scripted) at http://127.0.0.1:")
        assert httpx.get(f"{line.split()[-1]}/models").status_code == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(5) == 130


@pytest.mark.parametrize("wrong", [["--faults", "cutt"], ["--ttft-ms", "-1"], ["--no-such"]])
def test_by_hand_a_mistake_is_a_usage_error(wrong: list[str]) -> None:
    """Exit status 2 and one clear line, no traceback."""
    command = [sys.executable, "-m", "core.engine.scripted", *wrong]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "error:" in done.stderr
    assert "Traceback" not in done.stderr
