"""The bakeoff pane's footer in every state: what does something is offered, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from core.monitor.drift import OUTCOMES
from core.patchloop.trial import FailureKind
from core.router.decision import GateView
from core.router.lapses import LAPSES
from reflex_tui.model.estimate import Unfinished
from reflex_tui.model.live import Live
from reflex_tui.model.reports import ListedReport
from reflex_tui.model.slash import parse
from reflex_tui.panes.bakeoff import BakeoffPane
from reflex_tui.watch.announcements import (
    BakeoffProgressed,
    CommandWanted,
    ReportsSeen,
    UnfinishedSeen,
    ViewSeen,
)
from tests.support.tui.bakeoffs import events, trials
from tests.support.tui.bench import dashboard
from tests.support.tui.making import NOW, ROOT, StillClock, figure, passed, routing_view

if TYPE_CHECKING:
    from tests.support.tui.bench import Bench

PANE = {"New", "Stop", "Resume", "Run / reports", "Promote", "Disable", "Compare", "Baseline"}
LISTS = {"Open", "Attempts"}
SUITE = "reflex_patchloop_v1"


def one(number: int, suite: str = "small", problem: str = "") -> ListedReport:
    """A report's line."""
    path = ROOT / f".speckit/eval/reflex-bakeoff-2026011{number}T103100Z.json"
    if problem:
        return ListedReport(path, problem=problem)
    return ListedReport(
        path, NOW, "pass", suite, ("reflex", "cloud"), gate=passed(), suite_root="./small"
    )


def offered(bench: Bench) -> set[str]:
    """What the footer offers of the pane's own."""
    return bench.offered() & (PANE | LISTS)


@pytest.mark.parametrize(
    ("reports", "keys", "expected"),
    [
        pytest.param((), (), {"New", "Disable"}, marks=pytest.mark.slow),
        pytest.param((one(1),), (), {"New", "Disable", "Open"}, marks=pytest.mark.slow),
        ((one(2), one(1)), (), {"New", "Disable", "Open", "Compare", "Baseline"}),
        pytest.param(
            (one(2), one(1)),
            ("down",),
            {"New", "Disable", "Open", "Baseline"},
            marks=pytest.mark.slow,
        ),
        pytest.param(
            (one(2), one(1, "other")),
            (),
            {"New", "Disable", "Open", "Baseline"},
            marks=pytest.mark.slow,
        ),
        (
            (one(2), one(1, "other")),
            ("down", "space", "up"),
            {"New", "Disable", "Open", "Compare", "Baseline"},
        ),
        ((one(3), one(2, problem="not JSON"), one(1)), ("down",), {"New", "Disable", "Open"}),
    ],
    ids=["none", "one", "two", "the oldest", "another suite", "marked", "damaged"],
)
async def test_reports(
    reports: tuple[ListedReport, ...], keys: tuple[str, ...], expected: set[str]
) -> None:
    """By how many there are, and which is chosen."""
    async with dashboard() as bench:
        await bench.press("3")
        await bench.tell(ReportsSeen(reports))
        await bench.press("3", *keys)
        assert offered(bench) == expected


async def test_running_stopping_and_stopped() -> None:
    """Stop while it runs; nothing twice; Resume where there is something to go on with."""
    async with dashboard() as bench:
        await bench.press("3")
        pane = bench.dashboard.query_one(BakeoffPane)
        pane.live = Live(StillClock())
        pane.running = pane.watching = True
        await bench.drawn()
        assert offered(bench) == {"Stop", "Disable"}
        pane.stopping = True
        await bench.drawn()
        assert offered(bench) == {"Disable"}
        pane.running = pane.stopping = False
        pane.live = None
        pane.unfinished = Unfinished(ROOT / "x", 3, 10, under_way=False, about={})
        await bench.drawn()
        assert offered(bench) == {"New", "Resume", "Disable"}
        pane.unfinished = Unfinished(ROOT / "x", 3, 10, under_way=True, about={})
        await bench.drawn()
        assert offered(bench) == {"New", "Disable"}
        pane.enabled = False
        await bench.drawn()
        assert offered(bench) == {"New", "Promote"}


