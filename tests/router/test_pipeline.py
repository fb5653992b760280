"""A run that spans stages goes by the configuration as it was when each stage began."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest

from core.errors import CapsuleError
from core.monitor.drift import LATENCY
from core.monitor.follow import DriftWatch
from core.router.pipeline import PipelineRun
from core.stages import Mode, Stage
from tests.support.router.world import QUESTION, World, world

if TYPE_CHECKING:
    from pathlib import Path


def rewrite(scene: World, before: str, after: str) -> None:
    """Change the configuration's file."""
    path = scene.settings.source.path
    assert path
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


async def test_a_changed_policy_counts_from_the_next_stage_on(project: Path) -> None:
    """Not within a stage; the event names stage and both policies, and the run stays one."""
    async with world(project) as scene, PipelineRun(scene.settings) as run:
        first = run.policy.policy_hash
        await run.complete(QUESTION, stage=Stage.IMPLEMENT)
        rewrite(scene, "enabled = true", "enabled = false")
        same = await run.complete(QUESTION, stage=Stage.IMPLEMENT)
        assert (same.mode, run.policy.policy_hash) == (Mode.REFLEX, first)
        await run.complete(QUESTION, stage=Stage.VALIDATE)
        again = await run.complete(QUESTION, stage=Stage.IMPLEMENT)
        assert again.mode is Mode.CLOUD
        assert again.run_id == same.run_id == run.run_id
        (event,) = scene.events("PolicyRecaptured")
        decisions = scene.events("RoutingDecision")
        assert len(scene.events("PolicySnapshotRef")) == 1
    assert (event["stage"], event["before"]) == ("validate", first)
    assert event["policy_hash"] == run.policy.policy_hash != first
    assert (project / event["path"]).is_file()
    hashes = [one["policy_hash"] for one in decisions]
    assert hashes == [first, first, event["policy_hash"], event["policy_hash"]]


async def test_an_unchanged_policy_is_no_event(project: Path) -> None:
    """Nor is a change that says the same."""
    async with world(project) as scene, PipelineRun(scene.settings) as run:
        for stage in (Stage.PLAN, Stage.IMPLEMENT, Stage.AUDIT):
            await run.complete(QUESTION, stage=stage)
            rewrite(scene, "[reflex]", "# a comment\n[reflex]")
        assert scene.events("PolicyRecaptured") == []


async def test_a_broken_configuration_leaves_the_policy_before(
    project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said, and the stage goes on."""
    async with world(project) as scene, PipelineRun(scene.settings) as run:
        await run.complete(QUESTION, stage=Stage.PLAN)
        rewrite(scene, "enabled = true", "enbled = true")
        with caplog.at_level(logging.WARNING):
            answer = await run.complete(QUESTION, stage=Stage.IMPLEMENT)
    assert answer.mode is Mode.REFLEX
    assert "stage implement goes by the policy before" in caplog.text


async def test_a_policy_that_cannot_be_recorded_sends_nothing(project: Path) -> None:
    """The stage has not begun then: with the next call it is tried again."""
    async with world(project) as scene, PipelineRun(scene.settings) as run:
        await run.complete(QUESTION, stage=Stage.PLAN)
        rewrite(scene, "enabled = true", "enabled = false")
        policies = project / ".speckit" / "policies"
        policies.rename(project / "kept")
        policies.write_text("in the way")
        before = len(scene.events("RoutingDecision"))
        with pytest.raises(CapsuleError):
            await run.complete(QUESTION, stage=Stage.IMPLEMENT)
        assert len(scene.events("RoutingDecision")) == before
        policies.unlink()
        assert (await run.complete(QUESTION, stage=Stage.IMPLEMENT)).mode is Mode.CLOUD
        assert len(scene.events("PolicyRecaptured")) == 1


async def test_calls_under_way_end_by_the_policy_they_began_with(project: Path) -> None:
    """The stage after does not wait for them."""
    async with world(project) as scene, PipelineRun(scene.settings) as run:
        scene.faults("slow:300")
        slow = asyncio.create_task(run.complete(QUESTION, stage=Stage.IMPLEMENT))
        await asyncio.sleep(0.05)
        rewrite(scene, "enabled = true", "enabled = false")
        await run.complete(QUESTION, stage=Stage.AUDIT)
        assert (await slow).mode is Mode.REFLEX


async def test_the_monitor_counts_each_call_of_the_run_once(project: Path) -> None:
    """The numbers go on where the policy changes, or calls after it would look like copies."""
    async with world(project) as scene, PipelineRun(scene.settings) as run:
        for number in range(3):
            await run.complete(QUESTION, stage=Stage.IMPLEMENT)
            rewrite(
                scene,
                "[reflex]",
                f"[reflex]\ntimeout_ms = {2000 + number}" if not number else "[reflex]",
            )
            await run.complete(QUESTION, stage=Stage.AUDIT)
        (passed,) = scene.events("GateDecision")
        watched = [one["watched"] for one in scene.events("LLMCall") if one["watched"]]
        drift = DriftWatch(run._current._state.log, project).read(passed)
    assert watched == [1, 2, 3]
    assert drift
    assert drift.charts[LATENCY].calls == 3
