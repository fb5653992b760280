"""The gate on the dashboard: a run's looks, and a report's looks, power and kinds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from core.harness.bakeoff.progress import LatencyCall, LookTaken
from core.harness.gate.criteria import GOLDEN
from core.harness.gate.judge import judge
from core.harness.gate.looks import GatePlan, Look
from core.harness.report.storage import write
from core.settings.model import Thresholds
from reflex_tui.model.gate import criteria
from reflex_tui.model.live import Live
from reflex_tui.model.reports import read_detail
from reflex_tui.panes.bakeoff import BakeoffPane
from reflex_tui.screens.report import overview
from reflex_tui.widgets.trials import look_lines, progress_bar, task_page
from tests.support.report.synthetic import LIMITS, attempt, made, planted, suite, task_ids
from tests.support.tui.bakeoffs import events, trials
from tests.support.tui.bench import dashboard
from tests.support.tui.making import StillClock

if TYPE_CHECKING:
    from pathlib import Path

    from core.harness.bakeoff.progress import Progress

PLANNED = (17, 34, 51, 68)
OPEN = Look(17, 15, 16, 93.75, 60.0, "open")
PASSED = Look(34, 33, 31, 106.5, 86.0, "pass")
NOT_ASKED = Look(17, 2, None, 23.5, None, "futile")


def told(*more: Progress, done: int = 20, **started: Any) -> Live:
    """A run of 68 tasks after ``done`` of them and these events."""
    live = Live(StillClock())
    for event in (*events(68, trials(done), looks=PLANNED, **started), *more):
        live.take(event)
    return live


def bar(live: Live) -> str:
    """The progress bar, 40 cells wide: a quarter of the tasks are ten of them."""
    return progress_bar(live, 40).plain


def words(live: Live) -> str:
    """What is said of the looks, on one line."""
    return " ".join("\n".join(each.plain for each in look_lines(live, 200)).split())


def test_each_planned_look_has_its_mark() -> None:
    """At a quarter, half, three quarters and the end, before any is taken."""
    live = told(done=10)
    assert [at for at, cell in enumerate(bar(live)) if cell == "┊"] == [9, 19, 29, 39]
    assert words(live) == "looks 4 planned, the first after 17 tasks"


def test_a_look_that_decides_nothing_names_the_next() -> None:
    """Its mark changes, the others wait."""
    live = told(LookTaken(1, 4, OPEN, ends=False))
    assert [cell for cell in bar(live) if cell in "┊○✓✖"] == ["○", "┊", "┊", "┊"]
    assert words(live) == (
        "looks 1 of 4, after 17 tasks: reflex solved 15, cloud 16: nothing decided yet; "
        "the next after 34 tasks"
    )


@pytest.mark.parametrize(
    ("look", "number", "mark", "said"),
    [
        (PASSED, 2, "✓", "reflex solved 33, cloud 31: success parity clears"),
        (NOT_ASKED, 1, "✖", "reflex solved 2, the cloud not asked: too far below the threshold"),
    ],
)
def test_a_look_that_ends_the_run_says_why(look: Look, number: int, mark: str, said: str) -> None:
    """And that the other tasks are not needed; calls for latency may follow."""
    before = [LookTaken(1, 4, OPEN, ends=False)] * (number - 1)
    live = told(*before, LookTaken(number, 4, look, ends=True), LatencyCall(75, 284, 1))
    assert bar(live).count(mark) == 1
    assert words(live).startswith(f"looks ended at {number} of 4, after {look.tasks} tasks: ")
    assert said in words(live)
    assert "; the other tasks are not needed" in words(live)
    assert "latency call for latency: 75 of at most 284 first calls, 1 too slow" in words(live)


def test_with_all_tasks_wanted_a_look_ends_nothing() -> None:
    """``--no-early-stop``: what it found is said, and that it goes on."""
    live = told(LookTaken(1, 4, NOT_ASKED, ends=False))
    assert "ended" not in words(live)
    assert "the next after 34 tasks" in words(live)


def test_a_resumed_run_has_the_looks_it_took_before() -> None:
    """They come with its first event."""
    live = told(kept=40, taken=(OPEN,))
    assert bar(live)[9] == "○"
    assert words(live).startswith("looks 1 of 4, after 17 tasks")


def test_a_later_run_says_that_looks_only_end_it() -> None:
    """It has no planned looks of its own; a run with one look at the end has no marks at all."""
    said = "run 3 of this fingerprint adds evidence; a look can only end it early"
    assert said in words(told(run=3))
    live = Live(StillClock())
    for event in events(68, trials(3), looks=(68,)):
        live.take(event)
    assert words(live) == ""
    assert "┊" not in bar(live)


@pytest.mark.slow
async def test_each_open_criterion_has_a_bar_towards_its_verdict() -> None:
    """As long as the share that is done, with the count of what its rates ask for in all."""
    async with dashboard(size=(120, 40)) as bench:
        await bench.press("3")
        pane = bench.dashboard.query_one(BakeoffPane)
        pane.live, pane.running, pane.watching = told(done=35), True, True
        pane.refresh_live()
        await bench.drawn()
        rows = bench.shown().splitlines()
    (row,) = [each for each in rows if "first calls" in each]
    assert row.split()[:2] == ["P95", "latency"]
    assert "35 of about 70 first calls" in row
    assert row.count("━") == row.count("─") == 20


def test_a_report_says_its_looks_its_power_and_its_kinds(tmp_path: Path) -> None:
    """What stands in its Markdown stands on the screen, in the same words."""
    ids = task_ids(68)
    tags = {task: ("go",) if at in range(0, 68, 9) else ("py",) for at, task in enumerate(ids)}
    lost = set(ids[::9])
    trials_of = [
        replace(one, solved=False) if one.arm == "reflex" and one.task in lost else one
        for one in planted(68)
    ]
    plan = GatePlan(tuple(ids), PLANNED, fingerprint="sha256:f")
    report = made(trials_of, suite=suite(ids, tags=tags), plan=plan)
    path, _, _ = write(report, tmp_path)
    shown = "\n".join(each.plain.rstrip() for each in overview(read_detail(path, tmp_path), 110))
    assert "4 of 4 planned" in shown
    first = "look 1, after 17 tasks: reflex solved 15, cloud 17: nothing decided yet"
    assert first in shown
    narrow = overview(read_detail(path, tmp_path), 40)
    assert first in " ".join(" ".join(each.plain for each in narrow).split())
    assert "Run 1 of this fingerprint" in shown
    assert "clears success parity in about 100 of 100 first runs" in " ".join(shown.split())
    (go,) = [line for line in shown.splitlines() if line.startswith("go ")]
    assert "reflex 0, cloud 8 at 8 tasks   0 %" in go
    assert go.endswith("▲ clearly below")


def test_a_report_says_what_was_solved_in_which_format(tmp_path: Path) -> None:
    """On its overview where there were several, and at each attempt of a task."""
    named = [
        replace(one, attempts=(attempt(edit_format=("code", "search_replace")[at // 2 % 2]),))
        for at, one in enumerate(planted(4))
    ]
    path, _, _ = write(made(named), tmp_path)
    detail = read_detail(path, tmp_path)
    (row,) = [
        each.plain
        for each in overview(detail, 110)
        if each.plain.startswith("solved as search_replace")
    ]
    assert row.split()[3:] == ["2", "of", "2"] * 2
    page = [each.plain for each in task_page(detail.tasks[0].trials, 100)]
    assert [each for each in page if "attempt 1" in each and "   as code" in each]
    odd = replace(named[0], attempts=(attempt(edit_format="\x1b[31m\nx"),))
    assert all(each.plain.isprintable() for each in task_page({"reflex": [odd]}, 100))


def test_without_a_sandbox_nothing_was_blocked(tmp_path: Path) -> None:
    """Not "blocked all 0 escape attempts"."""
    report = made(planted(4))
    bare = report.sandbox.model_copy(update={"tier": "none", "escapes_held": 0})
    for sandbox, said in (
        (report.sandbox, f"{report.sandbox.tier}: blocked all"),
        (bare, "none: model-written code ran with your rights"),
    ):
        path, _, _ = write(report.model_copy(update={"sandbox": sandbox}), tmp_path)
        rows = [each.plain for each in overview(read_detail(path, tmp_path), 80)]
        (row,) = [each for each in rows if each.startswith("sandbox ")]
        assert said in row


def test_golden_tasks_have_a_row_that_wants_few() -> None:
    """At most as many lost as are allowed, not at least; the note says how many and which."""
    gate = judge(
        planted(4, lost=1, trials=2),
        reflex="reflex",
        cloud="cloud",
        thresholds=LIMITS,
        timeout_ms=1500,
        golden=["task-000"],
    )
    (row,) = [each for each in criteria(gate.as_json(), Thresholds()) if each.key == GOLDEN]
    assert (row.name, row.value, row.threshold, row.verdict) == ("golden lost", "1", "≤ 0", "fail")
    assert "1 of 1 golden tasks lost" in row.bound