async def test_at_80_columns_every_key_of_the_pane_is_in_the_foot() -> None:
    """With two reports and a stopped run: none is left out for another."""
    async with dashboard(size=(80, 24)) as bench:
        await bench.tell(ReportsSeen((one(2), one(1))))
        await bench.press("3")
        pane = bench.dashboard.query_one(BakeoffPane)
        pane.unfinished = Unfinished(ROOT / "x", 3, 10, under_way=False, about={})
        await bench.drawn()
        foot = bench.shown().splitlines()[-1]
        kept = "? Help", "^p palette"
        for word in ("Open", "New", "Resume", "Disable", "Compare", "Baseline", *kept):
            assert word in foot


@pytest.mark.parametrize(
    "columns", [80, *(pytest.param(one, marks=pytest.mark.slow) for one in (116, 160))]
)
async def test_the_league_table_says_who_solved_what_and_whether_it_counts(columns: int) -> None:
    """The names of the columns stand over them; what narrow terminals lack is one key away."""
    good = replace(
        one(1), model="qwen", solved=66, tasks=68, gate=passed(), suite_root="reflex_patchloop_v1"
    )
    other = replace(one(3), solved=65, tasks=68)
    demo = replace(one(2), stamps=("demo", "scripted", "subset"))
    async with dashboard(size=(columns, 30)) as bench:
        await bench.tell(ReportsSeen((good, demo, other)))
        await bench.press("3")
        rows = bench.shown().splitlines()
        (names,) = [row for row in rows if "SOLVED" in row]
        (row,) = [row for row in rows if "66/68" in row]
        for name, cell in (("MODEL", "qwen"), ("VERDICT", "✓ pass")):
            assert names.index(name) == row.index(cell)
        for name, cell in (("SOLVED", "66/68"), ("P95", "1.31 s")):
            assert names.index(name) + len(name) == row.index(cell) + len(cell)
        wide = columns > 80
        assert ("96 % (≥ 88)" in row) == wide
        assert ("yes" in row) == wide
        (row,) = [row for row in rows if "65/68" in row]
        assert ("no: unlisted" in row) == wide
        assert any("no: subset" in row for row in rows) == wide
        assert ("▲ pass: unlisted" in row) == (not wide)
        assert any("▲ pass: subset" in row for row in rows) == (not wide)


async def test_one_that_failed_says_so_first() -> None:
    """Also where it would not count if it had passed."""
    weak = replace(one(1), verdict="fail", stamps=("scripted",), suite_root=SUITE)
    async with dashboard(size=(160, 30)) as bench:
        await bench.tell(ReportsSeen((weak,)))
        await bench.press("3")
        (row,) = [row for row in bench.shown().splitlines() if "no: " in row]
        assert "✖ fail " in row
        assert "no: failed" in row


@pytest.mark.parametrize("columns", [80, 160])
async def test_a_report_whose_pass_was_taken_away_counts_no_more(columns: int) -> None:
    """The list says so at every width, and the report does; another's pass stays one."""
    taken, other = (replace(one(n), model=f"qwen{n}", suite_root=SUITE) for n in (2, 1))
    fallen = passed(
        verdict="fail",
        cause=OUTCOMES,
        drift={"calls": 12, "bad": 12},
        report_path=f".speckit/eval/{taken.name}",
    )
    gate = GateView(valid=False, detail=OUTCOMES, event=fallen)
    async with dashboard(size=(columns, 30)) as bench:
        await bench.tell(ReportsSeen((taken, other)), ViewSeen(routing_view()))
        await bench.press("3")
        assert "demoted" not in bench.shown()
        await bench.tell(ViewSeen(routing_view(gate=gate)))
        rows = [row for row in bench.shown().splitlines() if "qwen" in row and "GATE" not in row]
        said = "no: demoted" if columns == 160 else "✖ demoted"
        assert [said in row for row in rows] == [True, False]
        assert f"demoted since: {LAPSES[OUTCOMES].sentence}" in bench.shown()
        assert ["✓ pass" in row for row in rows] == [columns == 160, True]
        await bench.press("down")
        assert "demoted since" not in bench.shown()


