"""978-A4: every call leaves a RoutingDecision with mode, reason and latency."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from core.router.implementer import Implementer
from core.settings import load_settings
from core.stages import Reason, Stage
from tests.support.acceptance.workplace import (
    EDIT_SCHEMA,
    PROMPTS,
    configure,
    events,
    promoted,
    question,
)

if TYPE_CHECKING:
    from pathlib import Path

    from core.engine.process import ServerProcess
    from core.standin.scripted_server import ScriptedServer

pytestmark = pytest.mark.engine
ASK = question(PROMPTS[0])


async def test_one_decision_for_each_call_of_each_stage(
    engine: ServerProcess, scripted: ScriptedServer, project: Path
) -> None:
    """Concurrent calls of all stages: as many decisions as calls, each with what the spec asks."""
    settings = await promoted(project, engine, scripted)
    stages = [*Stage, Stage.IMPLEMENT, Stage.IMPLEMENT]
    async with Implementer.from_settings(settings) as implementer:
        answers = await asyncio.gather(
            *[
                implementer.complete(ASK, stage=stage, schema=EDIT_SCHEMA, max_tokens=60)
                for stage in stages
            ]
        )
    decisions = {event["call_id"]: event for event in events(settings, "RoutingDecision")}
    assert len(decisions) == len(stages)
    for stage, answer in zip(stages, answers, strict=True):
        decision = decisions[answer.call_id]
        assert decision["role"] == "Implementer"
        assert decision["stage"] == stage
        assert decision["mode"] == ("reflex" if stage is Stage.IMPLEMENT else "cloud")
        assert decision["reason"] == (
            Reason.HEALTHY_AND_THRESHOLDS_MET
            if stage is Stage.IMPLEMENT
            else Reason.NOT_IMPLEMENT_STAGE
        )
        assert isinstance(decision["latency_ms"], float)
        assert decision["latency_ms"] >= 0
        assert decision["policy_hash"].startswith("sha256:")


async def test_the_decision_is_on_disk_before_the_call(
    engine: ServerProcess, scripted: ScriptedServer, project: Path
) -> None:
    """Each call's record follows its decision's in the chain, with the same mode and model."""
    settings = await promoted(project, engine, scripted)
    async with Implementer.from_settings(settings) as implementer:
        for _ in range(3):
            await implementer.complete(ASK, schema=EDIT_SCHEMA, max_tokens=60)
    chain = events(settings, "RoutingDecision", "LLMCall")
    assert [event["event_type"] for event in chain] == ["RoutingDecision", "LLMCall"] * 3
    for decision, call in zip(chain[::2], chain[1::2], strict=True):
        assert decision["seq"] < call["seq"]
        for field in ("call_id", "role", "mode", "model", "backend", "policy_hash"):
            assert decision[field] == call[field]
        assert call["latency_ms"] > 0
        assert call["fallback_reason"] is None


@pytest.mark.parametrize(
    ("changes", "reason", "detail"),
    [
        ({"enabled": False}, "reflex_disabled", None),
        ({"model": "another"}, "model_not_available", "model_missing"),
        (
            {"text": "[reflex.thresholds]\nconfidence = 0.99\n"},
            "thresholds_not_met",
            "thresholds_changed",
        ),
    ],
)
async def test_the_reason_is_the_rules(  # noqa: PLR0917  two fixtures beside the table
    engine: ServerProcess,
    scripted: ScriptedServer,
    project: Path,
    changes: dict[str, Any],
    reason: str,
    detail: str | None,
) -> None:
    """When the rule sends an Implement call to the cloud, the event says by which row and why."""
    await promoted(project, engine, scripted)
    settings = load_settings(configure(project, engine, scripted, **changes))
    async with Implementer.from_settings(settings) as implementer:
        await implementer.complete(ASK)
    (decision,) = events(settings, "RoutingDecision")
    assert (decision["mode"], decision["reason"]) == ("cloud", reason)
    assert decision["detail"] == detail
