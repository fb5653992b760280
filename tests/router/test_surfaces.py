"""Every surface gives the same reason and the same next step, and one JSON of the routing state."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest

from core.capsule import EventLog
from core.harness.report.document import Stamp
from core.harness.report.still_counts import check, present
from core.router.decision import GateView
from core.router.enable import propose
from core.router.implementer import Implementer
from core.router.lapses import LAPSES, MARKS, Counts, disqualifying, explained, mark
from core.router.view import RoutingState
from core.settings import load_settings
from reflex_tui.cli.main import run
from reflex_tui.model.gate import gate_condition
from reflex_tui.screens.pages import check_page
from reflex_tui.screens.promote import proposal_lines
from reflex_tui.widgets.gate import GateSection
from tests.support.behaviours import Seen, whole
from tests.support.faultserver import FaultServer
from tests.support.gateway.serving import configured, fronted, sibling
from tests.support.report.workspace import Workspace
from tests.support.router.world import promote, seen, world
from tests.support.tui.making import call, decision

if TYPE_CHECKING:
    from core.settings import Settings

SENTENCE = "passed, but does not count: a stand-in answered, not a real model"
STEP = "Configure a real model for both sides, then run a new bakeoff"


@pytest.fixture
def marked(project: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A workspace whose newest bakeoff passed against the stand-in; its server is gone since."""

    async def earn() -> Settings:
        async with world(project, promoted=False) as w:
            await promote(w.settings, stamps=["scripted"])
            return w.settings

    monkeypatch.chdir(project)
    return asyncio.run(earn())


