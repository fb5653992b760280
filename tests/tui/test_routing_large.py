"""The routing log over more events than memory holds: all can be reached, filtered, opened."""

from __future__ import annotations

import shutil
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from core.capsule import EventLog
from core.capsule.index import Index, ListedRows
from core.files import make_private
from reflex_tui.app import ReflexApp
from reflex_tui.model.filters import parse_filter
from reflex_tui.model.log import NewestRows
from reflex_tui.model.log_columns import layout
from reflex_tui.model.rows import entries_of, listed_row
from reflex_tui.screens.detail import DetailScreen
from reflex_tui.watch.announcements import CountWanted, IndexGrew, PageWanted, RowsCounted
from reflex_tui.widgets.log_line import log_line
from tests.support.capsule.filling import index_file
from tests.support.tui.bench import Bench, came, dashboard
from tests.support.tui.making import NOW, call, decision, settings
from tests.support.tui.watching import make, until, watching

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

EVENTS = 10_000
ROWS = EVENTS // 2


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A capsule of 10,000 events up to now, with its index."""
    path = tmp_path_factory.mktemp("large") / "capsule"
    make(path, EVENTS, end=NOW, hours=5)
    with Index(EventLog(path)) as index:
        index.update()
    shutil.copy(index_file(path), path.parent / "index.sqlite")
    return path


@pytest.fixture(scope="module")
def in_memory(large: Path) -> NewestRows:
    """All of its rows, held in memory."""
    rows = NewestRows(keep=EVENTS)
    rows.append(entries_of(EventLog(large).read()))
    return rows


def lend_index(large: Path, capsule: Path) -> None:
    """Put the index of ``large`` where this test's user keeps that of ``capsule``."""
    file = index_file(capsule)
    make_private(file.parent)
    shutil.copy(large.parent / "index.sqlite", file)


@pytest.fixture
def workspace(large: Path, tmp_path: Path) -> Path:
    """A workspace of this test's own over a copy of it."""
    root = tmp_path / "api"
    shutil.copytree(large, root / ".speckit" / "capsule")
    lend_index(large, root / ".speckit" / "capsule")
    return root


async def in_sight(bench: Bench) -> list[int]:
    """The seqs of the rows in sight, once all are there."""
    view = bench.view

    def rows() -> list[Any]:
        top = view.scroll_offset.y
        height = view.scrollable_content_region.height
        end = min(top + height, len(view.rows))
        return [bench.routing.listing.row(index) for index in range(top, end)]

    await until(lambda: all(rows()))
    await bench.pilot.pause()
    return [row.seq for row in rows()]


@pytest.mark.slow
async def test_all_rows_can_be_reached(workspace: Path) -> None:
    """Home, End, pages, the scrollbar and a time; each shows the rows that lie there."""
    async with watching(workspace) as bench:
        view = bench.view
        assert len(view.rows) == ROWS
        assert len(bench.routing.newest) < ROWS
        assert "5,000 rows" in bench.shown()
        assert (await in_sight(bench))[-1] == EVENTS - 1
        await bench.press("home")
        seqs = await in_sight(bench)
        assert seqs == list(range(1, 2 * len(seqs), 2))
        assert not view.following
        await bench.press("pagedown", "pagedown")
        assert (await in_sight(bench))[-1] == 2 * bench.view.cursor + 1
        view.scroll_to(y=2500, animate=False, force=True)
        view.following = False
        await bench.pilot.pause()
        assert (await in_sight(bench))[0] == 5_001
        assert view.cursor == 2500
        await bench.press("t")
        await bench.type("2h ago")
        await bench.press("enter")
        await until(lambda: view.cursor not in {0, 2500})
        row = bench.routing.listing.row(view.cursor)
        await in_sight(bench)
        row = view.row_at_cursor()
        assert row is not None
        assert abs(row.at - (NOW - timedelta(hours=2))) < timedelta(seconds=5)
        await bench.press("end")
        assert view.following
        assert (await in_sight(bench))[-1] == EVENTS - 1


FILTERS = [
    "mode:cloud",
    "error:time >1s",
    *(
        pytest.param(text, marks=pytest.mark.slow)
        for text in ("reason:no_bake", ">1s", "<300", "timeout", "call:00")
    ),
]


