"""978-A3: after N failures the cloud answers, and the log says why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core.engine.local import start_engine
from core.router.implementer import Implementer
from core.stages import Mode
from tests.support.acceptance.workplace import EDIT_SCHEMA, PROMPTS, events, promoted, question

if TYPE_CHECKING:
    from pathlib import Path

    from core.engine.process import ServerProcess
    from core.standin.scripted_server import ScriptedServer

pytestmark = pytest.mark.engine
ASK = question(PROMPTS[0])


@pytest.mark.parametrize("max_failures", [1, 2, 3])
async def test_n_failures_then_the_cloud(
    engine: ServerProcess, scripted: ScriptedServer, project: Path, max_failures: int
) -> None:
    """An engine that cannot answer in 1 ms is asked N times, then the cloud; each on record."""
    settings = await promoted(
        project,
        engine,
        scripted,
        f"[reflex.fallback]\nmax_failures = {max_failures}\n",
        timeout_ms=1,
    )
    async with Implementer.from_settings(settings) as implementer:
        first = await implementer.complete(ASK, schema=EDIT_SCHEMA)
        second = await implementer.complete(ASK, schema=EDIT_SCHEMA)
    assert first.mode is Mode.CLOUD
    assert first.is_fallback
    assert first.attempts == max_failures + 1
    assert (second.mode, second.attempts) == (Mode.CLOUD, 1)
    assert second.reason == "max_failures_reached"
    *failed, answered, later = events(settings, "LLMCall")
    assert [call["mode"] for call in failed] == ["reflex"] * max_failures
    assert [call["error"] for call in failed] == ["timeout"] * max_failures
    assert (answered["mode"], answered["success"]) == ("cloud", True)
    assert answered["fallback_reason"] == "timeout"
    assert later["mode"] == "cloud"
    to_cloud = next(d for d in events(settings, "RoutingDecision") if d["mode"] == "cloud")
    assert to_cloud["is_fallback"]
    assert (to_cloud["reason"], to_cloud["detail"]) == ("max_failures_reached", "timeout")
    assert to_cloud["failure_count"] == max_failures
    (opened,) = events(settings, "BreakerStateChanged")
    assert (opened["before"], opened["after"], opened["cause"]) == ("closed", "open", "timeout")


async def test_an_engine_that_dies_in_a_run_costs_no_answer(
    scripted: ScriptedServer, project: Path
) -> None:
    """Reflex answers, the engine is killed, the cloud answers: each call once, with its reason."""
    with start_engine(n_threads=1) as mortal:
        settings = await promoted(project, mortal, scripted)
        async with Implementer.from_settings(settings) as implementer:
            before = await implementer.complete(ASK, schema=EDIT_SCHEMA, max_tokens=60)
            mortal.stop()
            after = [await implementer.complete(ASK, schema=EDIT_SCHEMA) for _ in range(3)]
    assert before.mode is Mode.REFLEX
    assert [answer.mode for answer in after] == [Mode.CLOUD] * 3
    assert {str(answer.reason) for answer in after} <= {"server_unhealthy", "max_failures_reached"}
    answered = [call for call in events(settings, "LLMCall") if call["success"]]
    assert [call["call_id"] for call in answered] == [a.call_id for a in (before, *after)]
    last = events(settings, "RoutingDecision")[-1]
    assert last["mode"] == "cloud"
    assert last["reason"] in {"server_unhealthy", "max_failures_reached"}
