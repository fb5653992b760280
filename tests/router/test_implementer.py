"""One call from decision to answer, over real servers, with its evidence."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from core import Stage
from core.capsule import EventLog
from core.client.backend import ChatRequest
from core.errors import (
    CapsuleError,
    NoBackend,
    RateLimited,
    ServerError,
    UntrustedEndpoint,
    WrongEventLoop,
)
from core.router.implementer import Implementer
from core.settings import load_settings
from core.stages import Mode
from core.standin.script import parse_faults
from tests.support.behaviours import MODEL, Seen, said, streams, whole
from tests.support.faultserver import FaultServer
from tests.support.patience import until
from tests.support.router.world import QUESTION, SCHEMA, promote, world

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path
    from typing import Any

    from core.engine.process import ServerProcess
    from core.router.call import RoutedCall


async def test_a_promoted_healthy_server_answers(project: Path) -> None:
    """The reply is reflex's, validated, and both events say so."""
    async with world(project) as w, w.implementer() as implementer:
        answer = await implementer.complete(QUESTION, schema=SCHEMA)
    assert (answer.mode, answer.reason) == (Mode.REFLEX, "healthy_and_thresholds_met")
    assert answer.data == json.loads(answer.text)
    assert answer.data["path"] == "a.py"
    assert answer.ttft_ms is not None
    assert 0 < answer.ttft_ms <= answer.latency_ms <= answer.total_ms
    decision, call = w.events("RoutingDecision", "LLMCall")
    assert decision["role"] == call["role"] == "Implementer"
    assert decision["mode"] == call["mode"] == "reflex"
    assert decision["latency_ms"] > 0
    assert decision["call_id"] == call["call_id"] == answer.call_id
    assert call["success"]
    assert call["json_compliant"]
    assert call["attempt"] == 1
    assert call["fallback_reason"] is None
    assert decision["policy_hash"] == implementer.policy.policy_hash
    stored = project / ".speckit" / "policies"
    assert [p.stem for p in stored.iterdir()] == [decision["policy_hash"].removeprefix("sha256:")]


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage is not Stage.IMPLEMENT])
async def test_other_stages_are_the_clouds(project: Path, stage: Stage) -> None:
    """Nothing local is even looked at."""
    async with world(project) as w, w.implementer() as implementer:
        answer = await implementer.complete(QUESTION, stage=stage)
        assert (answer.mode, answer.reason) == (Mode.CLOUD, "not_implement_stage")
        assert w.reflex.requests == 0
        assert not answer.is_fallback


async def test_without_a_bakeoff_the_cloud_answers(project: Path) -> None:
    """The gate fails closed, and the decision says why."""
    async with world(project, promoted=False) as w, w.implementer() as implementer:
        answer = await implementer.complete(QUESTION)
        assert w.reflex.requests == 0
    assert (answer.mode, answer.reason, answer.detail) == (
        Mode.CLOUD,
        "thresholds_not_met",
        "no_bakeoff",
    )


async def test_a_dead_server_sends_calls_to_the_cloud(project: Path) -> None:
    """Without a healthy server nothing is tried there."""
    async with world(project) as w:
        w.reflex.script = w.reflex.script.changed({"down": True})
        async with w.implementer() as implementer:
            answer = await implementer.complete(QUESTION)
    assert (answer.mode, answer.reason) == (Mode.CLOUD, "server_unhealthy")


async def test_the_decision_is_on_disk_before_its_call_leaves(project: Path) -> None:
    """When the server sees the request, the log already holds the decision and not the call."""
    async with world(project, reflex="timeout_ms = 60000\n") as w:
        w.faults("hang")
        async with w.implementer() as implementer:
            call = asyncio.create_task(implementer.complete(QUESTION))
            await until(lambda: w.reflex.requests)
            seen = w.events("RoutingDecision", "LLMCall")
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
    assert [event["event_type"] for event in seen] == ["RoutingDecision"]


async def test_what_cannot_be_recorded_is_not_sent(project: Path) -> None:
    """A decision that is not durable is no decision."""
    async with world(project) as w, w.implementer() as implementer:
        capsule = project / ".speckit" / "capsule"
        capsule.rename(project / ".speckit" / "moved")
        capsule.write_text("in the way")
        with pytest.raises(CapsuleError) as caught:
            await implementer.complete(QUESTION)
        assert w.reflex.requests == w.cloud.requests == 0
        assert caught.value.remedy


