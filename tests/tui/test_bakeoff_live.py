"""The parts behind the bakeoff pane: a run's state, journals, options, estimates, promotion."""

from __future__ import annotations

import asyncio
import fcntl
import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from core.errors import ConfigError, ReflexError, ReportError, SandboxError, SuiteError
from core.harness.bakeoff.plan import Plan
from core.harness.sandbox import SelfTest, Tier
from core.router import enable
from core.settings import load_settings
from core.standin.script import Script
from core.standin.scripted_server import ScriptedServer
from reflex_tui.model.estimate import PastRuns, estimate, newest_unfinished, past_of, plan_to_resume
from reflex_tui.model.live import CellState, Live
from reflex_tui.model.reports import Won, _tasks
from reflex_tui.model.slash import BadOptions, BakeoffOptions, NoSuchCommand, parse, parse_options
from reflex_tui.widgets.report import ArmLatency
from tests.support.bakeoff.arena import make_suite
from tests.support.tui.bakeoffs import attempt, events, name_of, report, trial, trials
from tests.support.tui.making import StillClock, settings

if TYPE_CHECKING:
    from pathlib import Path

HELD = SelfTest(Tier.NAMESPACES, (), "held")


def live_of(of: int, done: Any, *, pace_s: float = 1.0, **how: Any) -> Live:
    """A run after these trials."""
    live = Live(clock := StillClock())
    for event in events(of, done, **how):
        live.take(event)
        clock.forward(pace_s)
    return live


def test_each_cell_tells_its_state() -> None:
    """Waiting, running, solved at once, solved later, failed, and solved but too late."""
    done = trials(4, lost=(3,), later=(2,))
    live = live_of(6, done)
    states = [live.state((name_of(number), 0), "reflex") for number in range(6)]
    assert states == [
        CellState.SOLVED,
        CellState.SOLVED,
        CellState.LATER,
        CellState.FAILED,
        CellState.RUNNING,
        CellState.WAITING,
    ]
    late = trial("late", "reflex", 0)
    late = replace(late, attempts=(attempt(1800.0, late=True),))
    assert live_of(1, [replace(late, task=name_of(0))]).state((name_of(0), 0), "reflex") is (
        CellState.FAILED
    )


def test_scores_and_time_left_follow_the_trials() -> None:
    """P50 and P95 over every call, ∞ included; the pace is that of this process alone."""
    done = trials(4, lost=(3,))
    live = live_of(8, done)
    score = live.score("reflex")
    assert (score.solved, score.tried) == (3, 4)
    assert live.score("cloud").solved == 3
    assert score.p50 is not None
    assert live.left_s == pytest.approx(live.elapsed_s)  # 8 of 16 are done
    assert live.tasks_done == 4
    assert live.verdict is not None
    lost = replace(trial(name_of(0), "reflex", 0), attempts=(attempt(math.inf),))
    assert live_of(1, [lost]).score("reflex").p95 == math.inf


def test_what_was_kept_counts_as_done_but_not_for_the_pace() -> None:
    """A resumed run begins with its cells filled, and no time left is claimed before a trial."""
    done = trials(4)
    live = live_of(8, done, kept=8)
    assert (live.done, live.total, live.left_s) == (8, 16, None)
    assert live.state((name_of(0), 0), "cloud") is CellState.SOLVED
    assert live.score("reflex").tried == 4
    further = live_of(8, trials(6), kept=8)
    assert further.left_s == pytest.approx(further.elapsed_s)  # 4 here, 4 to go


def test_what_is_under_way_stands_before_what_ended_last() -> None:
    """The list of a run is newest first, and bounded."""
    live = live_of(6, trials(4))
    assert [go[0] for go in live.newest(3)] == [name_of(4), name_of(3), name_of(2)]
    assert len(live.newest(100)) == 5


def journal(directory: Path, lines: int = 3, **about: Any) -> Path:
    """A journal as a stopped run leaves it."""
    given = {
        "suite": "reflex_patchloop_v1",
        "tasks": ["a", "b"],
        "arms": {"reflex": {}, "cloud": {}},
        "trials": 2,
        "attempts": 3,
        "candidates": 1,
        "edit_format": "auto",
        "concurrency": 1,
        "glob": "c*",
        "shard": None,
    }
    path = directory / "reflex-bakeoff-20260112T103016Z.journal.jsonl"
    head = json.dumps({"about": {**given, **about}})
    path.write_text("\n".join([head, *["{}"] * lines]) + "\n{torn")
    return path


def test_a_stopped_run_is_found_with_how_far_it_came(tmp_path: Path) -> None:
    """Its journal says which plan goes on with it; one that is locked is under way."""
    assert newest_unfinished(tmp_path) is None
    path = journal(tmp_path)
    found = newest_unfinished(tmp_path)
    assert found is not None
    assert (found.done, found.total, found.under_way) == (3, 8, False)
    assert (found.suite, found.arms) == ("reflex_patchloop_v1", ("reflex", "cloud"))
    plan = plan_to_resume(found, tmp_path)
    assert plan.resume
    assert (plan.tasks, plan.trials, plan.attempts) == ("c*", 2, 3)
    with path.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        seen = newest_unfinished(tmp_path)
        assert seen is not None
        assert seen.under_way