async def test_a_model_has_a_trend_once_there_are_two_reports() -> None:
    """Of the same suite, the oldest first; another model's reports are not in it."""
    slow = figure(2310.0, 2540.0, 2000.0, "fail")
    older = passed(metrics=passed()["metrics"] | {"p95_latency": slow})
    new = replace(one(3), model="qwen", solved=66, tasks=68, gate=passed())
    old = replace(one(2), model="qwen", solved=60, tasks=68, gate=older)
    other = replace(one(1), model="other", solved=6, tasks=68, gate=older)
    async with dashboard() as bench:
        await bench.tell(ReportsSeen((new, old, other)))
        await bench.press("3")
        (trend,) = [row for row in bench.shown().splitlines() if "TREND" in row]
        assert "2 reports" in trend
        assert "P95" in trend
        assert "2.31 s → 1.31 s" in trend
        await bench.press("down", "down")
        assert "TREND" not in bench.shown()


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("stop", "No bakeoff is running here"),
        pytest.param("resume", "There is no interrupted bakeoff to resume", marks=pytest.mark.slow),
        pytest.param("report", "There is no report yet", marks=pytest.mark.slow),
        pytest.param("compare", "There is no report yet", marks=pytest.mark.slow),
    ],
)
async def test_a_command_with_nothing_to_do_says_so(command: str, told: str) -> None:
    """The palette offers it everywhere; the answer is never silence."""
    async with dashboard() as bench:
        await bench.tell(CommandWanted(parse(command)))
        await bench.pilot.pause()
        assert bench.told() == [told]
        assert bench.dashboard.pane == "bakeoff"


@pytest.mark.slow
async def test_at_80_columns_nothing_of_a_run_is_cut() -> None:
    """Names of tasks, outcomes of every kind, the verdict so far and what would decide it."""
    kinds = list(FailureKind)
    done = trials(len(kinds) + 4, lost=range(2, len(kinds) + 2))
    done = [
        replace(one, attempts=tuple(replace(a, failure=kinds[at // 2 % len(kinds)]) for a in tried))
        if not one.solved_first and (tried := one.attempts)
        else one
        for at, one in enumerate(done)
    ]
    async with dashboard(size=(80, 24)) as bench:
        await bench.press("3")
        desk, pane = bench.dashboard.bakeoff, bench.dashboard.query_one(BakeoffPane)
        pane.live = Live(bench.clock)
        pane.running = pane.watching = True
        for event in events(30, done):
            bench.clock.forward(1)
            desk.on_bakeoff_progressed(BakeoffProgressed(event))
        pane.refresh_live()
        await bench.drawn()
        seen = bench.shown()
        (verdict,) = [row for row in seen.splitlines() if "verdict so far" in row]
        assert "✖ fail" in verdict
        await bench.press(*["down"] * 14)
        assert "×3" in bench.shown()
        assert "…" not in seen + bench.shown()


@pytest.mark.slow
async def test_a_run_larger_than_the_screen_shows_where_it_is() -> None:
    """The rows of cells up to where something happens, how many are not seen, and the tasks."""
    async with dashboard(size=(80, 24)) as bench:
        await bench.press("3")
        desk, pane = bench.dashboard.bakeoff, bench.dashboard.query_one(BakeoffPane)
        pane.live = Live(bench.clock)
        pane.running = pane.watching = True
        for event in events(700, trials(300, lost=(299,))):
            bench.clock.forward(1)
            desk.on_bakeoff_progressed(BakeoffProgressed(event))
        pane.refresh_live()
        await bench.drawn()
        (verdict,) = [row for row in bench.shown().splitlines() if "verdict so far" in row]
        assert "✓ pass  every criterion clears" in verdict
        assert "before and" in bench.shown()
        assert "after that do not fit" in bench.shown()
        rows = [row for row in bench.shown().splitlines() if row.startswith("  reflex  ●")]
        assert len(rows) == 1
        assert "✖" in "".join(bench.shown().splitlines()[5:7])
        assert "task-300" in bench.shown()


async def test_a_run_elsewhere_is_not_said_to_go_on_when_it_is_over() -> None:
    """Its journal goes, and what was said of it."""
    found = Unfinished(ROOT / "x", 1, 14, under_way=True, about={})
    async with dashboard() as bench:
        await bench.tell(ReportsSeen((one(1),)), UnfinishedSeen(found))
        await bench.press("3")
        assert "running elsewhere" in bench.shown()
        await bench.tell(UnfinishedSeen(None))
        assert "running elsewhere" not in bench.shown()
