"""After a demotion every surface says why first; what the bakeoff measured is of its time."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from core.figures import day_time
from core.harness.report.still_counts import demotion
from core.harness.report.storage import write
from core.monitor.drift import LATENCY, OUTCOMES, Watched
from core.router.decision import GateView
from core.router.lapses import LAPSES
from core.settings.model import Thresholds
from core.stages import Mode
from reflex_tui.cli.main import run
from reflex_tui.model.gate_table import gate_table
from reflex_tui.screens.pages import check_page
from reflex_tui.widgets.gate import GateSection
from tests.support.report.synthetic import made, planted
from tests.support.router.world import QUESTION, promote, seen, world
from tests.support.tui.making import passed

if TYPE_CHECKING:
    from pathlib import Path

    from core.router.view import RoutingView
    from core.settings import Settings

WHY = LAPSES[OUTCOMES].sentence
COUNTED = "12 of 12 wrong, 23.5 % may be"
AFTER = "on reflex_patchloop_v1, before the demotion"
YEAR = "20"


@pytest.fixture
def demoted(project: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A workspace whose pass was taken away, as every answer of it turned out wrong."""

    async def fall() -> Settings:
        async with world(project, promoted=False) as scene:
            sha256 = write(made(planted()), scene.settings.state_dir / "eval")[2]
            await promote(
                scene.settings,
                solved_percent={"reflex": 90.0, "cloud": 90.0},
                metrics=passed()["metrics"],
                report_sha256=f"sha256:{sha256}",
            )
            async with scene.implementer() as implementer:
                for _ in range(20):
                    answer = await implementer.complete(QUESTION)
                    if answer.mode is Mode.CLOUD:
                        break
                    await implementer.outcome(answer.call_id, ok=False)
            return scene.settings

    monkeypatch.chdir(project)
    return asyncio.run(fall())


def drawn(view: RoutingView, width: int) -> list[str]:
    """The gate's part of the health pane."""
    section = GateSection()
    section.set_reactive(GateSection.routing_view, view)
    return [line.plain.rstrip() for line in section.lines(width)]


def test_the_dashboard_says_why_before_what_the_bakeoff_measured(demoted: Settings) -> None:
    """The cause, the evidence, then the dated criteria, none of them a pass that holds."""
    view = seen(demoted)
    sheet = [line.plain.rstrip() for line in check_page(view, 76)]
    for shown in (drawn(view, 76), drawn(view, 140), sheet):
        text = "\n".join(shown)
        assert "✓ pass" not in text
        assert text.count("passed") == 3
        at = [text.index(each) for each in (WHY, COUNTED, f"bakeoff of {YEAR}", "P95 latency")]
        assert at == sorted(at)
        (dated,) = [line for line in shown if line.startswith("bakeoff of")]
        assert dated.endswith(AFTER)
    assert [line for line in sheet if COUNTED in line] == [
        line for line in drawn(view, 76) if COUNTED in line
    ]


@pytest.mark.slow
def test_status_says_the_same(demoted: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """For a person and for a program; live calls are of no pass then."""
    assert demoted.source.path
    assert run(["status"], "code reflex") == 0
    gate, cause, dated, step, *rest = capsys.readouterr().out.splitlines()[2:]
    assert gate == f"gate      ✖ {WHY}"
    assert cause.endswith(f": outcomes {COUNTED}")
    assert cause.strip().startswith("demoted ")
    assert dated.strip().startswith(f"bakeoff of {YEAR}")
    assert dated.endswith(AFTER)
    assert "code reflex bakeoff" in step
    assert not any(line.startswith("live") for line in rest)
    assert run(["status", "--json"], "code reflex") == 0
    told = json.loads(capsys.readouterr().out)["gate"]
    assert (told["demotion"]["cause"], told["demotion"]["bad"]) == (OUTCOMES, 12)
    assert told["demotion"]["passed_at"] < told["event"]["decided_at"]


def test_check_does_not_let_the_report_pass(
    demoted: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its trials still pass, but live calls refuted them; of another report they say nothing."""
    assert demoted.source.path
    assert run(["check"], "code reflex") == 1
    out = capsys.readouterr().out
    assert OUTCOMES in out.splitlines()[0]
    assert f"demoted: {WHY}" in out
    gate = seen(demoted).gate
    assert demotion(gate, "0" * 64) is None


def test_it_is_said_before_it_is_on_record() -> None:
    """A process that only looks sees the broken promise first, and the pass is still the newest."""
    slow = Watched(LATENCY, 120, 50, 0.05, 460.0, 400.0, 7, 300)
    kept = Watched(OUTCOMES, 3, 0, 0.2, 1.0, 400.0, 0, 9)
    event = passed(decided_at="2026-01-09T10:30:00Z")
    gate = GateView(False, LATENCY, event, age_days=3.0, drift=(kept, slow))  # noqa: FBT003  its field
    found = gate_table(gate, Thresholds())
    assert found.demoted == "demoted: latency 50 of 120 too slow, 5 % may be"
    at = day_time(datetime.fromisoformat(event["decided_at"]))
    assert found.told[0] == f"bakeoff of {at} on reflex_patchloop_v1, before the demotion"
    assert found.past


@pytest.mark.parametrize(
    ("gate", "past"),
    [
        (GateView(valid=True, event=passed()), False),
        (GateView(valid=False, detail="p95_latency", event=passed(verdict="fail")), False),
        (GateView(valid=False, detail="stale", event=passed()), True),
        (GateView(valid=False, detail="marked", event=passed(), marks=("subset",)), True),
        (GateView(valid=False, detail="no_bakeoff"), False),
    ],
)
def test_criteria_are_the_verdict_only_while_they_decide(gate: GateView, *, past: bool) -> None:
    """A lapsed pass is shown as what was measured then."""
    found = gate_table(gate, Thresholds())
    assert found.past is past
    assert bool(found.told) is past
    assert not found.demoted


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"metrics": {}}, ("demo pass (not measured)",)),
        (
            {"metrics": {}, "verdict": "fail", "cause": "drift_latency"},
            ("demo pass (not measured), before the demotion",),
        ),
        ({}, ()),
    ],
)
def test_only_the_demos_own_pass_is_said_to_be_unmeasured(
    changes: dict[str, Any], told: tuple[str, ...]
) -> None:
    """Not a real bakeoff in the demo's workspace."""
    event = passed(stamps=["demo"], **changes)
    gate = GateView(valid="cause" not in changes, detail=changes.get("cause"), event=event)
    assert gate_table(gate, Thresholds()).told == told


def test_a_record_of_any_kind_is_no_stumbling_block() -> None:
    """An earlier version did not keep the date; another's may be anything."""
    for drift in (None, 7, {}, {"passed_at": 3, "calls": "x", "bad": [], "evidence": None}):
        event = passed(verdict="fail", cause="drift_outcomes", drift=drift)
        gate = GateView(valid=False, detail="drift_outcomes", event=event, age_days=0.01)
        found = gate_table(gate, Thresholds())
        assert found.told == (
            "bakeoff on reflex_patchloop_v1, before the demotion",
            "bakeoff, before the demotion",
        )
        assert found.past
