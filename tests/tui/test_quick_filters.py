"""Filters that are always there and count, those the user keeps, and the keys around the log."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from core.capsule import EventLog
from core.stages import Mode
from reflex_tui.model.preferences import Preferences, keep, preferred
from reflex_tui.screens.detail import DetailScreen
from reflex_tui.watch.announcements import QuickCounted, QuickCountWanted
from reflex_tui.widgets.log_view import LogView
from reflex_tui.widgets.quick_bar import QuickBar
from tests.support.tui.bench import Bench, came, dashboard
from tests.support.tui.making import StillClock, call, decision

if TYPE_CHECKING:
    from pathlib import Path

    from core.capsule import Record


async def test_they_count_what_comes_and_changes(a_day: tuple[Record, ...], tmp_path: Path) -> None:
    """A call that failed counts as failed until another backend is asked for it."""
    fallback = decision("zz", Mode.CLOUD, reason="backend_failed", is_fallback=True)
    async with dashboard() as bench:
        await bench.tell(came(a_day))
        await bench.press("2")
        assert "a all 44   x failed 0   b fell back 3   c cloud 11" in bench.shown()
        with EventLog(tmp_path, clock=StillClock()) as log:
            told: list[str] = []
            for event in (decision("zz"), call("zz", error="timeout"), fallback):
                record = replace(log.append(event), seq=1000 + len(told))
                await bench.tell(came([record], fresh=False))
                told.append(bench.shown())
        assert ["x failed 1" in shown for shown in told] == [False, True, False]
        assert "b fell back 4   c cloud 12" in told[-1]


@pytest.mark.slow
async def test_a_key_and_a_click_filter_and_again_they_do_not(a_day: tuple[Record, ...]) -> None:
    """The filter they set is the one that could have been typed."""
    async with dashboard() as bench:
        await bench.tell(came(a_day))
        await bench.press("2", "b")
        assert "f filter is:fallback" in bench.shown()
        assert "3 of 44 rows" in bench.shown()
        assert bench.app.focused is bench.view
        await bench.press("b")
        assert "3 of 44" not in bench.shown()
        at = bench.routing.query_one(QuickBar).render().plain.index("cloud")
        await bench.pilot.click(QuickBar, offset=(at + 2, 0))
        await bench.drawn()
        assert "f filter mode:cloud" in bench.shown()
        await bench.press("a")
        assert len(bench.view.rows) == 44


async def test_older_calls_are_counted_by_the_index(a_day: tuple[Record, ...]) -> None:
    """Until it says how many there are no figure is shown; an answer about another edge is none."""
    later = tuple(replace(each, seq=each.seq + 5000) for each in a_day)
    async with dashboard() as bench:
        await bench.tell(came(later))
        await bench.press("2")
        assert "x failed …" in bench.shown()
        failed = next(q for q in bench.routing._quick._matches if q.fields == (("is", "failed"),))
        edge = bench.routing.newest.edge
        await bench.tell(QuickCounted(QuickCountWanted(failed, edge - 1), 7))
        assert "x failed …" in bench.shown()
        await bench.tell(QuickCounted(QuickCountWanted(failed, edge), 258))
        assert "x failed 258" in bench.shown()


@pytest.mark.slow
async def test_a_filter_is_kept_and_let_go(a_day: tuple[Record, ...], tmp_path: Path) -> None:
    """With the user, for the next time; its mark is clicked as the others are."""
    async with dashboard(theme_file=tmp_path / "theme") as bench:
        await bench.tell(came(a_day))
        await bench.press("2", "m")
        assert bench.told() == ["No filter is set: f sets one, m keeps it"]
        await bench.press("f")
        await bench.type("timeout >2s")
        await bench.press("enter", "m")
    assert preferred(tmp_path / "routing.json").filters == ("timeout >2s",)
    async with dashboard(theme_file=tmp_path / "theme") as bench:
        await bench.tell(came(a_day))
        await bench.press("2")
        assert "★ timeout >2s" in bench.shown()
        at = bench.routing.query_one(QuickBar).render().plain.index("★")
        await bench.pilot.click(QuickBar, offset=(at + 3, 0))
        await bench.drawn()
        assert "3 of 44 rows" in bench.shown()
        await bench.press("m")
    assert preferred(tmp_path / "routing.json").filters == ()


@pytest.mark.slow
async def test_columns_are_chosen_and_kept(a_day: tuple[Record, ...], tmp_path: Path) -> None:
    """What is left out gives its room to the others."""
    async with dashboard(theme_file=tmp_path / "theme") as bench:
        await bench.tell(came(a_day))
        await bench.press("2")
        assert "OUTCOME" in bench.shown()
        assert "STAGE" not in bench.shown()
        await bench.press("v", "space", "enter")
        await bench.drawn()
        assert "OUTCOME" not in bench.shown()
        assert "STAGE" in bench.shown()
    kept = json.loads((tmp_path / "routing.json").read_text())
    assert kept == {"filters": [], "hidden": ["outcome", "session"]}


@pytest.mark.parametrize(
    "content",
    ["", "[]", "[" * 50_000, '{"filters": 7, "hidden": "time"}', '{"filters": ["mod:x", " ", 3]}'],
    ids=range(5),
)
def test_a_file_of_another_make_is_as_good_as_none(tmp_path: Path, content: str) -> None:
    """It cannot break the dashboard, hide the reason or leave a filter that is none."""
    (tmp_path / "routing.json").write_text(content)
    assert preferred(tmp_path / "routing.json") == Preferences()


def test_preferences_come_back(tmp_path: Path) -> None:
    """As they were kept; a home that cannot be written forgets them."""
    wanted = Preferences(("is:failed", ">2s cloud"), frozenset({"tokens"}))
    keep(tmp_path / "own" / "routing.json", wanted)
    assert preferred(tmp_path / "own" / "routing.json") == wanted
    (tmp_path / "file").write_text("")
    keep(tmp_path / "file" / "routing.json", wanted)


async def test_keys_that_cannot_act_say_why(a_day: tuple[Record, ...]) -> None:
    """And the foot does not offer them."""
    async with dashboard() as bench:
        await bench.press("2")
        await bench.press("f")
        assert bench.told() == ["The capsule is still being read"]
        await bench.tell(came(a_day))
        for key, words in (
            ("escape", "No filter is set: f sets one"),
            ("end", "The newest are followed already"),
            ("l", ""),
            ("x", "The chart has the pane: l brings the rows back"),
        ):
            await bench.press(key)
            assert words in (bench.told() or [""])[-1]
        assert "Filter" not in bench.offered()


@pytest.mark.slow
async def test_a_double_click_opens_the_call(a_day: tuple[Record, ...]) -> None:
    """As Enter does."""
    async with dashboard() as bench:
        await bench.tell(came(a_day))
        await bench.press("2")
        await bench.pilot.click(LogView, offset=(10, 3), times=2)
        await bench.drawn()
        assert isinstance(bench.app.screen, DetailScreen)


@pytest.mark.slow
async def test_the_filters_line_and_its_state_are_clicked(a_day: tuple[Record, ...]) -> None:
    """The line to type in it, what it says of following to follow again."""
    async with dashboard() as bench:
        await bench.tell(came(a_day))
        await bench.press("2", "up")
        await click(bench, "End follows")
        assert bench.view.following
        await bench.pilot.click("#filter-label")
        await bench.drawn()
        assert bench.app.focused is not None
        assert bench.app.focused.id == "filter-input"


async def click(bench: Bench, words: str) -> None:
    """Click on these words, wherever they are."""
    for y, text in enumerate(bench.shown().splitlines()):
        if words in text:
            await bench.pilot.click(offset=(text.index(words) + 1, y))
            await bench.drawn()
            return
    raise AssertionError(words)