async def test_an_answer_outlives_a_failing_record(
    project: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """When only the call's record fails, the caller still gets the answer, with a warning."""
    begin = EventLog.begin

    def failing(log: EventLog, event: Any) -> Any:
        if event.event_type == "LLMCall":
            raise CapsuleError("the disk is full")
        return begin(log, event)

    async with world(project) as w, w.implementer() as implementer:
        monkeypatch.setattr(EventLog, "begin", failing)
        with caplog.at_level(logging.WARNING):
            answer = await implementer.complete(QUESTION)
    assert answer.text
    assert answer.warnings == ("this call is not in the capsule: the disk is full",)
    assert "LLMCall is not in the capsule" in caplog.text


async def test_a_cancelled_call_is_on_record_and_not_counted(project: Path) -> None:
    """The caller's change of mind is not the server's failure."""
    async with world(project, reflex="timeout_ms = 60000\n") as w:
        w.faults("hang")
        async with w.implementer() as implementer:
            call = asyncio.create_task(implementer.complete(QUESTION))
            await until(lambda: w.reflex.requests)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
    (event,) = w.events("LLMCall")
    assert (event["success"], event["error"]) == (False, "cancelled")
    assert not w.events("BreakerStateChanged")
    (end,) = w.events("CallUnanswered")
    assert (end["error"], end["mode"], end["model"]) == ("cancelled", "reflex", "local")
    assert (end["call_id"], end["attempts"]) == (event["call_id"], 1)
    assert end["waited_ms"] >= event["latency_ms"]


async def test_nobody_may_answer_without_the_cloud(project: Path) -> None:
    """With to_cloud = false an unpromoted model leaves the call unanswered, and says why."""
    text = "[reflex.fallback]\nto_cloud = false\n"
    async with world(project, text, promoted=False) as w, w.implementer() as implementer:
        with pytest.raises(NoBackend, match="thresholds_not_met: no_bakeoff"):
            await implementer.complete(QUESTION)
        answer = await implementer.complete(QUESTION, stage=Stage.PLAN)
    assert answer.mode is Mode.CLOUD
    (end,) = w.events("CallUnanswered")
    assert (end["error"], end["mode"], end["backend"]) == ("no_backend", None, None)
    assert (end["stage"], end["attempts"]) == ("implement", 0)


async def test_a_call_that_everybody_fails_is_on_record_as_such(project: Path) -> None:
    """After its last attempt, with what the caller was told; one that is answered has no such."""
    async with world(project) as w, w.implementer() as implementer:
        await implementer.complete(QUESTION)
        w.faults("status:500")
        w.cloud.script = replace(w.cloud.script, faults=parse_faults("status:429"))
        with pytest.raises(RateLimited):
            await implementer.complete(QUESTION)
        last, end = w.events()[-2:]
    assert (last["event_type"], end["event_type"]) == ("LLMCall", "CallUnanswered")
    assert (end["call_id"], end["error"]) == (last["call_id"], "rate_limited")
    assert (end["backend"], end["attempts"]) == ("cloud", last["attempt"])
    assert end["waited_ms"] >= last["waited_ms"]


async def test_a_run_goes_by_its_snapshot(project: Path) -> None:
    """What is changed in the file while a run is on does not change the run."""
    async with world(project) as w, w.implementer() as implementer:
        path = w.settings.source.path
        assert path
        path.write_text(path.read_text().replace("enabled = true", "enabled = false"))
        assert (await implementer.complete(QUESTION)).mode is Mode.REFLEX
        async with Implementer.from_settings(load_settings(path)) as later:
            assert (await later.complete(QUESTION)).reason == "reflex_disabled"
    assert len({event["policy_hash"] for event in w.events("RoutingDecision")}) == 2


@pytest.mark.parametrize("mode", ["none", "prompts_only", "full_io"])
async def test_capture_keeps_what_its_mode_says(project: Path, mode: str) -> None:
    """Prompts and replies are on disk only where the mode allows, secrets never."""
    prompt = "canary-prompt sk-proj-Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6"
    async with world(project) as w:
        path = w.settings.source.path
        assert path
        text = path.read_text().replace("[reflex]", f'[reflex]\ncapture_mode = "{mode}"')
        path.write_text(text)
        settings = load_settings(path)
        await promote(settings)
        async with Implementer.from_settings(settings) as implementer:
            answer = await implementer.complete([{"role": "user", "content": prompt}])
    (event,) = w.events("LLMCall")
    on_disk = b"".join(p.read_bytes() for p in project.rglob("*") if p.is_file()).decode()
    assert ("canary-prompt" in on_disk) is (mode != "none")
    assert (answer.text in on_disk) is (mode == "full_io")
    assert "Zm9vYmFyYmF6" not in on_disk
    hashed = [isinstance(event[k], str) for k in ("request", "response")]
    assert (
        hashed
        == {
            "none": [True, True],
            "prompts_only": [False, True],
            "full_io": [False, False],
        }[mode]
    )


async def test_a_failed_cloud_raises_its_own_error(project: Path) -> None:
    """When the last one asked fails, the caller learns how."""
    async with world(project, promoted=False) as w:
        w.cloud.script = w.cloud.script.changed({"faults": "status:500"})
        async with w.implementer() as implementer:
            with pytest.raises(ServerError):
                await implementer.complete(QUESTION)
    (event,) = w.events("LLMCall")
    assert (event["mode"], event["error"]) == ("cloud", "server_error")


async def test_an_untrusted_cloud_is_refused_before_anything(project: Path) -> None:
    """A project's file cannot name a collector of prompts."""
    path = project / "stage0.toml"
    path.write_text('[cloud]\nendpoint = "https://evil.invalid/v1"\n')
    with pytest.raises(UntrustedEndpoint):
        Implementer.from_settings(load_settings(path))


async def test_without_constrained_decoding_the_mistake_is_fed_back(project: Path) -> None:
    """json_schema = false: the schema goes into the prompt, a slip and its message after it."""
    async with world(project) as w:
        path = w.settings.source.path
        assert path
        text = path.read_text().replace("[reflex]", "[reflex]\njson_schema = false")
        path.write_text(text.replace("[reflex]", '[reflex]\ncapture_mode = "full_io"'))
        settings = load_settings(path)
        await promote(settings)
        async with Implementer.from_settings(settings) as implementer:
            answer = await implementer.complete(QUESTION, schema=SCHEMA)
    calls = w.events("LLMCall")
    assert answer.is_fallback  # the stand-in answers prose without a constraint
    assert [call["error"] for call in calls] == ["not_compliant"] * 3 + [None]
    assert "meets this JSON schema" in calls[0]["request"]["messages"][0]["content"]
    assert "That is not valid" in calls[1]["request"]["messages"][-1]["content"]
    assert len(calls[2]["request"]["messages"]) == len(calls[0]["request"]["messages"]) + 4


def test_a_second_event_loop_is_refused(project: Path) -> None:
    """The connections of the first loop would fail in odd ways; the error says what to do."""

    async def first() -> Implementer:
        async with world(project) as w:
            implementer = w.implementer()
            await implementer.complete(QUESTION)
            return implementer

    implementer = asyncio.run(first())
    uses: list[Callable[[], Coroutine[Any, Any, object]]] = [
        lambda: implementer.complete(QUESTION),
        implementer.decide,
        implementer.view,
        lambda: implementer.call(ChatRequest(QUESTION)),
        implementer.__aenter__,
        implementer.aclose,
    ]
    for use in uses:
        with pytest.raises(WrongEventLoop, match="another event loop"):
            asyncio.run(use())


def test_a_call_is_not_taken_into_another_event_loop(project: Path) -> None:
    """Prepared in one loop and answered in another is the same mistake."""

    async def prepare() -> RoutedCall:
        async with world(project) as w:
            return await w.implementer().call(ChatRequest(QUESTION))

    call = asyncio.run(prepare())
    with pytest.raises(WrongEventLoop):
        asyncio.run(call.answer())


async def test_the_probe_of_health_waits_as_long_as_a_call_may(project: Path) -> None:
    """A server that takes longer than a second over its models is up, if timeout_ms allows it."""

    async def slow_models(seen: Seen, writer: asyncio.StreamWriter) -> None:
        if seen.method == "GET":
            await asyncio.sleep(1.3)
            listed = {"object": "list", "data": [{"id": MODEL, "object": "model"}]}
            await whole(listed)(seen, writer)
        else:
            await streams(*said("slow, and here"))(seen, writer)

    async with FaultServer(slow_models, model=None) as server:
        path = project / "stage0.toml"
        path.write_text(
            f'[reflex]\nenabled = true\nendpoint = "{server.endpoint}"\nmodel = "{MODEL}"\n'
            "timeout_ms = 9000\n"
        )
        settings = load_settings(path)
        await promote(settings)
        async with Implementer.from_settings(settings) as implementer:
            assert (await implementer.view()).health.ok
            assert (await implementer.complete(QUESTION)).mode is Mode.REFLEX


@pytest.mark.engine
async def test_the_embedded_engine_answers_a_promoted_call(
    project: Path, engine: ServerProcess
) -> None:
    """The main path over a real llama.cpp server: constrained JSON without a preamble."""
    path = project / "stage0.toml"
    path.write_text(
        f'[reflex]\nenabled = true\nendpoint = "{engine.endpoint}"\nmodel = "{engine.model}"\n'
        "timeout_ms = 30000\n"
    )
    settings = load_settings(path)
    await promote(settings)
    async with Implementer.from_settings(settings) as implementer:
        answers = await asyncio.gather(
            *[
                implementer.complete(QUESTION, schema=SCHEMA, max_tokens=80, temperature=0)
                for _ in range(3)
            ]
        )
    for answer in answers:
        assert answer.mode is Mode.REFLEX
        assert set(answer.data) == {"path", "n"}
        assert answer.completion_tokens
        assert answer.cached_tokens is not None
    with EventLog(settings.state_dir / "capsule") as log:
        assert log.verify().ok
