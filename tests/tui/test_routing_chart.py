"""The latencies beside the log: sparklines of both modes, and the chart of a chosen window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reflex_tui.model.slash import parse
from reflex_tui.watch.announcements import CommandWanted, ViewSeen
from tests.support.tui.bench import came, dashboard
from tests.support.tui.making import routing_view

if TYPE_CHECKING:
    from core.capsule import Record
    from tests.support.tui.bench import Bench


async def drawn(bench: Bench) -> str:
    """The screen once all is handled."""
    await bench.drawn()
    return bench.shown()


@pytest.mark.parametrize("size", [(80, 40), pytest.param((160, 48), marks=pytest.mark.slow)])
async def test_log_sparklines_and_chart_are_in_sight_together(
    a_day: tuple[Record, ...], size: tuple[int, int]
) -> None:
    """Rows, a sparkline a backend, and the chart with the threshold's line and the window."""
    async with dashboard(size=size) as bench:
        await bench.tell(came(a_day), ViewSeen(routing_view()))
        await bench.press("2")
        shown = await drawn(bench)
        assert shown.count("healthy_and_thresholds_met") > 5
        assert "LATENCY" in shown
        assert all(f"{word} " in shown for word in ("reflex", "cloud", "P50", "P95", "auto"))
        assert "BACKENDS  last 5 min" in shown
        assert any(bar in shown for bar in "▁▂▃▄▅▆▇")
        assert shown.count("╌") > 5
        assert "5 min ago" in shown
        assert {"Chart", "Window", "Filter"} <= bench.offered()


@pytest.mark.slow
async def test_at_80_by_24_the_chart_is_one_key_away(a_day: tuple[Record, ...]) -> None:
    """``l`` gives it the pane, without the filter's key, and takes it back."""
    async with dashboard(size=(80, 24)) as bench:
        await bench.tell(came(a_day), ViewSeen(routing_view()))
        await bench.press("2")
        assert "┤╌" not in await drawn(bench)
        await bench.press("l")
        shown = await drawn(bench)
        assert "2.00 s┤╌" in shown
        assert "healthy_and_thresholds_met" not in shown.split("─")[-1]
        assert "Window" in bench.offered()
        assert not {"Filter", "Go to time", "Open"} & bench.offered()
        await bench.press("l", "up")
        assert "▌" in await drawn(bench)
        assert {"Filter", "Open"} <= bench.offered()


@pytest.mark.slow
async def test_both_panes_show_the_same_window(a_day: tuple[Record, ...]) -> None:
    """Turned on one it is turned on the other; by key and by command."""
    async with dashboard() as bench:
        await bench.tell(came(a_day), ViewSeen(routing_view()))
        await bench.press("2", "w", "w", "w", "w", "w")
        assert "24 h ago" in await drawn(bench)
        await bench.press("1")
        assert "24 h ago" in await drawn(bench)
        await bench.tell(CommandWanted(parse("window")), CommandWanted(parse("window")))
        assert "1 min ago" in await drawn(bench)
        await bench.tell(CommandWanted(parse("chart")))
        assert "SERVER" not in await drawn(bench)


async def test_an_empty_log_has_no_chart_to_offer() -> None:
    """Nor has its command anything to do, and it says so."""
    async with dashboard() as bench:
        await bench.tell(came(()), ViewSeen(routing_view()))
        await bench.press("2", "l", "w")
        assert "No decision yet" in await drawn(bench)
        assert not {"Chart", "Window"} & bench.offered()
        await bench.tell(CommandWanted(parse("chart")))
        assert bench.told()[-1] == "There are no calls yet"


async def test_a_click_on_the_filter_line_lets_it_be_typed(a_day: tuple[Record, ...]) -> None:
    """As the key does."""
    async with dashboard(size=(80, 24)) as bench:
        await bench.tell(came(a_day))
        await bench.press("2")
        row = next(n for n, line in enumerate(bench.shown().splitlines()) if "f filter" in line)
        await bench.pilot.click(offset=(6, row))
        await bench.type("mode:cloud")
        assert not bench.routing.listing.filter.is_empty


@pytest.mark.slow
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
