"""A bakeoff over two Dask workers, which are processes with an environment of their own."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from core.capsule import EventLog
from core.errors import ConfigError, WorkerError
from core.harness import run_bakeoff
from core.harness.bakeoff import orders
from core.harness.bakeoff.conclusion import environment
from core.harness.bakeoff.progress import Finished, TrialEnded
from tests.support.bakeoff.arena import arena, solution
from tests.support.bakeoff.bench import bench
from tests.support.health.servers import models, serving
from tests.support.health.streams import stream
from tests.support.scale.cluster import KEY_OF_THE_WORKERS, Cluster, cluster

if TYPE_CHECKING:
    from collections.abc import Iterator

    from core.harness.bakeoff.preparation import PreparedRun
    from core.harness.bakeoff.progress import Progress
    from core.patchloop.trial import Trial

pytest.importorskip("distributed")
pytestmark = pytest.mark.timeout(180)

CODE = Path(sys.executable).with_name("code")


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A scheduler and two workers."""
    with cluster(tmp_path_factory.mktemp("dask"), workers=2) as running:
        yield running


@pytest.mark.slow
async def test_it_comes_to_what_one_process_comes_to(project: Path, two: Cluster) -> None:
    """The same trials and verdict, made by both at once; one capsule has all the evidence.

    The workers' capsule has it too.
    """
    async with arena(project, tasks=3) as a:
        a.solve(2, 3)
        alone, _ = await a.run()
        a.reflex_is(ttft_ms=300)
        finished, events = await a.run(executor=two.executor, concurrency=1)
        of_workers = [one for one in a.capsule() if one["run_id"] == finished.report.run_id]
    report = finished.report
    assert sorted(map(outcome, report.trials)) == sorted(map(outcome, alone.report.trials))
    assert report.gate["verdict"] == alone.report.gate["verdict"]
    assert report.stamps == alone.report.stamps
    assert not finished.recorded
    assert "workers" in finished.unrecorded
    assert len([one for one in events if isinstance(one, TrialEnded)]) == 6
    assert most_at_once(events) == 2

    calls = {one["call_id"]: one["seq"] for one in of_workers if one["event_type"] == "LLMCall"}
    decided = {
        one["call_id"]: one["seq"] for one in of_workers if one["event_type"] == "RoutingDecision"
    }
    assert len(calls) == 6
    assert calls.keys() == decided.keys()
    assert all(decided[call] < seq for call, seq in calls.items())
    theirs = next(path for path in two.capsules if report.run_id in str(path))
    with EventLog(theirs) as log:
        assert log.verify().ok
        kept = [dict(one.body) for one in log.read()]
    assert {one["call_id"] for one in kept} == calls.keys()


def outcome(trial: Trial) -> tuple[str, str, int, bool, str]:
    """What a trial came to, times aside."""
    return trial.task, trial.arm, trial.trial, trial.solved, trial.diff


def most_at_once(events: list[Progress]) -> int:
    """How many trials were under way at once."""
    begun = ended = most = 0
    for event in events:
        begun += type(event).__name__ == "TrialStarted"
        ended += isinstance(event, TrialEnded)
        most = max(most, begun - ended)
    return most


