"""Each way in which the stand-in can be unhealthy, and clients that hang or leave."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import httpx
import jsonschema
import pytest

from core.standin.script import KINDS, parse_faults
from core.standin.scripted_server import Script, ScriptedServer
from tests.support.engine.asking import SCHEMA, body, chat, content, events
from tests.support.patience import PATIENCE_S

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
    """Every kind does what its description says, and the next request is answered well again."""
    await chat(client, scripted)
    scripted.script = replace(scripted.script, faults=parse_faults(kind))
    if kind in RAISES:
        with pytest.raises(RAISES[kind]):
            await client.post(
                f"{scripted.endpoint}/chat/completions",
                json=body(stream=stream),
                timeout=0.3 if kind == "hang" else PATIENCE_S,
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


async def test_it_can_be_made_unhealthy_and_healthy_while_it_runs(
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
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE_S) as client:
        replies = await asyncio.gather(
            *(chat(client, scripted, stream=bool(index % 2)) for index in range(50))
        )
    assert [reply.status_code for reply in replies] == [200] * 50


async def until_hanging(server: ScriptedServer, count: int) -> None:
    """Wait until so many requests hang."""
    async with asyncio.timeout(PATIENCE_S):
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