@pytest.mark.parametrize("text", ["", "{", "[]", '{"about": 3}', "\xff", "[" * 9000])
def test_a_damaged_journal_is_no_run(tmp_path: Path, text: str) -> None:
    """Whatever stands in the file."""
    path = tmp_path / "reflex-bakeoff-20260112T103016Z.journal.jsonl"
    path.write_text(text, encoding="latin-1")
    assert newest_unfinished(tmp_path) is None


def test_a_journal_that_cannot_be_gone_on_with_says_so(tmp_path: Path) -> None:
    """One that takes its cloud from a report, and one whose options are not known."""
    journal(tmp_path, reused_report="sha256:ab")
    found = newest_unfinished(tmp_path)
    assert found is not None
    with pytest.raises(ReportError, match="earlier report"):
        plan_to_resume(found, tmp_path)
    journal(tmp_path, edit_format="no such")
    found = newest_unfinished(tmp_path)
    assert found is not None
    with pytest.raises(ConfigError, match="does not say with which options it was run"):
        plan_to_resume(found, tmp_path)


def test_options_are_those_of_the_command_line() -> None:
    """With a blank or an equals sign; a typo is answered with the nearest."""
    assert parse_options("--suite 'my suite' --trials=3") == BakeoffOptions(
        suite="my suite", trials="3"
    )
    assert parse_options("--resume").action == "resume"
    for text, told in (
        ("--suit x", "did you mean --suite"),
        ("--suite", "--suite needs a value"),
        ("--suite --trials 2", "--suite needs a value"),
        ("--resume --trials 2", "--resume takes no other options"),
        ("'", "quotation mark"),
    ):
        with pytest.raises(BadOptions, match=told):
            parse_options(text)
        with pytest.raises(NoSuchCommand, match=told):
            parse(f"/speckit.reflex bakeoff {text}")


@pytest.fixture
def local(tmp_path: Path) -> Any:
    """Settings whose cloud is on this machine, and a suite of five tasks with three attempts."""
    suite = make_suite(tmp_path / "suite", 5, attempts=3)
    (tmp_path / "stage0.toml").write_text(
        '[cloud]\nendpoint = "http://127.0.0.1:9/v1"\nmodel = "gpt-5-mini"\n'
        "price_input_per_million = 1.0\nprice_output_per_million = 2.0\n"
    )
    return load_settings(tmp_path / "stage0.toml"), str(suite)


def test_an_estimate_counts_calls_by_arm(local: Any) -> None:
    """From every first attempt to every last; candidates are asked of the local arm alone."""
    configured, suite = local
    found = estimate(configured, Plan(suite, trials=2, candidates=4), PastRuns(), HELD)
    assert [(a.calls_least, a.calls_most) for a in found.arms] == [(40, 120), (10, 30)]
    assert found.calls == (50, 150)
    assert found.seconds is None
    assert "no earlier reply of reflex, cloud" in found.basis
    assert "no report counts the tokens" in found.usd_why
    assert "candidates = 1" in found.limits
    assert (
        "1 of the suite's 5"
        in estimate(configured, Plan(suite, tasks="t01"), PastRuns(), HELD).limits
    )


def test_an_estimate_goes_by_what_earlier_replies_took(local: Any) -> None:
    """The newest report of the same models, with the tests' own time; else live calls."""
    configured, suite = local
    made = report(trials(10))
    found = estimate(configured, Plan(suite), PastRuns(made), HELD)
    wall_s = (made.finished_at - made.created_at).total_seconds()
    assert found.seconds == pytest.approx(wall_s / 20 * 10, rel=0.01)
    assert "from the report of 2026-01-12 10:31" in found.basis
    cloud = [a for t in made.trials if t.arm == "cloud" for a in t.attempts]
    usd = sum((a.prompt_tokens or 0) + 2 * (a.completion_tokens or 0) for a in cloud) / 10 / 1e6
    assert found.usd == pytest.approx(usd * 5)
    live = estimate(
        configured, Plan(suite), PastRuns(None, {"reflex": 400.0, "cloud": 1600.0}), HELD
    )
    assert live.seconds == pytest.approx(5 * 2.0)
    assert "latest calls" in live.basis


