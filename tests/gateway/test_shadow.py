"""Shadow calls: asked in the background, recorded as such, never shown, never in the way."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from core.capsule import EventLog
from core.client.backend import ChatRequest, Reply
from core.router.answer import Answer
from core.router.implementer import Implementer
from core.router.shadow import agrees, compared_by
from core.router.shadowed import ShadowSummary, shadow_summary
from core.settings import load_settings
from core.stages import Mode, Reason, Stage
from reflex_tui.cli.main import run
from tests.support.patience import PATIENCE_S
from tests.support.router.world import QUESTION, SCHEMA, World, world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

ALL = "[reflex.shadow]\nsample = 1\n"
EVENTS = ("RoutingDecision", "LLMCall", "ShadowCompared")


@asynccontextmanager
async def shadowed(
    project: Path, text: str = ALL, *, promoted: bool = False, reflex: str = "", **options: Any
) -> AsyncIterator[tuple[Implementer, World]]:
    """An Implementer whose Implement calls go to the cloud, and to reflex in the background."""
    async with (
        world(project, text, promoted=promoted, reflex=reflex) as w,
        w.implementer(**options) as implementer,
    ):
        yield implementer, w


async def settled(implementer: Implementer, w: World, count: int) -> list[dict[str, Any]]:
    """The comparisons, once there are so many."""
    async with asyncio.timeout(PATIENCE_S):
        while sum(implementer.shadow.counts.values()) < count:
            await asyncio.sleep(0.01)
        while implementer.shadow._tasks:
            await asyncio.sleep(0.01)
    return w.events("ShadowCompared")


async def test_reflex_is_asked_too_and_the_cloud_answers(project: Path) -> None:
    """Regardless of the gate: two calls on record, linked, and the second one is the shadow's."""
    async with shadowed(project) as (implementer, w):
        answer = await implementer.complete(QUESTION, schema=SCHEMA)
        (compared,) = await settled(implementer, w, 1)
    assert answer.mode is Mode.CLOUD
    assert (w.cloud.requests, w.reflex.requests) == (1, 1)
    decision, call = w.events("RoutingDecision")[1], w.events("LLMCall")[1]
    assert (decision["mode"], decision["reason"]) == ("reflex", "shadow")
    assert decision["origin"] == call["origin"] == "shadow"
    assert decision["call_id"] == call["call_id"] == compared["call_id"]
    assert compared["original_call_id"] == answer.call_id
    assert answer.call_id in decision["detail"]
    assert decision["seq"] < call["seq"] < compared["seq"]
    assert (compared["success"], compared["agreed"], compared["compared"]) == (True, True, "data")
    assert compared["latency_ms"] == call["latency_ms"]
    assert compared["cloud_latency_ms"] > 0


@pytest.mark.parametrize(
    ("text", "stage", "promoted"),
    [
        ("", Stage.IMPLEMENT, False),  # off by default
        (ALL, Stage.PLAN, False),  # not reflex's work
        (ALL, Stage.IMPLEMENT, True),  # reflex answers itself
        ("[reflex.shadow]\nsample = 0.3\n", Stage.IMPLEMENT, False),  # not in the sample
    ],
)
async def test_other_calls_are_not_shadowed(
    project: Path, text: str, stage: Stage, *, promoted: bool
) -> None:
    """Only a sample of the Implement calls that the cloud answered."""
    async with shadowed(project, text, promoted=promoted, chance=lambda: 0.3) as (implementer, w):
        answer = await implementer.complete(QUESTION, stage=stage)
        await asyncio.sleep(0.05)
        assert w.reflex.requests == (answer.mode is Mode.REFLEX)
        assert sum(implementer.shadow.counts.values()) == 0
    assert w.events("ShadowCompared") == []


async def test_a_fallback_is_not_shadowed(project: Path) -> None:
    """Reflex has just been asked this very question, and failed."""
    async with shadowed(project, ALL, promoted=True) as (implementer, w):
        w.faults("status:500")
        answer = await implementer.complete(QUESTION)
        await asyncio.sleep(0.05)
        assert (answer.is_fallback, w.reflex.requests) == (True, 3)


async def test_an_unhealthy_server_is_left_alone(project: Path) -> None:
    """No request, no record, and the breaker hears nothing of it."""
    async with shadowed(project) as (implementer, w):
        w.reflex.script = w.reflex.script.changed({"down": True})
        await implementer.complete(QUESTION)
        assert await settled(implementer, w, 1) == []
        assert implementer.shadow.counts["left_out"] == 1
    assert len(w.events("RoutingDecision")) == 1


async def test_a_shadow_s_failure_counts_for_nothing_but_itself(project: Path) -> None:
    """Ten failures leave the breaker closed; each is on record as no agreement."""
    async with shadowed(project, ALL) as (implementer, w):
        w.faults("offschema")
        for nth in range(1, 11):
            await implementer.complete(QUESTION, schema=SCHEMA)
            await settled(implementer, w, nth)
        routing_view = await implementer.view()
    assert (routing_view.breaker.state, routing_view.breaker.failure_count) == ("closed", 0)
    assert w.events("BreakerStateChanged") == []
    found = w.events("ShadowCompared")
    assert [(one["success"], one["agreed"]) for one in found] == [(False, False)] * 10


async def test_the_caller_does_not_wait_and_the_rest_is_left_out(project: Path) -> None:
    """With room for one, a reflex that hangs costs nobody anything; closing ends it on record."""
    patient = f"timeout_ms = {PATIENCE_S * 2000:.0f}\n"
    async with shadowed(project, ALL + "concurrency = 1\n", reflex=patient) as (implementer, w):
        w.faults("hang")
        async with asyncio.timeout(PATIENCE_S):  # less than reflex's deadline
            answers = [await implementer.complete(QUESTION) for _ in range(5)]
            while not w.reflex.requests:
                await asyncio.sleep(0.01)
        assert implementer.shadow.counts["left_out"] == 4
    assert {answer.mode for answer in answers} == {Mode.CLOUD}
    assert w.reflex.requests == 1
    (call,) = [one for one in w.events("LLMCall") if one["origin"] == "shadow"]
    assert call["error"] == "cancelled"


