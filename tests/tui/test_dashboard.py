"""What keys, clicks, commands and messages do to the dashboard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from core.errors import ConfigError
from reflex_tui.app import ReflexApp
from reflex_tui.model.reports import ListedReport
from reflex_tui.panes.health import HealthPane
from reflex_tui.panes.routing import RoutingPane
from reflex_tui.screens.broken_config import BrokenConfigScreen
from reflex_tui.screens.dashboard import Dashboard
from reflex_tui.screens.detail import DetailScreen
from reflex_tui.screens.pages import Sheet
from reflex_tui.watch.announcements import (
    CommandWanted,
    ConfigBroken,
    ConfigRead,
    CopyWanted,
    ReportsSeen,
    ViewSeen,
)
from reflex_tui.widgets.log_view import LogView
from reflex_tui.widgets.section import Section
from tests.support.tui.bench import came, dashboard
from tests.support.tui.making import (
    routing_view,
    settings,
)

if TYPE_CHECKING:
    from pathlib import Path

    from core.capsule import Record


async def test_all_is_looked_for_before_anything_is_seen() -> None:
    """The first picture claims nothing."""
    async with dashboard() as bench:
        assert "◌ checking" in bench.shown()
        assert "acme/api" in bench.shown()


async def test_keys_and_clicks_change_the_pane() -> None:
    """1, 2, 3, or the tab itself."""
    async with dashboard() as bench:
        for key, pane in (("2", "routing"), ("3", "bakeoff"), ("1", "health")):
            await bench.press(key)
            assert bench.dashboard.pane == pane
        at = bench.shown().splitlines()[0].index("2 Routing")
        await bench.pilot.click(offset=(at + 3, 0))
        await bench.pilot.pause()
        assert bench.dashboard.pane == "routing"


@pytest.mark.slow
async def test_slash_commands_run_complete_and_explain_themselves() -> None:
    """Typed whole, chosen from the list, completed with Tab, or mistyped."""
    async with dashboard() as bench:
        await bench.tell(ViewSeen(routing_view()))
        await bench.press("slash")
        assert "/speckit.reflex events [FILTER]" in bench.shown()
        assert "Command" not in bench.offered()
        await bench.type("mod")
        await bench.press("enter")
        assert isinstance(bench.app.screen, Sheet)
        assert "another-model" in bench.shown()
        await bench.press("escape", "slash", "b", "tab", "enter")
        assert bench.dashboard.pane == "bakeoff"
        await bench.press("escape", "slash", "down", "enter")
        assert bench.dashboard.pane == "routing"
        await bench.press("slash")
        await bench.type("helth")
        await bench.press("enter")
        assert "did you mean /speckit.reflex health" in bench.shown()
        await bench.press("escape")
        assert not bench.dashboard.bar.is_open
        await bench.press("slash")
        await bench.type("health")
        await bench.press("enter")
        assert bench.dashboard.pane == "health"


async def test_events_takes_a_filter() -> None:
    """``/speckit.reflex events mode:cloud`` is the log, filtered."""
    async with dashboard() as bench:
        await bench.press("slash")
        await bench.type("events mode:cloud")
        await bench.press("enter")
        assert bench.dashboard.pane == "routing"
        assert bench.routing.listing.filter.fields == (("mode", "cloud"),)


@pytest.mark.slow
async def test_pages_open_and_close() -> None:
    """Each command's page, with the way back in the footer."""
    pages = {"help": "FILES", "status": "[reflex.fallback]", "check": "P95 latency"}
    async with dashboard(size=(120, 60)) as bench:
        await bench.tell(ViewSeen(routing_view()))
        for page, says in pages.items():
            await bench.tell(CommandWanted.named(page))
            assert isinstance(bench.app.screen, Sheet)
            await bench.pilot.pause()
            assert says in bench.shown()
            assert "Close" in bench.offered()
            await bench.press("escape")
            assert isinstance(bench.app.screen, Dashboard)


async def test_every_command_is_in_the_palette() -> None:
    """One table feeds bar, palette and help."""
    async with dashboard() as bench:
        from reflex_tui.model.slash import COMMANDS

        titles = [each.title for each in bench.app.get_system_commands(bench.app.screen)]
        assert titles == [*(command.name.capitalize() for command in COMMANDS), "Screenshot"]


async def test_every_key_has_an_id_that_a_keymap_can_change() -> None:
    """Ids are unique, and another key does the same."""
    owners = [ReflexApp, Dashboard, HealthPane, RoutingPane, LogView, DetailScreen, Sheet]
    ids = [binding.id for owner in owners for binding in owner.BINDINGS]  # type: ignore[attr-defined]
    assert None not in ids
    assert len(ids) == len(set(ids))
    async with dashboard() as bench:
        bench.app.set_keymap({"pane.routing": "t"})
        await bench.press("t")
        assert bench.dashboard.pane == "routing"