def test_an_estimate_is_refused_as_the_run_would_be(local: Any, tmp_path: Path) -> None:
    """No key for the cloud, no sandbox, no such suite, arm or task; each with what to do."""
    configured, suite = local
    with pytest.raises(ConfigError, match="cloud arm is not configured") as caught:
        estimate(settings(tmp_path), Plan(suite), PastRuns(), HELD)
    assert "export OPENAI_API_KEY" in caught.value.remedy
    none = SelfTest(Tier.NONE, (), "nothing holds")
    with pytest.raises(SandboxError, match="nothing holds") as caught_too:
        estimate(configured, Plan(suite), PastRuns(), none)
    assert "bubblewrap" in caught_too.value.remedy
    with pytest.raises(SuiteError, match="no suite or path"):
        estimate(configured, Plan("no-such"), PastRuns(), HELD)
    with pytest.raises(SuiteError, match="no task matches"):
        estimate(configured, Plan(suite, tasks="x*"), PastRuns(), HELD)
    with pytest.raises(ConfigError, match="no backend 'other'"):
        estimate(configured, Plan(suite, arms=("other", "cloud")), PastRuns(), HELD)


def test_the_past_is_the_newest_report_that_can_be_read(tmp_path: Path) -> None:
    """A damaged one tells nothing, and does not stand in the way."""
    assert past_of(tmp_path, {}).report is None
    good = report(trials(3))
    (tmp_path / "reflex-bakeoff-20260112T103016Z.json").write_text(good.model_dump_json())
    (tmp_path / "reflex-bakeoff-20260113T103016Z.json").write_text("{")
    past = past_of(tmp_path, {})
    assert past.report is not None
    assert past.report.run_id == "run-1"


def test_who_solved_a_task_alone() -> None:
    """The cloud's first, then reflex's; a task that one arm did not try is nobody's."""
    made = report(trials(5, lost=(3,))[:-1])
    assert [(one.task, one.won) for one in _tasks(made)] == [
        (name_of(3), Won.SECOND_ALONE),
        (name_of(1), Won.FIRST_ALONE),
        (name_of(2), Won.BOTH),
        (name_of(0), Won.BOTH),
        (name_of(4), Won.UNTRIED),
    ]


def test_the_chart_fits_and_shows_the_limit() -> None:
    """Whatever the width, latencies beyond the limit and calls without reply included."""
    chart = ArmLatency()
    for values in ([5.0, 61.0, math.inf], [2500.0, 3000.0], [2000.0], [math.inf]):
        chart.latencies = {"reflex": values, "cloud": [900.0] if values[0] < 1e9 else []}
        for width in (60, 76, 116, 156):
            lines = chart.lines(width)
            assert all(each.cell_length <= width for each in lines), (values, width)
            text = "\n".join(each.plain for each in lines)
            assert ("limit 2.00 s" in text) == (values != [math.inf])
    chart.latencies = {"reflex": [1.0, math.inf], "cloud": []}
    assert "✖ 1" in "\n".join(each.plain for each in chart.lines(100))


@pytest.fixture
async def served(tmp_path: Path) -> Any:
    """A workspace whose reflex server is up; nothing was earned."""
    async with ScriptedServer(Script(model="local", ttft_ms=0, tokens_per_s=0)) as server:
        path = tmp_path / "stage0.toml"
        path.write_text(
            f'[reflex]\nmodel = "local" # ours\nendpoint = "{server.endpoint}"\nenabled = true\n'
        )
        yield path


async def test_disabling_shows_the_line_then_writes_it(served: Path) -> None:
    """The rest of the file stays as it is; a second time there is nothing to write."""
    configured = load_settings(served)
    proposal = await asyncio.to_thread(enable.propose, configured, on=False)
    assert not proposal.refused
    assert [(c.sign, c.number, c.text) for c in proposal.changes] == [
        ("-", 4, "enabled = true"),
        ("+", 4, "enabled = false"),
    ]
    before = served.read_text()
    done = await asyncio.to_thread(enable.carry_out, proposal, configured)
    assert (done.path, done.line) == (served, 4)
    assert served.read_text() == before.replace("enabled = true", "enabled = false")
    assert str(done.routing_view.decision.reason) == "reflex_disabled"
    assert not (await asyncio.to_thread(enable.propose, configured, on=False)).changes


async def test_what_changed_meanwhile_is_not_written_over(served: Path) -> None:
    """The line that was confirmed is not there any more: look again."""
    configured = load_settings(served)
    proposal = await asyncio.to_thread(enable.propose, configured, on=False)
    served.write_text("# new\n" + served.read_text())
    before = served.read_text()
    with pytest.raises(ConfigError, match="changed meanwhile"):
        await asyncio.to_thread(enable.carry_out, proposal, configured)
    assert served.read_text() == before


async def test_nothing_is_enabled_without_a_pass(served: Path) -> None:
    """Refused when proposed, and again when a stale confirmation comes."""
    served.write_text(served.read_text().replace("true", "false"))
    configured = load_settings(served)
    proposal = await asyncio.to_thread(enable.propose, configured, on=True)
    assert proposal.refused
    assert proposal.routing_view.gate.detail == "no_bakeoff"
    with pytest.raises(ReflexError, match="no bakeoff yet"):
        await asyncio.to_thread(enable.carry_out, proposal, configured)
    assert "enabled = false" in served.read_text()
