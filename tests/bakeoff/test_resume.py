"""Stopped, killed or broken off: what was done is kept, and never done again."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from core.errors import CapsuleError, Misconfigured, ReportError, ServerError
from core.harness import run_bakeoff
from core.harness.bakeoff import arms
from core.harness.bakeoff import run as running
from core.harness.bakeoff.progress import Finished, Started, TrialEnded
from core.harness.report.storage import newest, read
from core.router.evidence import Evidence
from core.standin.script import parse_faults
from tests.support.bakeoff.arena import LITTLE, Arena, arena

if TYPE_CHECKING:
    from pathlib import Path

    from core.capsule.events import Event
    from core.harness.bakeoff.progress import Progress

pytestmark = pytest.mark.usefixtures("no_sandbox")


async def stop_after(a: Arena, trials: int) -> tuple[Finished, list[Progress]]:
    """Run until so many trials have ended, then stop."""
    stop = asyncio.Event()
    events: list[Progress] = []
    async with aclosing(run_bakeoff(a.settings, a.plan(concurrency=1), stop=stop)) as telling:
        async for event in telling:
            events.append(event)
            if isinstance(event, TrialEnded) and event.done == trials:
                stop.set()
    assert isinstance(events[-1], Finished)
    return events[-1], events


async def test_stopped_and_resumed_is_one_run(project: Path) -> None:
    """The partial report is marked and cannot enable reflex; together no trial is made twice."""
    async with arena(project) as a:
        partial, _ = await stop_after(a, 3)
        assert partial.stopped == "interrupted"
        assert partial.report.partial
        assert partial.report.stamps == ("partial", "loosened", "other_suite")
        assert not partial.recorded
        kept = partial.report.trials
        assert 3 <= len(kept) < 10
        assert newest(a.eval).path is None
        (stopped,) = a.capsule("BakeoffFinished")
        assert stopped["partial"] is True
        # It counts as a run, and leaves nothing to later ones.
        left = [stopped[name] for name in ("evidence", "against", "slow", "calls")]
        assert (stopped["trials"], left) == (len(kept), [0, 0, 0, 0])
        asked = len(a.by_reflex.asked) + len(a.by_cloud.asked)

        whole, events = await a.run(concurrency=1, resume=True)
        started = events[0]
        assert isinstance(started, Started)
        assert (started.done, started.total) == (len(kept), 10)
        assert not whole.report.partial
        assert whole.report.trials[: len(kept)] == kept
        assert len(whole.report.trials) == 10
        # By way of the journal, too: what ``auto`` came to.
        assert whole.report.settings.edit_format == "auto"
        asked_as = {one.edit_format for each in whole.report.trials for one in each.attempts}
        assert asked_as == {"code"}
        assert whole.report.run_id == partial.report.run_id
        assert whole.report.plan == partial.report.plan
        assert whole.report.plan
        assert whole.report.plan.run == 1
        assert a.capsule("BakeoffFinished")[-1]["calls"] == 5
        assert whole.report.created_at == partial.report.created_at
        assert whole.recorded
        # What was under way when it stopped is asked again, nothing else.
        again = len(a.by_reflex.asked) + len(a.by_cloud.asked) - asked
        assert again == 10 - len(kept)
        with pytest.raises(ReportError, match="no bakeoff to resume"):
            await a.run(resume=True)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"trials": 2}, "other trials"),
        ({"tasks": "t01"}, "other tasks"),
        ({"seed": 2}, "other seed"),
        ({"attempts": 2}, "other attempts"),
    ],
)
async def test_another_run_is_not_resumed(project: Path, change: dict[str, Any], told: str) -> None:
    """Trials of two different tests are never pooled."""
    async with arena(project, tasks=2) as a:
        await stop_after(a, 1)
        with pytest.raises(ReportError, match=told):
            await a.run(**{"concurrency": 1, "resume": True, **change})


async def test_a_journal_that_somebody_wrote_is_not_believed(project: Path) -> None:
    """A gate pass could rest on it: lines are sealed, also against those of another journal."""
    async with arena(project, tasks=2) as a:
        await stop_after(a, 2)
        (journal,) = a.eval.glob("*.journal.jsonl")
        whole = journal.read_bytes()
        line = json.loads(whole.splitlines()[1])
        line["trial"]["solved"] = not line["trial"]["solved"]
        journal.write_bytes(whole.splitlines()[0] + b"\n" + json.dumps(line).encode() + b"\n")
        with pytest.raises(ReportError, match="not written by you"):
            await a.run(concurrency=1, resume=True)

        journal.unlink()
        await stop_after(a, 1)
        (second,) = a.eval.glob("*.journal.jsonl")
        second.write_bytes(second.read_bytes() + whole.splitlines()[2] + b"\n")
        with pytest.raises(ReportError, match="two runs"):
            await a.run(concurrency=1, resume=True)

        second.write_bytes(b"[]\n")
        with pytest.raises(ReportError, match="cannot be resumed"):
            await a.run(concurrency=1, resume=True)


async def test_a_run_under_way_is_not_resumed(project: Path) -> None:
    """Two processes at one journal would make the same trials."""
    async with arena(project, tasks=2) as a:
        async for event in run_bakeoff(a.settings, a.plan()):
            if isinstance(event, Started):
                with pytest.raises(ReportError, match="no bakeoff to resume"):
                    await a.run(resume=True)


async def test_a_torn_last_line_costs_one_trial(project: Path) -> None:
    """A process killed while it wrote leaves half a line."""
    async with arena(project, tasks=2) as a:
        await stop_after(a, 2)
        (journal,) = a.eval.glob("*.journal.jsonl")
        journal.write_bytes(journal.read_bytes()[:-20])
        finished, events = await a.run(concurrency=1, resume=True)
    started = events[0]
    assert isinstance(started, Started)
    assert started.done == 1
    assert len(finished.report.trials) == 4


async def run_until_it_breaks(a: Arena, error: type[Exception]) -> Finished:
    """A run that ends with ``error`` after it has told what was done."""
    events: list[Progress] = []

    async def run() -> None:
        async for event in run_bakeoff(a.settings, a.plan(), pauses_s=(0.0, 0.0)):
            events.append(event)  # noqa: PERF401  kept when it breaks off

    with pytest.raises(error):
        await run()
    assert isinstance(events[-1], Finished)
    return events[-1]


async def test_a_cloud_that_stays_away_is_no_yardstick(project: Path) -> None:
    """Each call is tried three times; then the run ends as partial, and can go on later."""
    async with arena(project, tasks=2) as a:
        a.cloud.script = replace(a.cloud.script, faults=parse_faults("status:503"))
        finished = await run_until_it_breaks(a, ServerError)
        assert finished.report.partial
        assert "503" in finished.stopped
        failed = [one for one in a.capsule("LLMCall") if one["backend"] == "cloud"]
        attempts = {one["attempt"] for one in failed if one["error"] != "cancelled"}
        assert attempts == {1, 2, 3}
        a.cloud.script = replace(a.cloud.script, faults=())
        whole, _ = await a.run(resume=True)
        assert len(whole.report.trials) == 4


async def test_a_cloud_that_is_away_for_a_moment_is_asked_again(project: Path) -> None:
    """Being busy is no failure at the task, and costs the arm nothing."""
    async with arena(project, tasks=3) as a:
        a.cloud.script = replace(a.cloud.script, faults=parse_faults("status:503@0.4"), seed=1)
        finished, _ = await a.run()
        calls = [one for one in a.capsule("LLMCall") if one["backend"] == "cloud"]
    assert any(one["attempt"] > 1 for one in calls)
    own = [one for one in finished.report.trials if one.arm == "cloud"]
    assert all(one.solved and len(one.attempts) == 1 for one in own)


async def test_a_wrong_configuration_ends_the_run(project: Path) -> None:
    """404 from the reflex server is no verdict on the model."""
    async with arena(project, tasks=2) as a:
        a.reflex_is(faults=parse_faults("status:404"))
        finished = await run_until_it_breaks(a, Misconfigured)
        assert finished.report.partial
        assert a.capsule("GateDecision") == []


async def test_evidence_that_cannot_be_written_ends_the_run(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is asked without it; the report of what was done is still written."""
    async with arena(project, tasks=1) as a:
        append = Evidence.append

        async def full(self: Evidence, event: Event) -> None:
            if event.event_type in {"RoutingDecision", "BakeoffFinished"}:
                raise CapsuleError("no space left")
            await append(self, event)

        monkeypatch.setattr(Evidence, "append", full)
        finished = await run_until_it_breaks(a, CapsuleError)
        assert a.by_reflex.asked == []
        assert read(finished.json_path).partial


