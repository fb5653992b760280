"""Leaving: from whatever is open, and while something is being built."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from textual.containers import VerticalScroll
from textual.css.query import NoMatches

from reflex_tui.app import ReflexApp
from reflex_tui.panes.bakeoff import BakeoffPane
from reflex_tui.panes.routing import RoutingPane
from reflex_tui.screens.bakeoff_control import BakeoffControl
from reflex_tui.screens.dashboard import Dashboard
from reflex_tui.screens.pages import Sheet
from reflex_tui.watch.announcements import CommandWanted
from reflex_tui.widgets.command_bar import CommandBar
from reflex_tui.widgets.log_bars import FilterBar
from tests.support.tui.making import settings
from tests.support.tui.watching import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from textual.widget import Widget


def leave_at(part: type[Widget], monkeypatch: pytest.MonkeyPatch) -> None:
    """The user leaves in the moment when ``part`` is about to be built.

    From then on Textual mounts nothing more.
    """
    compose = part.compose

    def composed(self: Widget) -> Iterator[Widget]:
        self.app.exit()
        return iter(compose(self))

    monkeypatch.setattr(part, "compose", composed)


async def outcome(app: ReflexApp) -> tuple[int | None, BaseException | None]:
    """Exit status and error of an application that ends by itself.

    Not under Textual's pilot: that waits for answers of what was never mounted.
    """
    await app.run_async(headless=True, size=(80, 24))
    return app.return_code, app._exception


@pytest.mark.parametrize(
    "part",
    [Dashboard, RoutingPane, FilterBar, BakeoffControl, BakeoffPane, CommandBar],
    ids=lambda part: part.__name__,
)
async def test_leaving_before_a_part_is_built_is_leaving(
    part: type[Widget], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No traceback and exit status 0, whatever was being mounted."""
    leave_at(part, monkeypatch)
    assert await outcome(ReflexApp(None, watch=False)) == (0, None)


async def test_leaving_before_the_other_panes_are_mounted_is_leaving(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They are loaded in a thread; who has left by then gets no traceback for it."""
    app = ReflexApp(None, watch=False)
    made = CommandBar.__init__

    def make(bar: CommandBar) -> None:
        made(bar)
        app.exit()

    monkeypatch.setattr(CommandBar, "__init__", make)
    assert await outcome(app) == (0, None)


@pytest.mark.parametrize("part", [Sheet, VerticalScroll], ids=lambda part: part.__name__)
async def test_leaving_before_a_sheet_is_built_is_leaving(
    part: type[Widget], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As above, for what opens over the dashboard."""
    app = ReflexApp(None, watch=False)
    running = asyncio.create_task(outcome(app))
    await until(lambda: app.dashboard.is_whole)
    leave_at(part, monkeypatch)
    app.post_message(CommandWanted.named("help"))
    assert await running == (0, None)


async def test_a_part_that_is_missing_before_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only leaving excuses it."""
    monkeypatch.setattr(RoutingPane, "compose", lambda _pane: iter(()))
    status, error = await outcome(ReflexApp(None, watch=False))
    assert status == 1
    assert isinstance(error, NoMatches)


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param((), id="dashboard"),
        *(
            pytest.param(keys, id=name, marks=pytest.mark.slow)
            for name, keys in (
                ("help", ("question_mark",)),
                ("palette", ("ctrl+p",)),
                ("command", ("slash", "x")),
                ("filter", ("2", "f", "x")),
            )
        ),
        pytest.param(("3", "n"), id="start", marks=pytest.mark.slow),
    ],
)
async def test_ctrl_c_leaves_whatever_is_open(keys: tuple[str, ...], tmp_path: Path) -> None:
    """A dialog over the dashboard keeps it from nothing."""
    app = ReflexApp(settings(tmp_path), watch=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(lambda: app.dashboard.is_whole)
        await pilot.press(*keys)
        await pilot.pause()
        await pilot.press("ctrl+c")
        assert app.return_code == 0


@pytest.mark.slow
async def test_ctrl_c_copies_what_is_selected(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a field or on the screen; only then it is no way out."""
    copied: list[str] = []
    app = ReflexApp(None, watch=False)
    monkeypatch.setattr(app, "copy_to_clipboard", copied.append)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(lambda: app.dashboard.is_whole)
        await pilot.press("slash", "q", "u", "shift+home", "ctrl+c")
        assert copied == ["/speckit.reflex qu"]
        await pilot.press("escape", "question_mark")
        await pilot.pause()
        app.screen.query_one("#sheet-text").text_select_all()
        await pilot.press("ctrl+c")
        assert "probe" in copied[1]
        assert app.return_code is None
