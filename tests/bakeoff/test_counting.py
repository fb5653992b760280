"""Looks that end a run early, runs that are counted, and evidence that is carried on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from core.capsule import EventLog
from core.capsule.events import BakeoffFinishedEvent, BakeoffStartedEvent
from core.harness.bakeoff.counting import earlier_runs, fingerprint, fold, sealed_event
from core.harness.bakeoff.preparation import prepare
from core.harness.bakeoff.progress import LatencyCall, LookTaken, Started
from core.harness.gate.looks import looks_of
from core.harness.report.storage import rederive
from tests.support.bakeoff.arena import arena

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 3, 1, tzinfo=UTC)
F = "sha256:one"


@pytest.mark.usefixtures("no_sandbox")
async def test_a_weak_model_ends_at_the_first_look_and_the_second_run_counts_the_first(
    project: Path,
) -> None:
    """The cloud is never asked, the report says why, and there are no new planned looks."""
    async with arena(project, tasks=16) as a:
        a.configure()
        a.solve(0, 16)
        first, events = await a.run()
        second, again = await a.run()
    assert a.by_cloud.asked == []
    assert len(first.report.trials) == 4
    assert first.report.gate["misses"] == ["success_parity"]
    assert (first.report.partial, first.recorded, first.stopped) == (False, True, "")
    (look,) = [one for one in events if isinstance(one, LookTaken)]
    assert (look.number, look.of, look.ends, look.look.cloud) == (1, 4, True, None)
    page = first.md_path.read_text(encoding="utf-8")
    assert "the cloud was not asked" in page
    assert "Run 1 of this fingerprint" in page
    assert isinstance(again[0], Started)
    assert again[0].run == 2
    assert second.report.plan is not None
    assert (second.report.plan.run, second.report.plan.rerun) == (2, 1)
    assert "Run 2 of this fingerprint" in second.md_path.read_text(encoding="utf-8")
    assert second.report.gate["standing"]["planned"] is False
    # What is carried on is sealed, and in the decisions.
    assert [one["run"] for one in a.capsule("GateDecision")] == [1, 2]
    assert [one["calls"] for one in a.capsule("BakeoffFinished")] == [4, 4]


@pytest.mark.slow
@pytest.mark.usefixtures("no_sandbox")
async def test_a_good_model_passes_at_a_look_and_its_latency_is_topped_up(project: Path) -> None:
    """The other tasks are not run; reflex alone is asked until 70 calls prove its latency."""
    async with arena(project, tasks=60) as a:
        a.configure()
        finished, events = await a.run(concurrency=8)
        (decision,) = a.capsule("GateDecision")
        asked = len(a.by_cloud.asked)
        cheap, _ = await a.run(concurrency=8)
    report = finished.report
    assert report.gate["verdict"] == "pass"
    assert finished.recorded
    assert not report.partial
    assert asked < 60
    looks = [one for one in events if isinstance(one, LookTaken)]
    assert looks[-1].look.outcome == "pass"
    assert looks[-1].ends
    calls = [one for one in events if isinstance(one, LatencyCall)]
    firsts = len([one for one in report.trials if one.arm == "reflex"]) + len(report.latency_calls)
    assert 70 <= firsts < 78
    assert len(calls) == len(report.latency_calls) > 0
    assert (decision["promoted_by"], decision["run"]) == ("planned", 1)
    assert rederive(report).as_json() == report.gate
    # The second run passes by its evidence, or leaves the pass as it is; latency is carried on.
    assert cheap.report.plan is not None
    assert cheap.report.plan.calls == firsts
    assert cheap.report.latency_calls == ()
    standing = cheap.report.gate["standing"]
    assert standing["promoted_by"] == ("evidence" if standing["evidence"] >= 100 else None)


@pytest.mark.slow
@pytest.mark.usefixtures("no_sandbox")
async def test_a_golden_task_that_reflex_loses_fails_the_gate(project: Path) -> None:
    """It gets a second trial by both arms, since one may be chance."""
    async with arena(project, tasks=60) as a:
        task = a.suite / "t60" / "task.toml"
        task.write_text(task.read_text(encoding="utf-8") + "golden = true\n", encoding="utf-8")
        a.configure()
        a.solve(59, 60)
        finished, _ = await a.run(concurrency=8)
        a.configure("[reflex.thresholds]\ngolden_regressions_allowed = 1\n")
        allowed, _ = await a.run(concurrency=8, reuse_cloud=finished.json_path)
    assert finished.report.suite.golden == ("t60",)
    assert finished.report.gate["misses"] == ["golden_regression"]
    assert [one.trial for one in finished.report.trials if one.task == "t60"] == [0, 0, 1, 1]
    assert "t60" in finished.report.gate["summary"]
    assert allowed.report.gate["misses"] == []
    assert "loosened" in allowed.report.stamps


@pytest.mark.usefixtures("no_sandbox")
async def test_without_early_stop_all_tasks_are_run(project: Path) -> None:
    """For complete figures; what a look decided still holds."""
    async with arena(project, tasks=8) as a:
        a.configure()
        a.solve(0, 8)
        finished, _ = await a.run(early_stop=False)
    assert len(finished.report.trials) == 16
    assert finished.report.gate["verdict"] == "fail"


def run(number: int, **finished: Any) -> list[dict[str, Any]]:
    """A run's events, as sealed ones are read."""
    about = {"run_id": f"r{number}", "fingerprint": F}
    left = {"trials": 8, "evidence": 0.0, "slow": 0, "calls": 0, **finished}
    return [
        {"event_type": "BakeoffStarted", **about},
        {"event_type": "BakeoffFinished", **about, **left},
    ]


