"""What is seen first: the picture, then how the server is, then the other panes."""

from __future__ import annotations

import socket
import threading
from functools import partial
from typing import TYPE_CHECKING

import pytest
from textual.widgets import Input

from core.settings import load_settings
from reflex_tui.app import ReflexApp
from reflex_tui.screens import dashboard as dashboards
from reflex_tui.screens.broken_config import BrokenConfigScreen
from reflex_tui.screens.dashboard import Dashboard
from tests.support.tui.making import StillClock
from tests.support.tui.watching import until

if TYPE_CHECKING:
    from pathlib import Path


def watching(root: Path, endpoint: str) -> ReflexApp:
    """An application that watches a workspace whose server is there."""
    path = root / "stage0.toml"
    path.write_text(f'[reflex]\nendpoint = "{endpoint}"\n')
    return ReflexApp(
        None, read=partial(load_settings, path), clock=StillClock(), theme_file=root / "theme"
    )


async def test_the_server_is_shown_before_the_other_panes_are_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the dashboard is opened for does not wait; what is typed meanwhile is kept, whole."""
    load = threading.Event()
    monkeypatch.setattr(dashboards, "_load_panes", load.wait)
    app = watching(tmp_path, "http://127.0.0.1:9/v1")
    async with app.run_test(size=(120, 40)) as pilot:
        board = app.dashboard
        try:
            await until(lambda: board.routing_view)
            await pilot.press("slash", "2")
            await pilot.pause()
            assert not board.is_whole
            lines = [strip.text for strip in board._compositor.render_strips()]
            assert "✖ down" in lines[0]
        finally:
            load.set()
        await until(lambda: board.is_whole and board.bar.is_open)
        assert board.bakeoff._routing_view is not None
        await until(lambda: board.bar.query_one(Input).value == "/speckit.reflex 2")
        assert board.pane == "health"


async def test_a_server_that_does_not_answer_holds_up_nothing(tmp_path: Path) -> None:
    """The other panes come while the first look still waits."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        app = watching(tmp_path, f"http://127.0.0.1:{silent.getsockname()[1]}/v1")
        async with app.run_test(size=(120, 40)):
            await until(lambda: app.dashboard.is_whole)
            assert app.dashboard.routing_view is None


async def test_behind_a_broken_configuration_the_dashboard_becomes_whole(tmp_path: Path) -> None:
    """Once it is fixed, all of it is there."""
    app = watching(tmp_path, "no address")
    async with app.run_test(size=(120, 40)):
        await until(lambda: isinstance(app.screen, BrokenConfigScreen))
        await until(lambda: app.dashboard.is_whole)
        watching(tmp_path, "http://127.0.0.1:9/v1")
        await until(lambda: app.screen is app.dashboard and app.dashboard.routing_view)


@pytest.mark.parametrize(
    ("size", "classes"),
    [
        ((20, 5), {"-tiny-width", "-tiny-height"}),
        ((80, 24), {"-single", "-short"}),
        ((160, 48), {"-wide", "-tall"}),
    ],
)
async def test_the_first_layout_is_that_of_the_terminal(
    size: tuple[int, int], classes: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has its classes before anything is drawn, so that nothing is drawn twice."""
    at_first: list[frozenset[str]] = []
    mount = Dashboard.on_mount

    def on_mount(board: Dashboard) -> None:
        at_first.append(board.classes)
        mount(board)

    monkeypatch.setattr(Dashboard, "on_mount", on_mount)
    app = ReflexApp(None, watch=False)
    async with app.run_test(size=size):
        assert classes <= at_first[0]
        assert app.dashboard.classes == at_first[0]