@pytest.mark.slow
async def test_keys_stay_where_they_are(
    project: Path, two: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The coordinator's key is in no order; a worker's calls bear the worker's own."""
    own = "sk-of-the-coordinator-987654321"
    edits = {"edits": [{"path": "answer.py", "code": solution(1).splitlines()}]}
    routes = {
        "/v1/models": models("distant", owned_by="somebody"),
        "/v1/chat/completions": stream(json.dumps(edits)),
    }
    sent: list[str] = []
    plain_order = orders.Order.model_dump_json

    def seen(order: orders.Order) -> str:
        sent.append(plain_order(order))
        return sent[-1]

    monkeypatch.setattr(orders.Order, "model_dump_json", seen)
    async with arena(project, tasks=1) as a, serving(routes) as cloud:
        for environ in (None, two.environment()):
            trusting = [str(CODE), "reflex", "trust", cloud.endpoint]
            await asyncio.to_thread(subprocess.run, trusting, env=environ, check=True)
        text = (a.root / "stage0.toml").read_text(encoding="utf-8")
        text = text.replace(a.cloud.endpoint, cloud.endpoint)
        (a.root / "stage0.toml").write_text(text, encoding="utf-8")
        plan = a.plan(executor=two.executor, concurrency=1, edit_format=None)
        async for _ in run_bakeoff(a.settings, plan, environ={"OPENAI_API_KEY": own}):
            pass
    keys = {
        headers["authorization"].removeprefix("bearer ")
        for path, headers in cloud.requests
        if path == "/v1/chat/completions"
    }
    assert keys == {KEY_OF_THE_WORKERS}
    assert any(headers["authorization"] == f"bearer {own}" for _, headers in cloud.requests)
    assert sent
    assert not any("sk-of" in order for order in sent)


@pytest.mark.slow
async def test_stopped_and_resumed(project: Path, two: Cluster) -> None:
    """What has not begun is taken back; resumed, no trial is missing or made twice."""
    async with arena(project, tasks=3) as a:
        a.reflex_is(ttft_ms=100)
        stop = asyncio.Event()
        events: list[Progress] = []
        plan = a.plan(executor=two.executor, concurrency=1)
        async with aclosing(run_bakeoff(a.settings, plan, stop=stop)) as telling:
            async for event in telling:
                events.append(event)
                if isinstance(event, TrialEnded) and event.done == 2:
                    stop.set()
        partial = events[-1]
        assert isinstance(partial, Finished)
        assert partial.stopped == "interrupted"
        assert partial.report.partial
        assert 2 <= len(partial.report.trials) < 6
        with pytest.raises(Exception, match="other executor"):
            await a.run(resume=True, concurrency=1)
        whole, _ = await a.run(executor=two.executor, concurrency=1, resume=True)
    assert whole.report.run_id == partial.report.run_id
    slots = [(one.task, one.arm, one.trial) for one in whole.report.trials]
    assert len(slots) == len(set(slots)) == 6


async def test_another_version_is_refused(
    project: Path, two: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is recorded, in words that name both and say what to install."""
    newer = environment().model_copy(update={"reflex_version": "99.0"})
    monkeypatch.setattr(orders, "environment", lambda: newer)
    async with arena(project, tasks=1) as a:
        with pytest.raises(WorkerError, match=r"has version .* of this package, not 99\.0") as seen:
            await a.run(executor=two.executor)
        assert "speckit-reflex==99.0" in seen.value.remedy
        assert not a.eval.exists()
        assert not (a.root / ".speckit" / "capsule").exists()


async def test_another_suite_is_refused(
    project: Path, two: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker hashes its own copy."""
    real = orders.trial_conditions

    def other(prepared: PreparedRun) -> dict[str, object]:
        return {**real(prepared), "suite_hash": "sha256:0"}

    monkeypatch.setattr(orders, "trial_conditions", other)
    async with arena(project, tasks=1) as a:
        with pytest.raises(WorkerError, match="other suite hash"):
            await a.run(executor=two.executor)


async def test_a_suite_that_a_worker_lacks(
    project: Path, two: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker's words reach the user, with whose they are and what to do."""
    whole = orders.Order.model_dump_json
    async with arena(project, tasks=1) as a:
        monkeypatch.setattr(
            orders.Order,
            "model_dump_json",
            lambda order: whole(order).replace(str(a.suite), "/nowhere/at/all"),
        )
        with pytest.raises(WorkerError, match=r"worker .*no suite or path '/nowhere/at/all'"):
            await a.run(executor=two.executor)


@pytest.mark.slow
async def test_no_scheduler(project: Path) -> None:
    """Said at once, with the line that starts one."""
    async with arena(project, tasks=1) as a:
        with pytest.raises(ConfigError, match="no executor that is known"):
            await a.run(executor="ssh://somewhere")
        with pytest.raises(ConfigError, match="no Dask scheduler answers") as seen:
            await a.run(executor="dask://127.0.0.1:9")
    assert "dask scheduler" in seen.value.remedy


@pytest.mark.slow
async def test_no_worker(project: Path, tmp_path: Path) -> None:
    """Waiting for one might last for ever."""
    async with arena(project, tasks=1) as a:
        with cluster(tmp_path, workers=0) as empty, pytest.raises(ConfigError, match="no worker"):
            await a.run(executor=empty.executor)


@pytest.mark.slow
async def test_workers_and_schedulers_die(project: Path, tmp_path: Path) -> None:
    """A dead worker's trial is made by the other; a dead scheduler ends a run that can go on."""
    async with arena(project, tasks=2) as a:
        a.reflex_is(ttft_ms=300)
        with cluster(tmp_path, workers=2) as mortal:
            told: list[Progress] = []
            plan = a.plan(executor=mortal.executor, concurrency=1)
            async for event in run_bakeoff(a.settings, plan):
                told.append(event)
                if len([one for one in told if isinstance(one, TrialEnded)]) == 1:
                    mortal.workers[0].kill()
            whole = told[-1]
            assert isinstance(whole, Finished)
            assert len(whole.report.trials) == 4
            assert not whole.report.partial

            async def until_the_scheduler_dies() -> None:
                async for event in run_bakeoff(a.settings, plan):
                    told.append(event)
                    if isinstance(event, TrialEnded):
                        mortal.scheduler.kill()

            with pytest.raises(WorkerError) as seen:
                await until_the_scheduler_dies()
        partial = told[-1]
        assert isinstance(partial, Finished)
        assert partial.report.partial
        assert "Dask" in seen.value.message
        assert list(a.eval.glob("*.journal.jsonl"))


@pytest.mark.slow
def test_the_command(project: Path, two: Cluster) -> None:
    """As a user runs it, with progress and a verdict: one task proves too little."""
    with bench(project, reflex=1, tasks=1) as b:
        ended = b.run("--executor", two.executor)
    assert ended.returncode == 3, ended.stderr
    assert ended.stdout.startswith("◐ inconclusive")
    assert "does not count: what workers did was not seen by this process" in ended.stdout
    assert len(ended.stderr.splitlines()) == 4
