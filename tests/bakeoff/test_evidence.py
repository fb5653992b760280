"""A bakeoff's calls are on record like any others, and told apart from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core.harness.suites.loading import load_suite
from core.router.implementer import Implementer
from tests.support.bakeoff.arena import arena

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("no_sandbox")


async def test_every_call_has_its_decision_before_it(project: Path) -> None:
    """Reason and origin say that it was a bakeoff; breaker and gate are not asked."""
    async with arena(project, tasks=2, attempts=2) as a:
        a.solve(1, 2)
        finished, _ = await a.run()
        events = a.capsule()
    attempts = [one for trial in finished.report.trials for one in trial.attempts]
    assert len(attempts) == 5
    decisions = [one for one in events if one["event_type"] == "RoutingDecision"]
    calls = [one for one in events if one["event_type"] == "LLMCall"]
    assert len(decisions) == len(calls) == 5
    assert {one["reason"] for one in decisions} == {"bakeoff"}
    assert {one["origin"] for one in [*decisions, *calls]} == {"bakeoff"}
    assert {one["run_id"] for one in events} == {finished.report.run_id}
    assert {one["backend"] for one in calls} == {"reflex", "cloud"}
    assert {one["detail"] for one in decisions} == {"t01, trial 1", "t02, trial 1"}
    decided_at = {one["call_id"]: one["seq"] for one in decisions}
    assert all(decided_at[one["call_id"]] < one["seq"] for one in calls)
    assert all(one["success"] and one["json_compliant"] for one in calls)
    kinds = [one["event_type"] for one in events]
    assert kinds[:2] == ["PolicySnapshotRef", "BakeoffStarted"]
    assert kinds[-2:] == ["BakeoffFinished", "GateDecision"]
    assert not (a.root / ".speckit" / "breaker").exists()


async def test_the_decision_names_the_report(project: Path) -> None:
    """The event and the file agree, and the file knows the chain it belongs to."""
    async with arena(project, tasks=1) as a:
        finished, _ = await a.run()
        started, ended, gate = a.capsule("BakeoffStarted", "BakeoffFinished", "GateDecision")
        before = a.capsule()[-3]
    report = finished.report
    assert (a.root / gate["report_path"]).samefile(finished.json_path)
    assert gate["report_sha256"] == ended["report_sha256"] == f"sha256:{finished.sha256}"
    assert report.capsule_head == before["hash"]
    assert gate["suite"] == report.suite.root == "./suite"
    assert gate["suite_hash"] == started["suite_hash"] == report.suite.hash
    assert load_suite(a.suite).hash == report.suite.hash  # as ``suite show`` prints it
    assert gate["metrics"]["success_parity"]["value"] == 100
    assert gate["solved_percent"] == {"reflex": 100.0, "cloud": 100.0}
    assert gate["verdict"] == report.gate["verdict"]


async def test_live_calls_are_none_of_it(project: Path) -> None:
    """An Implement call in the same workspace is live."""
    async with arena(project) as a:
        await a.run()
        async with Implementer.from_settings(a.settings) as implementer:
            await implementer.complete([{"role": "user", "content": "Return 01!"}])
        origins = [one["origin"] for one in a.capsule("LLMCall")]
    assert origins == ["bakeoff"] * 10 + ["live"]