@pytest.mark.parametrize("text", FILTERS)
def test_the_index_passes_the_rows_that_memory_passes(
    large: Path, in_memory: NewestRows, text: str
) -> None:
    """A filter means the same for rows of both kinds, whichever a row happens to be in."""
    chosen = parse_filter(text)
    lend_index(large, large)
    expected = [row.seq for row in map(in_memory.row, in_memory.matching(chosen.accepts))]
    wanted = ListedRows(chosen.fields, chosen.words, chosen.over_ms, chosen.under_ms)
    with Index(EventLog(large)) as index:
        found = index.listed(wanted, 0, EVENTS)
        assert [row.seq for row in found] == expected
        assert [row.number for row in found] == list(range(len(found)))
        assert index.number(wanted, 7777) == sum(seq < 7777 for seq in expected)
        assert 0 < len(expected) < ROWS


@pytest.mark.slow
async def test_a_filter_goes_over_all_rows_and_keeps_the_cursor(workspace: Path) -> None:
    """Also while paused far up: the row under the cursor stays there if it passes."""
    async with watching(workspace) as bench:
        bench.view.jump(1500)
        await in_sight(bench)
        while (row := bench.view.row_at_cursor()) and row.title != "cloud":
            await bench.press("down")
            await in_sight(bench)
        chosen = bench.view.row_at_cursor()
        assert chosen is not None
        await bench.press("f")
        await bench.type("mode:cloud")
        await until(lambda: bench.routing.listing.before is not None)
        await in_sight(bench)
        assert len(bench.view.rows) > len(bench.routing.newest)
        assert bench.view.row_at_cursor() == chosen
        assert not bench.view.following
        await bench.press("enter", "escape")
        await until(lambda: bench.routing.listing.before is not None)
        await in_sight(bench)
        assert bench.view.row_at_cursor() == chosen


@pytest.mark.slow
async def test_new_events_wait_while_paused_and_end_shows_them(workspace: Path) -> None:
    """What is in sight stands still; the count of those waiting is told."""
    async with watching(workspace) as bench, _log(workspace) as log:
        await bench.press("home")
        before = await in_sight(bench)
        for number in range(5):
            log.append(decision(f"new{number}"))
        await until(lambda: bench.view.waiting == 5)
        await bench.pilot.pause()
        assert "5 new" in bench.shown()
        assert await in_sight(bench) == before
        await bench.press("end")
        assert (await in_sight(bench))[-1] == EVENTS + 5
        assert bench.view.waiting == 0


@pytest.mark.slow
async def test_rows_that_leave_memory_stay_in_reach(workspace: Path) -> None:
    """The newest is bounded; positions do not move when rows go from it to the index."""
    async with watching(workspace) as bench, _log(workspace) as log:
        bench.routing.newest.keep = 100
        log.append(decision("more"))
        await until(lambda: len(bench.view.rows) == ROWS + 1)
        assert len(bench.routing.newest) <= 110
        assert (await in_sight(bench))[-1] == EVENTS + 1
        bench.view.jump(ROWS - 500)
        assert (await in_sight(bench))[0] == 2 * (ROWS - 500) + 1


@pytest.mark.slow
async def test_an_old_event_is_opened_with_its_call(workspace: Path) -> None:
    """Enter on a row that was never in memory: attempts, JSON, hash."""
    async with watching(workspace) as bench:
        await bench.press("home")
        await in_sight(bench)
        await bench.press("enter")
        await bench.sees("✓ hash matches")
        await bench.sees("attempt 1")
        assert isinstance(bench.app.screen, DetailScreen)


@pytest.mark.slow
async def test_without_an_index_the_tail_is_there_at_once(workspace: Path) -> None:
    """It is built again, removed or damaged; how far that is, is told; then all is in reach."""
    index = index_file(workspace / ".speckit" / "capsule")
    index.parent.mkdir(parents=True, exist_ok=True)
    index.write_bytes(b"no database")
    log = EventLog(workspace / ".speckit" / "capsule")
    async with dashboard(settings(workspace)) as bench:
        await bench.tell(came(log.tail(100)), IndexGrew(4096, 0.43))
        await bench.press("2")
        assert "50+ (indexing 43%) rows" in bench.shown()
        assert "TIME" in bench.shown()
    async with watching(workspace) as bench:
        assert len(bench.view.rows) == ROWS
        await bench.press("home")
        assert (await in_sight(bench))[0] == 1