def folded(events: list[dict[str, Any]], run_id: str = "me") -> Any:
    """What they leave to a run that starts now."""
    return fold(events, F, run_id, now=NOW, max_age_days=30)


def test_every_start_counts_and_evidence_is_weighted() -> None:
    """The first run is planned and has none; the next count a half, a sixth."""
    events = [*run(1, evidence=9e9), *run(2, evidence=12.0, calls=70, slow=1), *run(3, evidence=6)]
    found = folded(events)
    assert (found.runs, found.evidence, found.slow, found.calls) == (3, 7.0, 1, 70)
    # The bets against reflex are of all runs, the first included.
    assert folded([*run(1, against=6.0), *run(2, against=12.0)]).against == 5.0
    # One that never ended counts; one that broke off before its first trial does not.
    assert folded(run(1)[:1]).runs == 1
    assert folded(run(1, trials=0)).runs == 0
    # Started twice, as it was resumed, it is one; and what came after it is not before it.
    assert folded([*run(1)[:1], *run(1)]).runs == 1
    assert folded([*run(1), *run(2)], "r2").runs == 1
    assert folded([*run(1), *run(2)[:1], *run(3, evidence=6)], "r2").runs == 1
    assert fold(run(1), "sha256:other", "me", now=NOW, max_age_days=30).runs == 0


@pytest.mark.parametrize("evidence", [-1, float("inf"), float("nan"), "9", None, [], True and "x"])
def test_malformed_evidence_is_none(evidence: object) -> None:
    """Sealed or not, what cannot be is not counted."""
    assert folded([*run(1), *run(2, evidence=evidence)]).evidence == 0
    assert folded([*run(1), *run(2, against=evidence)]).against == 0
    assert folded([*run(1), *run(2, slow=5, calls=1)]).calls == 0


@pytest.mark.parametrize(("days", "runs", "holds"), [(1, 2, True), (31, 1, False)])
def test_a_pass_that_is_too_old_begins_a_new_count(days: int, runs: int, holds: bool) -> None:  # noqa: FBT001
    """Until then it is in force, and later runs are reruns."""
    decided = {
        "event_type": "GateDecision",
        "fingerprint": F,
        "verdict": "pass",
        "decided_at": (NOW - timedelta(days=days)).isoformat(),
    }
    found = folded([*run(1), decided, *run(2)])
    assert (found.runs, found.pass_holds) == (runs, holds)
    failed = folded([*run(1), decided, {**decided, "verdict": "fail"}])
    assert not failed.pass_holds


def test_after_a_demotion_the_count_begins_again() -> None:
    """What was seen of the model before live calls broke its promise is no evidence of it now."""
    demoted = {
        "event_type": "GateDecision",
        "fingerprint": F,
        "verdict": "fail",
        "cause": "drift_latency",
        "decided_at": NOW.isoformat(),
    }
    found = folded([*run(1), *run(2, evidence=9e9), demoted, *run(3)])
    assert (found.runs, found.evidence, found.pass_holds) == (1, 0.0, False)
    assert folded([*run(1), demoted | {"fingerprint": "sha256:other"}]).runs == 1


