"""What a client hears while a call is answered, and what happens when somebody goes away."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from core.capsule import EventLog
from core.settings import load_settings
from core.standin.answers import SENTENCE
from core.standin.script import Script
from core.standin.scripted_server import ScriptedServer, start_scripted
from tests.support.behaviours import EVENTS, Seen, delta, event, framed
from tests.support.faultserver import FaultServer
from tests.support.gateway.serving import (
    ASKED,
    CHAT,
    FORM,
    chunks,
    configured,
    fronted,
    halfway,
    on_post,
    saying,
    sibling,
    text_of,
)
from tests.support.patience import PATIENCE_S
from tests.support.router.world import promote, world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx

    from core.engine.process import ServerProcess
    from core.settings import Settings

STREAMED = {**ASKED, "stream": True}


def events(settings: Settings, *types: str) -> list[dict[str, Any]]:
    """The capsule's records of these types."""
    with EventLog(settings.state_dir / "capsule") as log:
        return [dict(record.body) for record in log.read() if record.event_type in types]


async def until_recorded(settings: Settings, count: int) -> list[dict[str, Any]]:
    """The LLMCalls, once there are so many."""
    async with asyncio.timeout(PATIENCE_S):
        while len(found := events(settings, "LLMCall")) < count:
            await asyncio.sleep(0.01)
    return found


async def test_a_cloud_is_heard_while_it_speaks(project: Path) -> None:
    """The first words are here before the cloud has said the last; the decision came before."""
    go_on = asyncio.Event()
    async with FaultServer(halfway(go_on)) as cloud:
        settings = configured(project, cloud.endpoint)
        async with (
            fronted(settings) as http,
            http.stream("POST", CHAT, json=STREAMED) as response,
        ):
            assert response.headers["x-reflex-mode"] == "cloud"
            lines = response.aiter_lines()
            await _until(lines, '"one "')
            assert len(events(settings, "RoutingDecision")) == 1
            assert events(settings, "LLMCall") == []
            go_on.set()
            late = [line async for line in lines]
    assert '"two"' in "".join(late)
    assert late[-2] == "data: [DONE]"
    (call,) = events(settings, "LLMCall")
    assert call["success"]


async def test_a_cloud_that_hangs_up_midway_is_an_error_event(project: Path) -> None:
    """No ending is made up, and nobody else is asked: the beginning has been heard."""
    hang_up = asyncio.Event()
    hang_up.set()
    second = Script(ttft_ms=0, tokens_per_s=0, model="second")
    async with FaultServer(halfway(hang_up, then="hang up")) as cloud, ScriptedServer(second) as b:
        text = (
            '[reflex.fallback]\norder = ["cloud", "b"]\n'
            f'[reflex.backends.b]\nendpoint = "{b.endpoint}"\nmodel = "second"\n'
        )
        settings = configured(project, cloud.endpoint, text)
        async with fronted(settings) as http:
            response = await http.post(CHAT, json=STREAMED)
        assert b.requests == 0
    last = response.text.strip().splitlines()[-1]
    error = json.loads(last.removeprefix("data: "))["error"]
    assert (error["type"], error["code"]) == ("server_error", "incomplete")
    assert '"one "' in response.text
    (call,) = events(settings, "LLMCall")
    assert call["error"] == "incomplete"


async def test_a_cloud_that_fails_before_its_first_word_is_a_status(project: Path) -> None:
    """The role alone is not content: the client gets an HTTP error it can try again on."""
    async with (
        FaultServer(saying({"role": "assistant", "content": ""}, finish=None)) as cloud,
        fronted(configured(project, cloud.endpoint)) as http,
    ):
        response = await http.post(CHAT, json=STREAMED)
    assert response.status_code == 502
    assert response.json()["error"]["code"] == "incomplete"