async def test_an_answer_to_an_earlier_filter_is_not_taken(a_day: tuple[Any, ...]) -> None:
    """Counting takes a while; what was asked before the filter changed says nothing now."""
    async with dashboard() as bench:
        await bench.tell(came(a_day[40:]))
        routing = bench.routing
        old = CountWanted(routing.listing.filter, routing.newest.edge, 0)
        routing.apply(parse_filter("mode:cloud"))
        await bench.tell(RowsCounted(old, 20, 20, 0))
        assert routing.listing.before is None
        now = CountWanted(routing.listing.filter, routing.newest.edge, 0)
        await bench.tell(RowsCounted(now, 4, 20, 0))
        assert routing.listing.before == 4


async def test_a_page_is_asked_for_once(a_day: tuple[Any, ...], monkeypatch: Any) -> None:
    """Drawing the same place again and again asks for it a single time."""
    asked: list[PageWanted] = []
    monkeypatch.setattr(ReflexApp, "_ask_archive", lambda *_: None)
    async with dashboard() as bench:
        await bench.tell(came(a_day[40:]))
        routing = bench.routing
        monkeypatch.setattr(routing, "_want_page", asked.append)
        monkeypatch.setattr(routing.listing._pages, "_want", asked.append)
        question = CountWanted(routing.listing.filter, routing.newest.edge, 0)
        await bench.tell(RowsCounted(question, 1000, 1000, 0))
        await bench.press("2", "home")
        for _ in range(5):
            bench.view.refresh()
            await bench.pilot.pause()
        assert asked == [0]


@asynccontextmanager
async def _log(root: Path) -> AsyncIterator[EventLog]:
    with EventLog(root / ".speckit" / "capsule") as log:
        yield log


def test_a_late_call_ends_its_decision_in_the_index(tmp_path: Path) -> None:
    """Indexed before its call came, joined when it comes; retries count; others are not touched."""
    with EventLog(tmp_path / "capsule") as log, Index(log) as index:
        log.append(decision("aa"))
        log.append(decision("bb"))
        index.update()
        assert [(row.attempts, row.end) for row in index.listed(ListedRows(), 0, 9)] == [
            (0, None)
        ] * 2
        assert index.count(ListedRows(over_ms=500)) == 0
        log.append(call("aa", total_ms=900, error="timeout"))
        log.append(call("aa", total_ms=700, attempt=2))
    with EventLog(tmp_path / "capsule") as log, Index(log) as index:
        index.update()
        first, second = index.listed(ListedRows(), 0, 9)
        assert first.end is not None
        assert (first.attempts, first.end.latency_ms, first.end.kind.success) == (2, 1600, True)
        assert second.end is None
        assert index.count(ListedRows(over_ms=500)) == 1
        assert [row.seq for row in index.listed(ListedRows(over_ms=500), 0, 9)] == [1]


@pytest.mark.parametrize("late", [False, True], ids=["at once", "indexed before"])
def test_total_is_what_the_caller_waited(tmp_path: Path, *, late: bool) -> None:
    """Three attempts of five seconds are fifteen, in memory as in the index, shown and filtered."""
    with EventLog(tmp_path / "capsule") as log, Index(log) as index:
        log.append(decision("aa"))
        if late:
            index.update()
        for attempt in (1, 2, 3):
            log.append(call("aa", total_ms=5000, attempt=attempt, error="timeout"))
        index.update()
        (listed,) = map(listed_row, index.listed(ListedRows(over_ms=14_000), 0, 9))
        newest = NewestRows()
        newest.append(entries_of(log.tail(9)))
    assert listed.waited_ms == newest.row(0).waited_ms == 15_000
    assert parse_filter(">14s").accepts(newest.row(0))
    drawn = log_line(listed, layout(100), NOW, 60.0)
    assert ("15.0 s", "") in drawn
