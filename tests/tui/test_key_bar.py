"""The line of keys: what is shown where not all of them fit into one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from textual.app import App
from textual.binding import Binding
from textual.screen import Screen

from reflex_tui.screens.bakeoff_start import BakeoffStart
from reflex_tui.screens.detail import DetailScreen
from reflex_tui.screens.promote import PromoteScreen
from reflex_tui.screens.report import ReportScreen
from reflex_tui.screens.savings import SavingsScreen
from reflex_tui.screens.suite_make import SuiteMake
from reflex_tui.widgets.key_bar import KeyBar

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType


def with_the_keys_of(screen: type[Screen[Any]], rows: int) -> Screen[None]:
    """Nothing but those keys in a bar of so many rows."""

    def compose(_: Screen[None]) -> ComposeResult:
        yield KeyBar(rows)

    own = {"BINDINGS": screen.BINDINGS, "compose": compose}
    made: Screen[None] = type("Keyed", (Screen,), own)()
    return made


class Bare(App[None]):
    """An application whose help is the key that is always shown."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("question_mark", "help", "Help", id="help")]
    ENABLE_COMMAND_PALETTE = False


@pytest.mark.parametrize(
    "screen",
    [BakeoffStart, DetailScreen, PromoteScreen, ReportScreen, SavingsScreen, SuiteMake],
)
async def test_at_eighty_columns_a_screen_shows_all_its_keys(screen: type[Screen[Any]]) -> None:
    """In two rows where one is too short, each key whole; clicks land on them."""
    keys = [each for each in screen.BINDINGS if isinstance(each, Binding) and each.show]
    async with Bare().run_test(size=(80, 24)) as pilot:
        await pilot.app.push_screen(with_the_keys_of(screen, 2))
        await pilot.pause()
        bar = pilot.app.screen.query_one(KeyBar)
        rows = bar.render().plain.splitlines()
        assert len(rows) == bar.size.height <= 2
        shown = "\n".join(rows)
        for each in [*keys, *Bare.BINDINGS]:
            assert isinstance(each, Binding)
            assert f" {each.description}" in shown
        assert rows[-1].endswith("palette")
        assert all(len(row) <= 78 for row in rows)


async def test_with_one_row_help_stays_and_others_are_left_out() -> None:
    """The panes keep their rows for what they show."""
    async with Bare().run_test(size=(60, 24)) as pilot:
        await pilot.app.push_screen(with_the_keys_of(ReportScreen, 1))
        await pilot.pause()
        bar = pilot.app.screen.query_one(KeyBar)
        assert bar.size.height == 1
        assert "? Help" in bar.render().plain
        assert "Compare" not in bar.render().plain