async def test_a_sick_cloud_is_followed_by_the_next_in_order(project: Path) -> None:
    """Until a word has been heard, the fallback order holds for streams as well."""
    second = Script(ttft_ms=0, tokens_per_s=0, model="second")
    async with ScriptedServer(second) as b:
        text = (
            '[reflex.fallback]\nmax_failures = 1\norder = ["cloud", "b"]\n'
            f'[reflex.backends.b]\nendpoint = "{b.endpoint}"\nmodel = "second"\n'
        )
        async with world(project, text) as w, fronted(w.settings) as http:
            w.faults("status:500")
            w.cloud.script = w.cloud.script.changed({"faults": "cut"})
            first = await http.post(CHAT, json=STREAMED)
            w.cloud.script = w.cloud.script.changed({"faults": "status:503"})
            async with http.stream("POST", CHAT, json=STREAMED) as second_response:
                text = text_of(await chunks(second_response))
    assert "incomplete" in first.text  # half of it had been heard
    assert second_response.headers["x-reflex-mode"] == "reflex"
    assert text == SENTENCE


async def test_the_reflex_server_is_killed_in_the_middle(project: Path) -> None:
    """The client of a streamed call gets one whole answer, the cloud's, and nothing of reflex's."""
    local = start_scripted(model="local", ttft_ms=0, tokens_per_s=10, owned_by="test")
    with local:
        text = "[reflex.fallback]\nmax_failures = 2\n"
        async with ScriptedServer(Script(ttft_ms=0, tokens_per_s=0)) as cloud:
            settings = _of_two(project, local, cloud, text)
            await promote(settings)
            async with fronted(settings) as http:
                asking = asyncio.create_task(_streamed(http))
                await _generating(http, local)
                assert local.pid
                os.kill(local.pid, signal.SIGKILL)
                headers, found = await asking
    assert headers["x-reflex-mode"] == "cloud"
    assert headers["x-reflex-reason"] == "max_failures_reached"
    assert text_of(found) == SENTENCE
    assert [chunk["choices"][0]["delta"].get("role") for chunk in found].count("assistant") == 1
    assert {chunk["model"] for chunk in found} == {cloud.script.model}
    calls = events(settings, "LLMCall")
    assert [(call["mode"], call["error"]) for call in calls] == [
        ("reflex", "incomplete"),
        ("reflex", "connect_failed"),
        ("cloud", None),
    ]
    assert {call["call_id"] for call in calls} == {headers["x-reflex-call-id"]}


async def test_nothing_of_an_invalid_reflex_reply_is_heard(project: Path) -> None:
    """A reply off the schema is replaced as a whole, streamed or not."""
    asked = STREAMED | {"response_format": FORM}
    async with world(project) as w, fronted(w.settings) as http:
        w.faults("offschema")
        async with http.stream("POST", CHAT, json=asked) as response:
            found = await chunks(response)
    assert response.headers["x-reflex-mode"] == "cloud"
    assert json.loads(text_of(found))["path"] == "a.py"


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_leaves_calls_the_request_off(project: Path, *, stream: bool) -> None:
    """The cloud's connection is closed, and the call is on record as cancelled."""
    async with FaultServer(halfway(asyncio.Event())) as cloud:
        settings = configured(project, cloud.endpoint)
        async with fronted(settings) as http:
            asking = asyncio.create_task(http.post(CHAT, json=ASKED | {"stream": stream}))
            async with asyncio.timeout(PATIENCE_S):
                await cloud.asked.wait()
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            async with asyncio.timeout(PATIENCE_S):
                await cloud.hung_up.wait()
            await _metrics_say(http, 'outcome="cancelled",reason="reflex_disabled"} 1.0')
    (call,) = events(settings, "LLMCall")
    assert (call["success"], call["error"]) == (False, "cancelled")


async def test_a_client_that_reads_slowly_does_not_cost_the_cloud_its_deadline(
    project: Path,
) -> None:
    """The deadline is the server's: a reply that came in time is told to its end."""
    text = "timeout_ms = 20000\n"
    long = saying(*({"content": "x" * 4000} for _ in range(500)))
    async with FaultServer(long) as cloud:
        settings = configured(project, cloud.endpoint, text)
        async with (
            fronted(settings) as http,
            http.stream("POST", CHAT, json=STREAMED) as response,
        ):
            await until_recorded(settings, 1)  # the cloud is done, and we have read nothing
            found = await chunks(response)
    assert len(text_of(found)) == 2_000_000