async def test_a_server_that_changes_under_way_decides_nothing(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half the trials would be another model's: the run ends and leaves no decision."""
    async with arena(project, tasks=2) as a:
        asked = a.by_reflex.answer

        def then_change(question: object) -> str | None:
            a.reflex_is(owned_by="vllm")
            return asked(question)  # type: ignore[arg-type]

        monkeypatch.setattr(a.by_reflex, "answer", then_change)
        finished, _ = await a.run()
        assert "reflex" in finished.stopped
        assert len(finished.report.trials) == 4
        assert finished.report.stamps == ("server_changed", "loosened", "other_suite")
        assert not finished.recorded
        assert "a server changed during the run" in finished.unrecorded
        assert a.capsule("GateDecision") == []
        assert "a server changed during the run" in finished.md_path.read_text(encoding="utf-8")
        # With the first server back, which trials were whose nobody could tell.
        a.reflex_is(owned_by="local-test")
        with pytest.raises(ReportError, match="no bakeoff to resume"):
            await a.run(resume=True)


async def test_a_change_is_noticed_while_it_runs(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Servers are looked at now and then, not at the end alone."""
    monkeypatch.setattr(running, "_CHECK_SERVERS_S", 0.01)

    async def changed(_: object) -> str:
        return "the reflex arm's server changed"

    monkeypatch.setattr(running, "changed_server", changed)
    async with arena(project) as a:
        a.reflex_is(ttft_ms=10_000)
        a.configure(LITTLE, reflex="timeout_ms = 20000")
        finished, _ = await a.run()
    assert finished.stopped == "the reflex arm's server changed"
    assert finished.report.stamps == ("partial", "server_changed", "loosened", "other_suite")
    assert len(finished.report.trials) < 10


async def test_one_answer_about_the_version_may_be_wrong(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server under load that once fails to say its version has not changed."""
    looks: list[bool] = []

    async def differs(_: arms.Arm) -> bool:
        looks.append(True)
        return len(looks) % 2 == 1

    monkeypatch.setattr(arms, "_differs", differs)
    async with arena(project, tasks=1) as a:
        finished, _ = await a.run()
    assert looks
    assert finished.stopped == ""