async def test_a_broken_configuration_is_shown_until_it_is_fixed() -> None:
    """Over the dashboard, with the way back; it goes by itself, and the new one is in force."""
    async with dashboard() as bench:
        await bench.tell(ConfigBroken(ConfigError("stage0.toml:2: unknown key")))
        assert isinstance(bench.app.screen, BrokenConfigScreen)
        assert "stage0.toml:2: unknown key" in bench.shown()
        await bench.tell(ConfigBroken(ConfigError("stage0.toml:3: worse")))
        assert "stage0.toml:3: worse" in bench.shown()
        fixed = settings(thresholds={"p95_latency_ms": 900})
        bench.app._begin = lambda: None  # type: ignore[method-assign]
        await bench.tell(ConfigRead(fixed))
        assert isinstance(bench.app.screen, Dashboard)
        assert bench.routing.limit_ms == 900


async def test_without_a_configuration_there_is_no_way_back() -> None:
    """Opened on a broken file: only its fixing or leaving."""
    async with dashboard() as bench:
        bench.app.settings = None
        await bench.tell(ConfigBroken(ConfigError("stage0.toml:2: unknown key")))
        assert bench.offered() == {"Quit", "Copy the lines"}
        await bench.press("escape")
        assert isinstance(bench.app.screen, BrokenConfigScreen)


async def test_reports_are_listed_and_opened(tmp_path: Path) -> None:
    """The newest first; Enter reads the whole document."""
    path = tmp_path / "reflex-bakeoff-20260112T103016Z.json"
    path.write_text('{"verdict": "pass", "note": "[red]plain"}')
    report = ListedReport(
        path, verdict="pass", suite="reflex_patchloop_v1", arms=("reflex", "cloud")
    )
    async with dashboard() as bench:
        await bench.tell(ReportsSeen(()))
        await bench.press("3")
        assert "code reflex bakeoff --suite reflex_patchloop_v1" in bench.shown()
        await bench.tell(ReportsSeen((report,)))
        assert "✓ pass" in bench.shown()
        await bench.press("3", "enter")
        await bench.sees("[red]plain")
        await bench.press("c")
        assert '"note"' in bench.app.clipboard


async def test_a_chosen_theme_is_remembered(tmp_path: Path) -> None:
    """In the user's state directory, for the next time; one that is not known is not used."""
    file = tmp_path / "state" / "theme"
    async with dashboard(theme_file=file) as bench:
        assert bench.app.theme == "reflex-dark"
        bench.app.theme = "reflex-light"
        await bench.pilot.pause()
    assert file.read_text() == "reflex-light\n"
    assert ReflexApp(settings(), theme_file=file, watch=False).theme == "reflex-light"
    file.write_text("no such theme\n")
    assert ReflexApp(settings(), theme_file=file, watch=False).theme == "reflex-dark"


@pytest.mark.slow
async def test_any_theme_and_any_size_can_be_drawn(a_day: tuple[Record, ...]) -> None:
    """Themes that know nothing of ours, and a terminal that is resized wildly."""
    async with dashboard() as bench:
        await bench.tell(ViewSeen(routing_view()), came(a_day))
        bench.app.theme = "nord"
        await bench.pilot.pause()
        for number, size in enumerate([(20, 5), (60, 14), (200, 60), (61, 100), (80, 24)]):
            await bench.press(str(number % 3 + 1))
            await bench.pilot.resize_terminal(*size)
            await bench.pilot.pause()
            assert ("too small" in bench.shown()) == (size == (20, 5))


async def test_what_is_long_is_copied_to_a_file(tmp_path: Path, monkeypatch: Any) -> None:
    """A terminal would cut it; the file is the user's alone."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    async with dashboard() as bench:
        bench.dashboard.post_message(CopyWanted("x" * 100_000, "event 1"))
        await bench.pilot.pause()
        assert bench.app.clipboard == ""
    (file,) = tmp_path.glob("reflex-copy-*.txt")
    assert len(file.read_text()) == 100_000
    assert file.stat().st_mode & 0o077 == 0


async def test_sections_fit_whatever_width_they_get(a_day: tuple[Record, ...]) -> None:
    """No line is wider than its section."""
    async with dashboard() as bench:
        await bench.tell(came(a_day), ViewSeen(routing_view()))
        for section in bench.dashboard.query(Section):
            for width in (1, 20, 58, 76, 200):
                too_wide = [line.plain for line in section.lines(width) if line.cell_length > width]
                assert not too_wide or width < 58, (section, width, too_wide)