@pytest.mark.parametrize("stream", [True, False])
async def test_a_cut_cloud_reply_is_passed_on_as_it_is(project: Path, *, stream: bool) -> None:
    """An agent that set a limit gets what it would have got without us."""
    async with FaultServer(saying({"content": "one two"}, finish="length")) as cloud:
        settings = configured(project, cloud.endpoint)
        asked = ASKED | {"stream": stream, "max_tokens": 2}
        async with fronted(settings) as http, http.stream("POST", CHAT, json=asked) as response:
            if stream:
                found = await chunks(response)
                said, finish = text_of(found), found[-1]["choices"][0]["finish_reason"]
            else:
                choice = json.loads(await response.aread())["choices"][0]
                said, finish = choice["message"]["content"], choice["finish_reason"]
    assert (response.status_code, said, finish) == (200, "one two", "length")
    (call,) = events(settings, "LLMCall")
    assert (call["success"], call["error"]) == (True, None)


async def test_a_cut_reflex_reply_is_not(project: Path) -> None:
    """A local reply that is not whole is never shown; without a cloud the call fails."""
    text = "[reflex.fallback]\nto_cloud = false\nmax_failures = 1\n"
    async with world(project, text) as w, fronted(w.settings) as http:
        w.faults("length")
        response = await http.post(CHAT, json=STREAMED)
    assert response.status_code == 502
    assert response.json()["error"]["code"] == "cut"
    assert response.headers["x-reflex-mode"] == "reflex"


async def test_a_refusal_is_told_as_such(project: Path) -> None:
    """The model's refusal is a message of its own kind, not an error of ours."""
    async with (
        FaultServer(saying({"refusal": "I will not."})) as cloud,
        fronted(configured(project, cloud.endpoint)) as http,
    ):
        message = (await http.post(CHAT, json=ASKED)).json()["choices"][0]["message"]
        async with http.stream("POST", CHAT, json=STREAMED) as response:
            found = await chunks(response)
    assert (message["content"], message["refusal"]) == (None, "I will not.")
    assert [c["choices"][0]["delta"].get("refusal") for c in found].count("I will not.") == 1


async def test_thinking_is_heard_live(project: Path) -> None:
    """Reasoning that a cloud streams counts as something said, and is passed on."""

    async def thinking(_: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(EVENTS + framed(event(delta({"reasoning_content": "hm"}))))
        await asyncio.sleep(3600)

    async with (
        FaultServer(on_post(thinking)) as cloud,
        fronted(configured(project, cloud.endpoint)) as http,
        http.stream("POST", CHAT, json=STREAMED) as response,
    ):
        await _until(response.aiter_lines(), '"reasoning_content":"hm"')


def _of_two(project: Path, local: ServerProcess, cloud: ScriptedServer, text: str) -> Settings:
    path = project / "stage0.toml"
    path.write_text(
        f'[reflex]\nenabled = true\nendpoint = "{local.endpoint}"\nmodel = "local"\n'
        f'timeout_ms = 20000\n{text}[cloud]\nendpoint = "{cloud.endpoint}"\n'
        f'model = "{cloud.script.model}"\n'
    )
    return load_settings(path)


async def _generating(http: httpx.AsyncClient, server: ServerProcess) -> None:
    """Wait until the stand-in is in the middle of its answer."""
    control = server.endpoint.replace("/v1", "/__scripted")
    async with asyncio.timeout(PATIENCE_S):
        while (await http.get(control)).json()["requests"] < 1:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.5)


async def _streamed(
    http: httpx.AsyncClient,
) -> tuple[httpx.Headers, list[dict[str, Any]]]:
    async with http.stream("POST", CHAT, json=STREAMED) as response:
        return response.headers, await chunks(response)


async def _until(lines: AsyncIterator[str], word: str) -> None:
    """Read until a line holds ``word``."""
    async for line in lines:
        if word in line:
            return
    raise AssertionError(f"the stream ended without {word}")


async def _metrics_say(http: httpx.AsyncClient, words: str) -> None:
    """Wait until the metrics hold ``words``."""
    async with asyncio.timeout(PATIENCE_S):
        while words not in (await http.get(sibling(http, "/metrics"))).text:
            await asyncio.sleep(0.01)
