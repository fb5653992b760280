"""Planted results come to the verdicts that the formulas give them, over real servers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from core.harness.bakeoff.progress import AttemptEnded, Started, TrialEnded, TrialStarted
from core.harness.report.storage import read, rederive
from core.patchloop.trial import FailureKind
from core.standin.script import parse_faults
from tests.support.bakeoff.arena import LITTLE, arena

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
async def test_a_pass(project: Path) -> None:
    """All in time, all solved, and just enough of them; the report says the same."""
    async with arena(project) as a:
        finished, events = await a.run()
    assert finished.report.gate["verdict"] == "pass"
    assert finished.recorded
    assert finished.report.stamps == ("loosened", "other_suite")
    stored = read(finished.json_path)
    assert stored == finished.report
    assert rederive(stored).verdict == "pass"
    assert finished.md_path.read_text(encoding="utf-8").startswith("#")
    assert list(a.eval.glob("*.journal.jsonl")) == []

    started = events[0]
    assert isinstance(started, Started)
    assert (started.total, started.done, started.arms) == (10, 0, ("reflex", "cloud"))
    ended = [one for one in events if isinstance(one, TrialEnded)]
    assert [one.done for one in ended] == list(range(1, 11))
    assert sum(isinstance(one, TrialStarted) for one in events) == 10
    assert sum(isinstance(one, AttemptEnded) for one in events) == 10
    assert ended[-1].verdict_now is not None
    assert ended[-1].verdict_now.as_json() == finished.report.gate


@pytest.mark.usefixtures("no_sandbox")
async def test_one_task_fewer_is_inconclusive(project: Path) -> None:
    """Four calls in time prove too little even at this confidence."""
    async with arena(project, tasks=4) as a:
        finished, _ = await a.run()
    assert finished.report.gate["verdict"] == "inconclusive"
    assert "1 more" in finished.report.gate["decides"]


@pytest.mark.parametrize(("reflex", "verdict"), [(4, "fail"), (5, "pass")])
@pytest.mark.usefixtures("no_sandbox")
async def test_parity(project: Path, reflex: int, verdict: str) -> None:
    """80 % of what the cloud solves is under 85 %."""
    async with arena(project) as a:
        a.solve(reflex, 5)
        finished, _ = await a.run()
    assert finished.report.gate["verdict"] == verdict
    assert finished.report.gate["misses"] == (["success_parity"] if verdict == "fail" else [])
    assert finished.recorded


@pytest.mark.usefixtures("no_sandbox")
async def test_a_weak_cloud_is_no_yardstick(project: Path) -> None:
    """Better than an arm that solves two of five says nothing."""
    async with arena(project) as a:
        a.solve(3, 2)
        finished, _ = await a.run()
    assert finished.report.gate["verdict"] == "inconclusive"


@pytest.mark.usefixtures("no_sandbox")
async def test_one_reply_off_the_schema_fails(project: Path) -> None:
    """100 % is asked for; the failed attempt is told apart, and the next one may still solve."""
    async with arena(project, attempts=3) as a:
        a.reflex_is(faults=parse_faults("badjson@0.5"), seed=2)
        finished, _ = await a.run()
    assert finished.report.gate["verdict"] == "fail"
    assert finished.report.gate["misses"] == ["json_compliance"]
    own = [one for one in finished.report.trials if one.arm == "reflex"]
    kinds = {attempt.failure for one in own for attempt in one.attempts}
    assert FailureKind.FORMAT in kinds
    assert all(one.solved for one in own)


@pytest.mark.usefixtures("no_sandbox")
async def test_too_slow_fails_though_it_is_waited_for(project: Path) -> None:
    """Replies after ``timeout_ms`` are measured, but nothing they say counts."""
    async with arena(project, tasks=2) as a:
        a.configure(LITTLE + "p95_latency_ms = 990\n", reflex="timeout_ms = 300")
        a.reflex_is(ttft_ms=1000)
        finished, _ = await a.run()
    assert finished.report.gate["verdict"] == "fail"
    assert set(finished.report.gate["misses"]) == {"p95_latency", "success_parity"}
    own = [one.attempts[0] for one in finished.report.trials if one.arm == "reflex"]
    assert {one.failure for one in own} == {FailureKind.TIMEOUT}
    assert any(one.late and one.latency_ms >= 1000 and one.compliant for one in own)
    assert finished.report.settings.request_timeout_ms == 1980


@pytest.mark.usefixtures("no_sandbox")
async def test_a_dead_server_fails(project: Path) -> None:
    """Reflex refuses every call: that is no reply in time, and nothing solved."""
    async with arena(project, tasks=2) as a:
        a.reflex_is(faults=parse_faults("status:503"))
        finished, _ = await a.run()
    assert finished.report.gate["verdict"] == "fail"
    assert set(finished.report.gate["misses"]) >= {"p95_latency", "success_parity"}


@pytest.mark.usefixtures("no_sandbox")
async def test_trials_count_as_calls(project: Path) -> None:
    """Two trials of three tasks are six first calls."""
    async with arena(project, tasks=3) as a:
        finished, _ = await a.run(trials=2)
    latency = finished.report.gate["criteria"][0]
    assert latency["state"] == "pass"
    assert latency["note"].startswith("0 of 6 first calls")


@pytest.mark.usefixtures("no_sandbox")
async def test_a_server_that_does_not_constrain_is_told_the_schema(project: Path) -> None:
    """With ``json_schema = false`` the same replies are only validated."""
    async with arena(project, tasks=1) as a:
        a.configure(LITTLE, reflex="json_schema = false")
        finished, _ = await a.run()
    assert all(one.solved for one in finished.report.trials)


async def test_stopping_before_it_begins_leaves_nothing(project: Path) -> None:
    """No call, no report."""
    async with arena(project, tasks=1) as a:
        stop = asyncio.Event()
        stop.set()
        with pytest.raises(IndexError):
            await a.run(stop)
        assert a.by_reflex.asked == []
        assert not a.eval.exists()