async def test_a_streamed_call_is_shadowed_as_well(project: Path) -> None:
    """However the answer was told."""
    async with shadowed(project) as (implementer, w):
        conduct = await implementer.call(ChatRequest(QUESTION))
        async with conduct.stream() as stream:
            said = "".join([piece.get("content", "") async for piece in stream])
        (compared,) = await settled(implementer, w, 1)
    assert said == stream.answer.text
    assert (compared["agreed"], compared["compared"]) == (True, "text")


async def test_it_works_before_reflex_is_enabled(project: Path) -> None:
    """What a promotion would bring can be seen before making it."""
    async with world(project, ALL, promoted=False) as w:
        path = w.settings.source.path
        assert path
        path.write_text(path.read_text().replace("enabled = true", "enabled = false"))
        settings = load_settings(path)
        async with Implementer.from_settings(settings) as implementer:
            answer = await implementer.complete(QUESTION)
            assert len(await settled(implementer, w, 1)) == 1
    assert answer.reason is Reason.REFLEX_DISABLED


async def test_the_summary_is_of_this_server_and_model(project: Path) -> None:
    """Agreement and percentiles over the newest; failures are endless, other models left out."""
    async with shadowed(project, ALL) as (implementer, w):
        reflex = w.settings.reflex
        for nth in range(1, 5):
            if nth == 4:
                w.faults("status:500")
            await implementer.complete(QUESTION)
            await settled(implementer, w, nth)
        with EventLog(w.settings.state_dir / "capsule") as log:
            seen = shadow_summary(
                log, w.settings.source.root, endpoint=reflex.endpoint, model=reflex.model
            )
            newest = shadow_summary(
                log, w.settings.source.root, endpoint=reflex.endpoint, model=reflex.model, newest=1
            )
            other = shadow_summary(
                log, w.settings.source.root, endpoint=reflex.endpoint, model="other"
            )
    assert (seen.calls, seen.failed, seen.agreed_percent) == (4, 1, 75)
    assert seen.p50_ms
    assert seen.p95_ms is None
    assert newest == ShadowSummary(1, 1, 0, None, None)
    assert other == ShadowSummary(0, 0, None, None, None)


def test_status_tells_it(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line for a person, an object for a program; nothing while there is nothing to tell."""

    async def shadow_one() -> None:
        async with shadowed(project) as (implementer, w):
            await implementer.complete(QUESTION)
            await settled(implementer, w, 1)

    asyncio.run(shadow_one())
    config = str(project / "stage0.toml")
    assert run(["status", "--config", config], "code reflex") == 0
    assert "shadow    1 call, 100 % agreed" in capsys.readouterr().out
    assert run(["status", "--config", config, "--json"], "code reflex") == 0
    assert json.loads(capsys.readouterr().out)["shadow"]["agreed_percent"] == 100


def answer(text: str, data: Any, calls: tuple[Any, ...]) -> Answer:
    """A cloud's answer."""
    return Answer(
        text=text,
        data=data,
        tool_calls=calls,
        mode=Mode.CLOUD,
        reason=Reason.REFLEX_DISABLED,
        detail=None,
        backend="cloud",
        model="m",
        finish_reason="stop",
        ttft_ms=1.0,
        latency_ms=2.0,
        total_ms=3.0,
        attempts=1,
        call_id="c",
        run_id="r",
        is_fallback=False,
    )


def call(name: str, arguments: str, identity: str = "1") -> dict[str, Any]:
    """A tool call."""
    return {"id": identity, "type": "function", "function": {"name": name, "arguments": arguments}}


def text(said: str) -> tuple[Any, ...]:
    """A reply in words."""
    return said, None, ()


def tool(*calls: dict[str, Any], said: str = "") -> tuple[Any, ...]:
    """A reply that calls tools."""
    return said, None, calls


@pytest.mark.parametrize(
    ("theirs", "ours", "agreed"),
    [
        (text("a  b\n"), text("a b"), True),
        (text("caf\u00e9"), text("cafe\u0301"), True),
        (text("a b"), text("ab"), False),
        (("{}", {"a": 1, "b": [2]}, ()), ("{ }", {"b": [2], "a": 1}, ()), True),
        (("{}", {"a": 1}, ()), ("{}", {"a": True}, ()), False),
        (tool(call("f", '{"a": 1}')), tool(call("f", '{"a":1}', "2")), True),
        (tool(call("f", "{")), tool(call("f", "{")), True),
        (tool(call("f", "{}")), tool(call("g", "{}")), False),
        (tool(call("f", "{}"), said="x"), text("x"), False),
        (text("x"), tool(call("f", "{}"), said="x"), False),
    ],
)
def test_when_two_answers_agree(
    theirs: tuple[Any, ...], ours: tuple[Any, ...], *, agreed: bool
) -> None:
    """Parsed data by value, tool calls by name and arguments, text but for its blanks."""
    cloud = answer(*theirs)
    said, data, calls = ours
    reply = Reply(said, "stop", 1, 1, 1, data=data, tool_calls=calls)
    has_schema = cloud.data is not None
    assert agrees(cloud, reply, has_schema=has_schema) is agreed
    kind = compared_by(cloud, has_schema=has_schema)
    assert kind == ("tool_calls" if cloud.tool_calls else "data" if has_schema else "text")