@pytest.mark.slow
def test_a_pass_against_the_stand_in_is_explained_by_status(
    marked: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """For a person and for a program."""
    assert run(["status"], "code reflex") == 0
    out = capsys.readouterr().out
    assert f"✖ {SENTENCE}" in out
    assert STEP in out
    assert run(["status", "--json"], "code reflex") == 0
    gate = json.loads(capsys.readouterr().out)["gate"]
    assert (gate["detail"], gate["marks"]) == ("marked", ["scripted"])
    assert (gate["explanation"], gate["next_step"]) == (SENTENCE, STEP)
    assert marked.source.path


def test_it_is_explained_by_enable(marked: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """The refusal says why, and what to do."""
    assert run(["enable"], "code reflex") == 1
    told = " ".join(capsys.readouterr().err.split())
    assert SENTENCE in told
    assert STEP in told
    assert "no_bakeoff" not in told
    assert marked.source.path


def test_it_is_explained_by_the_dashboard(marked: Settings) -> None:
    """No page of it says that there was no bakeoff."""
    view = seen(marked)
    assert gate_condition(view.gate).label == "✖ does not count"
    section = GateSection()
    section.set_reactive(GateSection.routing_view, view)
    pages = (
        [line.plain for line in check_page(view, 120)],
        [line.plain for line in proposal_lines(propose(marked, on=True), 120, "n")],
        [line.plain for line in section.lines(120)],
    )
    for page in pages:
        text = "\n".join(page)
        assert SENTENCE in text
        assert STEP in text
        assert "no bakeoff" not in text


def test_what_failed_comes_before_why_it_would_not_count(project: Path) -> None:
    """A bakeoff against the stand-in that was too slow as well."""

    async def fail() -> Settings:
        async with world(project, promoted=False) as w:
            failed: dict[str, Any] = {"verdict": "fail", "misses": ["p95_latency"]}
            await promote(w.settings, stamps=["scripted"], **failed)
            return w.settings

    gate = seen(asyncio.run(fail())).gate
    assert gate_condition(gate).label == "✖ p95 latency"
    told = gate.explanation
    assert told.sentence.startswith(LAPSES["p95_latency"].sentence)
    assert told.sentence.endswith("; a pass would not count: " + MARKS["scripted"].sentence)
    assert told.next_step == LAPSES["p95_latency"].next_step


async def test_status_judges_the_server_by_its_calls_as_the_dashboard_does(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It answers its probes, but more than one call in twenty failed."""
    monkeypatch.chdir(project)
    async with world(project) as w:
        with EventLog(w.settings.state_dir / "capsule") as log:
            for number in range(10):
                log.append(decision(f"c{number}"))
                error = "connect_failed" if number < 2 else None
                log.append(call(f"c{number}", total_ms=50, error=error))
        assert await asyncio.to_thread(run, ["status"], "code reflex") == 0
    (told,) = [row for row in capsys.readouterr().out.splitlines() if row.startswith("server ")]
    assert told.startswith("server    ▲ failing  2 of 10 failed; ")


def test_it_is_explained_by_check(tmp_path: Path) -> None:
    """The report's own check speaks of the same mark."""
    workspace = Workspace.begin(tmp_path)
    report = workspace.made(stamps=["scripted"])
    now = present(report, workspace.root, datetime.now(UTC))
    found = check(report, load_settings(workspace.root / "stage0.toml"), now)
    assert [one.message for one in found.lapses] == [MARKS["scripted"].sentence]
    assert found.headline == "passed, but does not count: scripted"
    assert found.next_step == STEP


async def test_health_of_the_gateway_and_status_print_one_json(project: Path) -> None:
    """The same names for the same things; only what changes by the moment differs."""
    async with world(project) as w:
        async with fronted(w.settings) as http:
            served = (await http.get(sibling(http, "/health"))).json()
        state = RoutingState(w.settings)
        shown = json.loads(json.dumps((await state.look()).as_json()))
        await state.aclose()
    assert served.pop("status") == "ok"
    for one in (served, shown):
        one["gate"].pop("age_days")
        one["health"] = set(one["health"])
    assert served == shown


DETAILS = [
    "no_bakeoff",
    "stale",
    "model_changed",
    "server_changed",
    "suite_changed",
    "prompt_changed",
    "thresholds_changed",
    "p95_latency",
    "success_parity",
    "json_compliance",
    "inconclusive",
    "golden_regression",
    "format_changed",
    "drift_latency",
    "drift_compliance",
    "drift_outcomes",
    "superseded",
    "schema_changed",
    "candidates_changed",
    "marked",
]


@pytest.mark.parametrize("detail", DETAILS)
def test_every_lapse_reason_has_a_sentence_and_a_next_step(detail: str) -> None:
    """In one table, whatever surface asks."""
    view = GateView(valid=False, detail=detail)
    assert view.explanation == LAPSES[detail]
    assert view.explanation.sentence
    assert view.explanation.next_step


def test_every_mark_has_a_sentence() -> None:
    """One that keeps a report from counting has a next step as well."""
    assert set(get_args(Stamp)) <= MARKS.keys()
    for one in MARKS.values():
        assert one.sentence
        assert bool(one.next_step) == (one.counts is not Counts.ANYWHERE)


def test_an_unknown_mark_does_not_count() -> None:
    """A report of a later version may have a mark that limits it in a way we do not know."""
    assert disqualifying(["reused_cloud", "later"], in_demo=True) == ("later",)
    assert "does not know" in mark("later").sentence
    assert explained("later_reason").sentence == "later reason"


def test_the_demos_marks_count_in_the_demo_alone() -> None:
    """Others nowhere."""
    marks = ["demo", "scripted", "unsandboxed", "reused_cloud"]
    assert disqualifying(marks, in_demo=True) == ("unsandboxed",)
    assert disqualifying(marks, in_demo=False) == ("demo", "scripted", "unsandboxed")


def test_the_gates_page_has_every_mark_that_limits() -> None:
    """In the table's words."""
    page = (Path(__file__).parents[2] / "docs" / "gate.md").read_text("utf-8")
    for name, one in MARKS.items():
        if one.counts is not Counts.ANYWHERE:
            assert f"| `{name}` | {one.sentence} |" in page


async def test_a_server_that_is_slow_to_answer_is_healthy(project: Path) -> None:
    """Under load it takes seconds to list its models; a call would wait for as long."""
    models = whole({"object": "list", "data": [{"id": "test-model", "object": "model"}]})
    missing = whole({"error": {"message": "no"}}, status=404)

    async def slow(seen: Seen, writer: asyncio.StreamWriter) -> None:
        if seen.path.endswith("/models"):
            await asyncio.sleep(1.2)
        await (models if seen.path.endswith("/models") else missing)(seen, writer)

    async with FaultServer(slow, model=None) as server:
        settings = configured(project, "http://127.0.0.1:9/v1", reflex=server.endpoint)
        async with Implementer.from_settings(settings) as implementer:
            assert (await implementer.view()).health.ok
