"""The latencies beside the log: sparklines of both modes, and the chart of a chosen window."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from reflex_tui.model.latencies import WINDOWS
from reflex_tui.model.slash import parse
from reflex_tui.watch.messages import CommandWanted, ViewSeen, WindowSeen
from tests.support.tui.bench import came, dashboard
from tests.support.tui.health_states import windowed
from tests.support.tui.making import outlook

if TYPE_CHECKING:
    from core.capsule import Record
    from reflex_tui.model.latencies import Windowed
    from tests.support.tui.bench import Bench


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Windowed:
    """What a capsule of 120 calls shows."""
    return windowed(tmp_path_factory.mktemp("seen") / "capsule")


async def drawn(bench: Bench) -> str:
    """The screen once all is handled."""
    await bench.drawn()
    return bench.shown()


@pytest.mark.parametrize("size", [(80, 40), (120, 40), (160, 48)])
async def test_log_sparklines_and_chart_are_in_sight_together(
    seen: Windowed, a_day: tuple[Record, ...], size: tuple[int, int]
) -> None:
    """Rows, both modes' TTFT and total, and the chart with the threshold's line and the window."""
    async with dashboard(size=size) as bench:
        await bench.tell(came(a_day), ViewSeen(outlook()), WindowSeen(seen))
        await bench.press("2")
        shown = await drawn(bench)
        assert shown.count("healthy_and_thresholds_met") > 5
        assert "LATENCY" in shown
        assert all(f"{word} " in shown for word in ("reflex", "cloud", "TTFT", "total", "P95"))
        assert "TOTAL     last 15 min" in shown
        assert "limit" in shown
        assert shown.count("╌") > 5
        assert "15 min ago" in shown
        assert {"Chart", "Window", "Filter"} <= bench.offered()


async def test_at_80_by_24_the_chart_is_one_key_away(
    seen: Windowed, a_day: tuple[Record, ...]
) -> None:
    """``l`` gives it the pane, with the window's key instead of the filter's, and takes it back."""
    async with dashboard(size=(80, 24)) as bench:
        await bench.tell(came(a_day), ViewSeen(outlook()), WindowSeen(seen))
        await bench.press("2")
        assert "TOTAL     last" not in await drawn(bench)
        assert "Window" not in bench.offered()
        await bench.press("l")
        shown = await drawn(bench)
        assert "TOTAL     last 15 min" in shown
        assert "healthy_and_thresholds_met" not in shown.split("─")[-1]
        assert "Window" in bench.offered()
        assert not {"Filter", "Go to time", "Open"} & bench.offered()
        await bench.press("l", "up")
        assert "▌" in await drawn(bench)
        assert {"Filter", "Open"} <= bench.offered()


async def test_both_panes_chart_the_same_window(seen: Windowed, a_day: tuple[Record, ...]) -> None:
    """Turned on one it is turned on the other; by key and by command."""
    async with dashboard() as bench:
        await bench.tell(came(a_day), ViewSeen(outlook()), WindowSeen(seen))
        await bench.press("2", "w")
        assert "reading the evidence" in await drawn(bench)
        await bench.tell(WindowSeen(seen))  # the answer to what was asked before
        assert "TOTAL     last" not in await drawn(bench)
        await bench.tell(WindowSeen(replace(seen, window=WINDOWS[2])))
        assert "24 h ago" in await drawn(bench)
        await bench.press("1")
        assert "24 h ago" in await drawn(bench)
        await bench.tell(CommandWanted(parse("window")))
        await bench.tell(WindowSeen(replace(seen, window=WINDOWS[0])))
        assert "1 min ago" in await drawn(bench)
        await bench.tell(CommandWanted(parse("chart")))
        assert "SERVER" not in await drawn(bench)


async def test_an_empty_log_has_no_chart_to_offer(seen: Windowed) -> None:
    """Nor has its command anything to do, and it says so."""
    async with dashboard() as bench:
        await bench.tell(came(()), ViewSeen(outlook()), WindowSeen(seen))
        await bench.press("2", "l", "w")
        assert "No decision yet" in await drawn(bench)
        assert not {"Chart", "Window"} & bench.offered()
        await bench.tell(CommandWanted(parse("chart")))
        assert [note.message for note in bench.app._notifications] == ["There is no chart here"]


async def test_escape_leaves_the_time_and_keeps_the_filter(a_day: tuple[Record, ...]) -> None:
    """While a time is typed the footer says so, and nothing of the filter is cleared."""
    async with dashboard() as bench:
        await bench.tell(came(a_day))
        await bench.press("2", "f")
        await bench.type("mode:cloud")
        await bench.press("enter", "t")
        assert "Back" in bench.offered()
        assert "Clear filter" not in bench.offered()
        await bench.press("escape")
        assert "mode:cloud" in bench.shown()
        assert not bench.routing.listing.filter.is_empty
        assert "Open" in bench.offered()
