"""The cloud's trials taken over from an earlier report, and runs made in shards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core.errors import ReportError
from core.harness.bakeoff.preparation import prepare
from core.harness.report.merge import merge
from tests.support.bakeoff.arena import LITTLE, arena
from tests.support.health.clocks import FakeClock

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("no_sandbox")


async def test_the_cloud_is_not_paid_twice(project: Path) -> None:
    """Its trials are the report's, it is not even contacted, and the run is stamped so."""
    async with arena(project) as a:
        a.solve(3, 5)
        first, _ = await a.run()
        a.solve(5, 5)
        asked = len(a.by_cloud.asked)
        await a.cloud.__aexit__(None, None, None)
        second, _ = await a.run(reuse_cloud=first.json_path)
        await a.cloud.__aenter__()
        assert len(a.by_cloud.asked) == asked
        assert second.report.gate["summary"] == "pass: every criterion clears"
        assert "reused_cloud" in second.report.stamps
        assert second.report.reused_from == first.sha256
        cloud = [
            [one for one in run.report.trials if one.arm == "cloud"] for run in (first, second)
        ]
        assert sorted(cloud[0], key=lambda one: one.task) == sorted(
            cloud[1], key=lambda one: one.task
        )
        assert second.recorded


async def test_only_a_report_of_ours_can_lead_to_a_promotion(project: Path) -> None:
    """Anybody can write a report with a weak cloud; the run works, and decides nothing."""
    async with arena(project) as a:
        first, _ = await a.run()
        forged = project / "forged.json"
        text = first.json_path.read_text(encoding="utf-8")
        forged.write_text(text.replace('"concurrency": 2', '"concurrency": 3'), encoding="utf-8")
        assert forged.read_text(encoding="utf-8") != text
        second, _ = await a.run(reuse_cloud=forged)
        assert not second.recorded
        assert "vouch" in second.unrecorded


async def test_trials_that_are_lacking_are_made(project: Path) -> None:
    """A report of one trial serves a run of two."""
    async with arena(project, tasks=2) as a:
        first, _ = await a.run()
        second, _ = await a.run(reuse_cloud=first.json_path, trials=2)
        assert len([one for one in second.report.trials if one.arm == "cloud"]) == 4
        assert len(a.by_cloud.asked) == 4


async def test_another_test_is_not_reused(project: Path) -> None:
    """Its figures would mean nothing beside the new ones."""
    async with arena(project, tasks=2) as a:
        first, _ = await a.run()
        with pytest.raises(ReportError, match="attempts was 1 and is 2"):
            await a.run(reuse_cloud=first.json_path, attempts=2)


async def test_trials_older_than_a_pass_may_be_are_not_reused(project: Path) -> None:
    """The limit is the workspace's own max_age_days; a day before it they are still taken."""
    async with arena(project, tasks=2) as a:
        first, _ = await a.run()
        a.configure(LITTLE + "max_age_days = 3\n")
        plan, clock = a.plan(reuse_cloud=first.json_path), FakeClock()
        clock.advance((first.report.finished_at - clock.now()).total_seconds())
        clock.advance(2 * 86_400)
        assert (await prepare(a.settings, plan, clock=clock)).reused_trials
        clock.advance(2 * 86_400)
        with pytest.raises(ReportError, match="the report is 4 days old, and max_age_days is 3"):
            await prepare(a.settings, plan, clock=clock)


async def test_shards_together_are_the_whole(project: Path) -> None:
    """Each has its part of the tasks; merged, the gate is that of one run."""
    async with arena(project) as a:
        parts = [(await a.run(shard=(number, 2)))[0] for number in (1, 2)]
        whole, _ = await a.run()
    assert [len(one.report.suite.selected) for one in parts] == [3, 2]
    assert not any(one.recorded for one in parts)
    merged = merge([one.report for one in parts])
    assert not merged.partial
    assert merged.gate["verdict"] == "pass"
    assert {one.task for one in merged.trials} == {one.task for one in whole.report.trials}