@pytest.mark.slow
@pytest.mark.usefixtures("no_sandbox")
async def test_an_undecided_run_leaves_a_pass_in_force_and_a_fail_ends_it(project: Path) -> None:
    """What it has seen is kept, but it decides nothing."""
    async with arena(project) as a:
        first, _ = await a.run()
        a.solve(5, 2)
        undecided, _ = await a.run()
        a.solve(1, 5)
        failed, _ = await a.run()
        decided = [one["verdict"] for one in a.capsule("GateDecision")]
    assert first.recorded
    assert undecided.report.gate["verdict"] == "inconclusive"
    assert not undecided.recorded
    assert "the earlier pass still holds" in undecided.unrecorded
    assert failed.recorded
    assert decided == ["pass", "fail"]


@pytest.mark.slow
@pytest.mark.usefixtures("no_sandbox")
async def test_calls_for_latency_are_made_where_they_can_matter(project: Path) -> None:
    """Not while parity is open too, unless the user wishes them; then up to his number."""
    async with arena(project) as a:
        a.configure()
        usual, _ = await a.run()
        wished, events = await a.run(latency_calls=8)
    assert usual.report.gate["verdict"] == "inconclusive"
    assert usual.report.latency_calls == ()
    assert len(wished.report.latency_calls) == 3
    assert [one.calls for one in events if isinstance(one, LatencyCall)] == [6, 7, 8]


@pytest.mark.usefixtures("no_sandbox")
async def test_another_question_has_a_count_of_its_own(project: Path) -> None:
    """What an answer depends on is in the fingerprint; how often it was asked is not."""
    async with arena(project, tasks=2) as a:

        async def counted(reflex: str = "", limits: str = "", **plan: Any) -> str:
            a.configure(f"[reflex.thresholds]\n{limits}\n", reflex=reflex)
            return fingerprint(await prepare(a.settings, a.plan(**plan)))

        usual = await counted()
        assert usual
        for same in ({"limits": "max_age_days = 3"}, {"trials": 3}, {"seed": 5}):
            assert await counted(**same) == usual, same  # type: ignore[arg-type]
        others = [
            await counted(reflex=f"{line}")
            for line in (
                "timeout_ms = 999",
                'edit_format = "whole_file"',
                "candidates = 2",
                "json_schema = false",
            )
        ]
        others.append(await counted(limits="p95_latency_ms = 1900"))
        a.cloud.script = replace(a.cloud.script, model="another")
        others.append(await counted())
        assert len({usual, *others}) == 1 + len(others)


def test_only_what_the_user_sealed_here_counts(tmp_path: Path) -> None:
    """A project's own events neither add a run nor bring evidence to one."""
    key = b"k" * 32

    def started(run_id: str) -> BakeoffStartedEvent:
        return BakeoffStartedEvent(
            run_id=run_id,
            policy_hash="sha256:p",
            suite="small",
            suite_hash="sha256:s",
            arms=["reflex", "cloud"],
            tasks=8,
            trials=1,
            seed=1,
            fingerprint=F,
        )

    def finished(run_id: str, evidence: float) -> BakeoffFinishedEvent:
        return BakeoffFinishedEvent(
            run_id=run_id,
            policy_hash="sha256:p",
            report_path="r.json",
            report_sha256="sha256:r",
            partial=False,
            fingerprint=F,
            trials=16,
            evidence=evidence,
        )

    with EventLog(tmp_path / "capsule") as log:
        for number in (1, 2):
            log.append(sealed_event(started(f"r{number}"), tmp_path, key))
        log.append(sealed_event(finished("r2", 6.0), tmp_path, key))
        log.append(finished("r2", 9e9))
        log.append(sealed_event(finished("r2", 6.0), tmp_path, key).model_copy(update={"calls": 9}))
        log.append(sealed_event(finished("r2", 9e9), tmp_path / "elsewhere", key))
        log.append(started("r3"))
        found = earlier_runs(log, F, "me", workspace=tmp_path, key=key, now=NOW, max_age_days=30)
    assert (found.runs, found.evidence, found.calls) == (2, 3.0, 0)


def test_looks_are_planned_where_confidence_protects() -> None:
    """Below one half there is one look at the end."""
    assert looks_of(0.95, 68) == (17, 34, 51, 68)
    assert looks_of(0.2, 68) == (68,)
