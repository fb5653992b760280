"""Keys that have something to do here, but not now: never offered, and a press says why."""

from __future__ import annotations

from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest

from core.errors import ConfigError
from reflex_tui.model.live import Live
from reflex_tui.model.reports import ListedReport
from reflex_tui.model.slash import BakeoffOptions
from reflex_tui.panes.bakeoff import BakeoffPane
from reflex_tui.screens.bakeoff_start import BakeoffStart
from reflex_tui.screens.promote import PromoteScreen
from reflex_tui.watch.announcements import (
    CommandWanted,
    LookWanted,
    ReportsSeen,
    ViewBlocked,
    ViewSeen,
)
from tests.support.tui.bench import dashboard
from tests.support.tui.making import ROOT, StillClock, routing_view, settings, unhealthy

if TYPE_CHECKING:
    from tests.support.tui.bench import Bench


async def refused(bench: Bench, key: str) -> str:
    """What is said of a key that is pressed."""
    told: list[str] = []
    # Kept, as a notice is shown for a few seconds only.
    with patch.object(bench.app, "notify", lambda message, **_: told.append(message)):
        await bench.press(key)
    (said,) = told
    return said


async def test_of_the_health_pane() -> None:
    """Copying is for what is wrong, and a chart for servers that may be asked."""
    async with dashboard() as bench:
        assert await refused(bench, "c") == "The server has not been looked at yet"
        await bench.tell(ViewSeen(routing_view()))
        assert await refused(bench, "c") == "Nothing to copy: the server is healthy"
        assert "Copy" not in bench.offered()
        await bench.tell(ViewSeen(routing_view(unhealthy())))
        assert "Copy" in bench.offered()
        await bench.tell(ViewBlocked(ConfigError("no key", remedy="Set one.")))
        for key in ("l", "w"):
            assert "no call can be routed" in await refused(bench, key)
        assert await refused(bench, "c") == "There is no command to copy: the text says what to do"
        assert not {"Copy", "Chart", "Window"} & bench.offered()


async def test_of_the_bakeoff_pane(monkeypatch: pytest.MonkeyPatch) -> None:
    """By what there is: a run or none, reports or none; and another pane's key is not meant."""
    looks: list[LookWanted] = []
    async with dashboard() as bench:
        monkeypatch.setattr(bench.app, "on_look_wanted", looks.append)
        await bench.tell(ReportsSeen(()))
        await bench.press("3")
        assert await refused(bench, "s") == "No bakeoff is running here"
        assert await refused(bench, "r") == "There is no interrupted bakeoff to resume"
        assert not looks  # r probes on the other panes
        assert await refused(bench, "v") == "No bakeoff was started in this dashboard"
        assert await refused(bench, "p") == "Reflex is enabled already"
        for key in ("c", "space", "a"):
            assert await refused(bench, key) == "There is no report yet"
        path = ROOT / ".speckit/eval/reflex-bakeoff-20260111T103100Z.json"
        await bench.tell(ReportsSeen((ListedReport(path, problem="not JSON"),)))
        assert await refused(bench, "c") == "This report cannot be read"
        pane = bench.dashboard.query_one(BakeoffPane)
        pane.live, pane.running, pane.watching = Live(StillClock()), True, True
        await bench.drawn()
        assert await refused(bench, "n") == "A bakeoff is running: s stops it"
        assert await refused(bench, "c") == "The run is shown: v goes to the reports"
        pane.stopping = True
        assert await refused(bench, "s") == "It is stopping already"
        assert bench.offered().isdisjoint({"New", "Stop", "Resume", "Promote", "Compare"})


@pytest.mark.slow
async def test_of_dialogs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a field has the focus: Enter would only be text to it."""
    for screen in (PromoteScreen, BakeoffStart):
        for look in ("_look", "_estimate", "_read_suites"):
            monkeypatch.setattr(screen, look, lambda *_: None, raising=False)
    async with dashboard() as bench:
        promote = PromoteScreen(settings(), on=True)
        await bench.app.push_screen(promote)
        assert await refused(bench, "enter") == "Gate and file are still being checked"
        promote.post_message(PromoteScreen.Looked(ConfigError("it is read-only")))
        await bench.drawn()
        assert await refused(bench, "enter") == "It cannot be written: the reason is shown above"
        await bench.press("escape")
        start = BakeoffStart(settings(), BakeoffOptions(), lambda: None, {})
        await bench.app.push_screen(start)
        said = "The suite is still being read, and the sandbox tested"
        assert await refused(bench, "enter") == said
        start.post_message(BakeoffStart.Looked(None, ConfigError("no such suite")))
        await bench.drawn()
        assert "the reason is below the fields" in await refused(bench, "enter")
        assert bench.app.screen is start
        await bench.press("escape")
        await bench.tell(CommandWanted.named("status"))
        assert await refused(bench, "c") == "There is nothing to copy here"


async def test_where_not_all_keys_fit_help_is_still_offered() -> None:
    """It names the others."""
    async with dashboard(size=(80, 24)) as bench:
        await bench.tell(ViewSeen(routing_view(unhealthy())))
        (foot,) = bench.shown().splitlines()[-1:]
        assert ("? Help" in foot, "Command" in foot) == (True, False)
