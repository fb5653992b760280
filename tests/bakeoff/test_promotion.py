"""What the router makes of a bakeoff: believed while nothing changed, and never taken on trust."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from core.client.keywords import TAKEN
from core.errors import SandboxError
from core.harness.bakeoff import preparation
from core.harness.sandbox import SelfTest, Tier
from core.patchloop.formats import EditFormat
from core.router import edit_schemas
from core.router import promotion as gates
from core.router.implementer import Implementer
from core.stages import Mode, Reason
from tests.support.bakeoff.arena import LITTLE, arena

if TYPE_CHECKING:
    from pathlib import Path

    from core.settings import Settings


async def detail(settings: Settings) -> str | None:
    """Why the next Implement call would not go to reflex; None when it would."""
    async with Implementer.from_settings(settings) as implementer:
        decision = await implementer.decide()
    if decision.mode is Mode.REFLEX:
        return None
    assert decision.reason is Reason.THRESHOLDS_NOT_MET
    return decision.detail


@pytest.mark.usefixtures("no_sandbox")
async def test_a_pass_promotes_until_something_changes(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Model, server, suite, prompt, reply schema, candidates or thresholds: each by its name."""
    async with arena(project) as a:
        assert await detail(a.settings) == "no_bakeoff"
        finished, _ = await a.run()
        assert finished.recorded
        assert await detail(a.settings) is None

        a.configure(LITTLE + "p95_latency_ms = 1999\n")
        assert await detail(a.settings) == "thresholds_changed"
        a.configure(LITTLE)
        assert await detail(a.settings) is None

        a.configure(LITTLE, reflex="candidates = 2")
        assert await detail(a.settings) == "candidates_changed"
        a.configure(LITTLE, reflex="json_schema = false")
        assert await detail(a.settings) == "schema_changed"
        a.configure(LITTLE)
        assert await detail(a.settings) is None

        as_it_was = a.reflex.script
        a.reflex.script = replace(as_it_was, owned_by="somebody-else")
        assert await detail(a.settings) is None  # an unknown engine has no name to tell it by
        a.reflex.script = replace(as_it_was, owned_by="vllm")
        assert await detail(a.settings) == "server_changed"

        a.reflex.script = replace(as_it_was, model="larger")
        a.configure(LITTLE, model="larger")
        assert await detail(a.settings) == "model_changed"
        a.reflex.script = as_it_was
        a.configure(LITTLE)

        task = a.suite / "t01" / "task.toml"
        before = task.read_text(encoding="utf-8")
        task.write_text(before + "# easier\n", encoding="utf-8")
        assert await detail(a.settings) == "suite_changed"
        task.write_text(before, encoding="utf-8")
        assert await detail(a.settings) is None

        for place, name, file in (
            (gates, "PROMPTS", "system.txt"),
            (edit_schemas, "SCHEMAS", "whole_file.json"),
        ):
            copy = project / name
            shutil.copytree(getattr(place, name), copy)
            with monkeypatch.context() as patched:
                patched.setattr(place, name, copy)
                assert await detail(a.settings) is None
                (copy / file).write_text("{}", encoding="utf-8")
                assert await detail(a.settings) == f"{name.lower().removesuffix('s')}_changed"
        with monkeypatch.context() as patched:
            # Less of the same schema would be sent: its replies may be others.
            patched.setitem(TAKEN, "bounds of numbers", frozenset())
            assert await detail(a.settings) == "schema_changed"
        assert await detail(a.settings) is None


@pytest.mark.usefixtures("no_sandbox")
async def test_a_pass_is_of_as_many_candidates_as_were_asked(project: Path) -> None:
    """Measured with three, it holds for three: neither for more nor for fewer."""
    async with arena(project) as a:
        a.configure(LITTLE, reflex="candidates = 3")
        finished, _ = await a.run()
        assert finished.recorded
        assert finished.report.settings.candidates == 3
        for candidates, expected in (
            (3, None),
            (4, "candidates_changed"),
            (1, "candidates_changed"),
        ):
            a.configure(LITTLE, reflex=f"candidates = {candidates}")
            assert await detail(a.settings) == expected


@pytest.mark.slow
@pytest.mark.parametrize(("solved", "expected"), [(3, "success_parity"), (5, None)])
@pytest.mark.usefixtures("no_sandbox")
async def test_the_newest_verdict_counts(project: Path, solved: int, expected: str | None) -> None:
    """A fail takes an earlier pass away, and says what missed."""
    async with arena(project) as a:
        await a.run()
        a.solve(solved, 5)
        await a.run()
        assert await detail(a.settings) == expected


@pytest.mark.usefixtures("no_sandbox")
async def test_a_stand_in_promotes_nothing(project: Path) -> None:
    """Its pass is recorded, stamped, and not believed outside of the demo."""
    async with arena(project, owned_by="scripted") as a:
        finished, _ = await a.run()
        assert finished.report.gate["verdict"] == "pass"
        assert finished.report.stamps == ("scripted", "loosened", "other_suite")
        (decision,) = a.capsule("GateDecision")
        assert decision["stamps"] == ["scripted", "loosened", "other_suite"]
        assert await detail(a.settings) == "marked"


@pytest.mark.slow
async def test_without_a_sandbox_it_is_refused_or_stamped(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing runs unless it is allowed, and what then passes promotes nothing."""

    async def none_holds(*, allow_unsandboxed: bool) -> SelfTest:
        return SelfTest(Tier.NONE, (), "no sandbox holds here", allow_unsandboxed)

    monkeypatch.setattr(preparation, "choose_tier", none_holds)
    async with arena(project) as a:
        with pytest.raises(SandboxError, match="no sandbox holds here") as refused:
            await a.run()
        assert "--allow-unsandboxed" in refused.value.remedy
        assert a.by_reflex.asked == []

        finished, _ = await a.run(allow_unsandboxed=True)
        assert finished.report.gate["verdict"] == "pass"
        assert finished.report.stamps == ("unsandboxed", "loosened", "other_suite")
        assert finished.report.sandbox.tier == "none"
        assert await detail(a.settings) == "marked"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"tasks": "t0[1-5]"}, "5 of the suite's 6"),
        pytest.param({"shard": (1, 2)}, "a shard", marks=pytest.mark.slow),
        pytest.param({"aa": True}, "A/A", marks=pytest.mark.slow),
        ({"arms": ("cloud", "reflex")}, "only reflex against cloud"),
        ({"attempts": 2}, "attempts"),
        ({"candidates": 2}, "candidates = 1"),
        ({"edit_format": EditFormat.LINE_RANGE}, "edit format"),
    ],
)
@pytest.mark.usefixtures("no_sandbox")
async def test_what_is_not_the_whole_test_leaves_no_decision(
    project: Path, changes: dict[str, Any], reason: str
) -> None:
    """The earlier verdict stands: only a whole run, as calls are really made, can move it."""
    async with arena(project, tasks=6) as a:
        a.configure(LITTLE + "success_parity_percent = 0\np95_latency_ms = 60000\n")
        finished, _ = await a.run(**changes)
        assert not finished.recorded
        assert reason in finished.unrecorded
        assert finished.report.suite.glob == changes.get("tasks", "*")
        # A shard of the whole suite is part of a whole run.
        assert ("subset" in finished.report.stamps) == ("tasks" in changes)
        assert a.capsule("GateDecision") == []
        assert len(a.capsule("BakeoffFinished")) == 1
