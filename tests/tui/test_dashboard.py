"""What keys, clicks, commands and messages do to the dashboard."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from textual.widgets import Input

from core.capsule import EventLog
from core.errors import CapsuleCorrupt, ConfigError, UntrustedEndpoint
from core.router.condition import DeepProbe
from core.stages import Mode
from reflex_tui import theme
from reflex_tui.app import ReflexApp
from reflex_tui.messages import (
    CapsuleBroken,
    CommandWanted,
    ConfigBroken,
    ConfigRead,
    CopyWanted,
    LookWanted,
    OutlookBarred,
    OutlookSeen,
    RecordsCame,
    ReportsSeen,
)
from reflex_tui.panes.health import HealthPane
from reflex_tui.panes.reports import Report
from reflex_tui.panes.routing import RoutingPane
from reflex_tui.screens.broken_config import BrokenConfigScreen
from reflex_tui.screens.dashboard import Dashboard
from reflex_tui.screens.detail import DetailScreen
from reflex_tui.screens.sheet import Sheet
from reflex_tui.widgets.key_bar import KeyBar
from reflex_tui.widgets.log_view import LogView
from reflex_tui.widgets.plot import PlotSection
from reflex_tui.widgets.remedy import RemedySection
from reflex_tui.widgets.section import Section
from tests.tui.making import (
    NO_GATE,
    OPEN,
    StillClock,
    call,
    decision,
    healthy,
    ill,
    outlook,
    settings,
    write_a_day,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from pathlib import Path

    from textual.message import Message
    from textual.pilot import Pilot

    from core.capsule import Record
    from core.settings import Settings


class Bench:
    """A running dashboard, what it was told, and what it shows."""

    def __init__(self, app: ReflexApp, pilot: Pilot[None], clock: StillClock) -> None:
        self.app, self.pilot, self.clock = app, pilot, clock
        self.dashboard = app._dashboard

    async def tell(self, *messages: Message) -> None:
        """Post what a watcher would."""
        for message in messages:
            target = self.app if isinstance(message, ConfigRead | ConfigBroken) else self.dashboard
            target.post_message(message)
        await self.drawn()

    async def press(self, *keys: str) -> None:
        """Press keys one after another."""
        await self.pilot.press(*keys)
        await self.drawn()

    async def drawn(self) -> None:
        """All is handled, and the chart, which a thread draws, is there."""
        await self.pilot.pause()
        while self.dashboard.query_one(PlotSection).drawing:
            await asyncio.sleep(0.002)
            await self.pilot.pause()

    async def type(self, text: str) -> None:
        """Type a line."""
        entry = self.app.focused
        assert isinstance(entry, Input)
        entry.insert_text_at_cursor(text)
        await self.pilot.pause()

    @property
    def routing(self) -> RoutingPane:
        """The routing pane."""
        return self.dashboard.routing

    @property
    def view(self) -> LogView:
        """The log."""
        return self.routing.query_one(LogView)

    def shown(self) -> str:
        """Everything on the screen as text."""
        screen = self.app.screen
        width, height = self.app.size
        lines = screen._compositor.render_strips()
        assert len(lines) == height
        return "\n".join(strip.text[:width] for strip in lines)

    def offered(self) -> set[str]:
        """What the footer offers."""
        return {does for _, _, does in self.app.screen.query_one(KeyBar).keys}


@asynccontextmanager
async def dashboard(
    configured: Settings | None = None, *, size: tuple[int, int] = (120, 40), **options: Any
) -> AsyncIterator[Bench]:
    """A dashboard that sees only what it is told, whole and with nothing told yet."""
    clock = StillClock()
    app = ReflexApp(configured or settings(), clock=clock, watch=False, **options)
    app.animation_level = "none"
    async with app.run_test(size=size) as pilot:
        while not app._dashboard.is_whole:
            await pilot.pause()
        yield Bench(app, pilot, clock)


def came(records: Iterable[Record], **fields: bool) -> RecordsCame:
    """A page of the capsule, the first unless it says otherwise."""
    return RecordsCame(tuple(records), fresh=fields.pop("fresh", True), **fields)


@pytest.fixture
def log(tmp_path: Path) -> Any:
    """A log of this test's own."""
    with EventLog(tmp_path / "capsule", clock=StillClock()) as made:
        yield made


async def test_all_is_looked_for_before_anything_is_seen() -> None:
    """The first picture claims nothing."""
    async with dashboard() as bench:
        assert "◌ looking" in bench.shown()
        assert "acme/api" in bench.shown()


async def test_the_eye_meets_state_gate_breaker_and_next_call() -> None:
    """Each as glyph and word, with the reason of the next call."""
    async with dashboard() as bench:
        await bench.tell(OutlookSeen(outlook()))
        top = bench.shown().splitlines()
        assert "● up   gate ✓ pass, 3 d ago   breaker closed" in top[0]
        assert "next Implement call → reflex: healthy_and_thresholds_met" in top[1]
        await bench.tell(OutlookSeen(outlook(gate=NO_GATE)))
        assert "thresholds_not_met (no_bakeoff)" in bench.shown()
        await bench.tell(OutlookSeen(outlook(breaker=OPEN)))
        assert "breaker ✖ open" in bench.shown().splitlines()[0]
        assert "next probe in 12 s" in bench.shown()


async def test_the_remedy_takes_the_place_of_the_charts_and_goes_again(
    a_day: tuple[Record, ...],
) -> None:
    """Red with what to do; green with the charts once the server is back."""
    async with dashboard() as bench:
        await bench.tell(came(a_day), OutlookSeen(outlook(ill())))
        assert "✖ down" in bench.shown()
        assert "WHAT TO DO" in bench.shown()
        assert "LATENCY" not in bench.shown()
        await bench.tell(OutlookSeen(outlook()))
        assert "WHAT TO DO" not in bench.shown()
        assert "LATENCY" in bench.shown()


async def test_c_copies_the_remedys_commands_whole_one_after_another() -> None:
    """The screen shortens them, the clipboard does not; there is no such key while all is well."""
    async with dashboard(size=(80, 24)) as bench:
        await bench.tell(OutlookSeen(outlook()))
        assert "Copy" not in bench.offered()
        await bench.press("c")
        assert bench.app.clipboard == ""
        await bench.tell(OutlookSeen(outlook(ill())))
        assert "Copy" in bench.offered()
        await bench.press("c")
        assert bench.app.clipboard.startswith("sglang serve")
        assert bench.app.clipboard.endswith("--enable-cache-report")
        await bench.press("c", "c")
        assert bench.app.clipboard == "code reflex engine --port 3009"
        assert bench.dashboard.query_one(RemedySection).copied == 2


async def test_a_click_copies_the_command_under_the_pointer() -> None:
    """As the mouse would have it."""
    async with dashboard() as bench:
        await bench.tell(OutlookSeen(outlook(ill())))
        lines = bench.shown().splitlines()
        row = next(index for index, line in enumerate(lines) if "code reflex engine" in line)
        await bench.pilot.click(offset=(lines[row].index("code reflex engine") + 3, row))
        await bench.pilot.pause()
        assert bench.app.clipboard == "code reflex engine --port 3009"


async def test_an_untrusted_server_has_a_screen_of_its_own() -> None:
    """Nothing else is claimed; the command that trusts it can be copied."""
    error = UntrustedEndpoint(
        "stage0.toml:3: https://llm.example/v1 is not on this machine",
        remedy="If you trust that server: code reflex trust https://llm.example:443",
    )
    async with dashboard() as bench:
        await bench.tell(OutlookBarred(error))
        assert "✖ untrusted" in bench.shown()
        assert "was not contacted" in bench.shown()
        assert "SERVER" not in bench.shown()
        await bench.press("c")
        assert bench.app.clipboard == "code reflex trust https://llm.example:443"
        await bench.tell(OutlookSeen(outlook()))
        assert "SERVER" in bench.shown()


async def test_a_deep_probe_is_kept_while_the_server_is_well() -> None:
    """The next plain look does not wipe its result off; an ill server does."""
    probe = DeepProbe(61.0, 410.0, 118.0, 790, schema_held=True)
    async with dashboard() as bench:
        await bench.tell(OutlookSeen(outlook(replace(healthy(), deep=probe)), deep=True))
        await bench.tell(OutlookSeen(outlook()))
        assert "✓ schema  TTFT 61 ms" in bench.shown()
        await bench.tell(OutlookSeen(outlook(ill())))
        assert "✓ schema" not in bench.shown()


async def test_looks_are_asked_for() -> None:
    """``r`` and ``d`` post what the watcher needs."""
    asked: list[bool] = []

    class Asked(ReflexApp):
        CSS_PATH = ReflexApp.CSS_PATH

        def on_look_wanted(self, message: LookWanted) -> None:
            asked.append(message.deep)

    Asked.CSS_PATH = str(theme.__file__).replace("theme.py", "reflex_tui.tcss")
    app = Asked(settings(), clock=StillClock(), watch=False)
    async with app.run_test() as pilot:
        while not app._dashboard.is_whole:
            await pilot.pause()
        await pilot.press("r", "d", "2", "r")
        await pilot.pause()
    assert asked == [False, True, False]


async def test_keys_and_clicks_change_the_pane() -> None:
    """1, 2, 3, or the tab itself."""
    async with dashboard() as bench:
        for key, pane in (("2", "routing"), ("3", "bakeoff"), ("1", "health")):
            await bench.press(key)
            assert bench.dashboard.pane == pane
        await bench.pilot.click(offset=(15, 1))
        await bench.pilot.pause()
        assert bench.dashboard.pane == "routing"


async def test_the_log_follows_until_it_is_moved_up_and_resumes_at_end(log: EventLog) -> None:
    """What waits is counted; End goes to the newest and stays with it."""
    for number in range(60):
        log.append(decision(f"{number:04x}"))
    async with dashboard() as bench:
        await bench.tell(came(log.tail(60)))
        await bench.press("2")
        assert bench.view.following
        assert "003b" in bench.shown()
        assert "Newest" not in bench.offered()
        await bench.press("up")
        assert not bench.view.following
        assert "Newest" in bench.offered()
        top = bench.view.scroll_offset.y
        for number in range(60, 65):
            log.append(decision(f"{number:04x}"))
        await bench.tell(came(log.tail(5), fresh=False))
        assert bench.view.scroll_offset.y == top
        assert bench.view.waiting == 5
        assert "5 new" in bench.shown()
        await bench.press("end")
        assert bench.view.following
        assert bench.view.waiting == 0
        assert "0040" in bench.shown()
        log.append(decision("0041"))
        await bench.tell(came(log.tail(1), fresh=False))
        assert "0041" in bench.shown()


async def test_every_upward_move_stops_following(a_day: tuple[Record, ...]) -> None:
    """Keys, the wheel and a click alike; moving down to the last row follows again."""
    async with dashboard(size=(80, 24)) as bench:
        await bench.tell(came(a_day))
        await bench.press("2")
        for key in ("up", "pageup", "home", "k"):
            await bench.press(key)
            assert not bench.view.following, key
            await bench.press("end")
        bench.view.post_message(_wheel_up(bench.view))
        await bench.pilot.pause()
        assert not bench.view.following
        await bench.press("pagedown", "pagedown")
        assert bench.view.following
        await bench.pilot.click(LogView, offset=(10, 1))
        await bench.pilot.pause()
        assert not bench.view.following


def _wheel_up(view: LogView) -> Message:
    from textual.events import MouseScrollUp  # noqa: PLC0415  its arguments are many

    where = {"x": 5, "y": 5, "delta_x": 0, "delta_y": -1, "button": 0}
    return MouseScrollUp(
        widget=view, **where, shift=False, meta=False, ctrl=False, screen_x=5, screen_y=9
    )


async def test_a_row_is_completed_when_its_call_ends(log: EventLog) -> None:
    """It waits, then shows its latency; one that never ends becomes unknown."""
    log.append(decision("aaaa"))
    log.append(decision("bbbb"))
    async with dashboard() as bench:
        await bench.tell(came(log.tail(9)))
        await bench.press("2")
        assert bench.shown().count("… waiting") == 2
        log.append(call("aaaa", total_ms=1234.0))
        await bench.tell(came(log.tail(1), fresh=False))
        assert "1.23 s" in bench.shown()
        assert bench.shown().count("… waiting") == 1
        bench.clock.forward(120)
        bench.dashboard._tick()
        await bench.pilot.pause()
        assert "? outcome_unknown" in bench.shown()


async def test_the_filter_works_as_typed_also_while_paused(a_day: tuple[Record, ...]) -> None:
    """Rows that pass, the cursor kept; a mistake explained; Escape shows all again."""
    async with dashboard() as bench:
        await bench.tell(came(a_day))
        await bench.press("2", "up", "up", "up")
        chosen = bench.view.row_at_cursor()
        assert chosen is not None
        await bench.press("f")
        await bench.type(f"call:{chosen.call_id[:4]}")
        assert "of 47 rows" in bench.shown()
        assert bench.view.row_at_cursor() == chosen
        assert not bench.view.following
        await bench.press("enter")
        assert bench.app.focused is bench.view
        await bench.press("escape")
        assert "47 rows" in bench.shown()
        assert bench.view.row_at_cursor() == chosen
        await bench.press("f")
        await bench.type("mod:x")
        assert "did you mean mode:" in bench.shown()
        assert len(bench.routing.listing) == 47


async def test_new_rows_are_filtered_and_late_calls_too(log: EventLog) -> None:
    """A row passes ``>500ms`` once its call has ended."""
    async with dashboard() as bench:
        await bench.tell(came([log.append(decision("aaaa"))]))
        bench.dashboard.filter(">500ms")
        await bench.pilot.pause()
        assert len(bench.routing.listing) == 0
        assert "No row passes the filter" in bench.shown()
        records = [log.append(call("aaaa", total_ms=900)), log.append(decision("bbbb"))]
        await bench.tell(came(records, fresh=False))
        assert len(bench.routing.listing) == 1
        assert "900 ms" in bench.shown()


async def test_the_empty_and_the_broken_capsule_say_what_to_do(a_day: tuple[Record, ...]) -> None:
    """Nothing yet, damage without rows, damage with rows, and whole again."""
    error = CapsuleCorrupt("line 7: its content does not agree", segment="events-1", line=7)
    async with dashboard() as bench:
        await bench.press("2")
        assert "Reading the capsule" in bench.shown()
        await bench.tell(came(()))
        assert "No decision yet" in bench.shown()
        await bench.tell(CapsuleBroken(error))
        assert "✖ The evidence cannot be read" in bench.shown()
        assert "code reflex events verify" in bench.shown()
        await bench.tell(came(a_day))
        assert "TIME" in bench.shown()
        await bench.tell(CapsuleBroken(error))
        assert "✖ damaged" in bench.shown()
        assert "TIME" in bench.shown()
        await bench.tell(came((), fresh=False))
        assert "damaged" not in bench.shown()


async def test_enter_opens_the_call_and_c_copies_its_event(tmp_path: Path) -> None:
    """The timeline, the JSON of the event under the cursor, the chain checked; Escape leaves."""
    configured = settings(tmp_path / "api")
    with EventLog(configured.state_dir / "capsule", clock=StillClock()) as log:
        write_a_day(log, StillClock(), 10)
        records = log.tail(100)
    async with dashboard(configured) as bench:
        await bench.tell(came(records))
        await bench.press("2", "enter")
        await bench.app.workers.wait_for_complete()
        await bench.pilot.pause()
        assert isinstance(bench.app.screen, DetailScreen)
        assert "fallback" in bench.shown()
        assert "✓ hash holds" in bench.shown()
        assert f"✓ follows event {records[-2].seq - 1}" in bench.shown()
        await bench.press("up")
        assert '"event_type": "LLMCall"' in bench.shown()
        await bench.press("c")
        assert '"error": "timeout"' in bench.app.clipboard
        await bench.press("escape")
        assert isinstance(bench.app.screen, Dashboard)


async def test_a_foreign_record_in_the_chain_is_told(tmp_path: Path) -> None:
    """A record that was written elsewhere holds by itself; the chain does not."""
    configured = settings(tmp_path / "api")
    capsule = configured.state_dir / "capsule"
    with EventLog(capsule, clock=StillClock()) as log:
        records = [log.append(decision(f"{number:04x}")) for number in range(3)]
    segment = next(capsule.glob("events-*.jsonl"))
    lines = segment.read_bytes().splitlines(keepends=True)
    with EventLog(tmp_path / "other", clock=StillClock()) as other:
        other.append(decision("ffff"))
        foreign = other.append(decision("0001"))
    segment.write_bytes(lines[0] + foreign.line + b"\n" + lines[2])
    async with dashboard(configured) as bench:
        await bench.tell(came(records))
        await bench.press("2", "up", "enter")
        await bench.app.workers.wait_for_complete()
        await bench.pilot.pause()
        assert "✖ The call's evidence does not hold" in bench.shown()
        assert "line 3" in bench.shown()


async def test_slash_commands_run_complete_and_explain_themselves() -> None:
    """Typed whole, chosen from the list, completed with Tab, or mistyped."""
    async with dashboard() as bench:
        await bench.tell(OutlookSeen(outlook()))
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


async def test_pages_open_and_close() -> None:
    """Each command's page, with the way back in the footer."""
    pages = {"help": "WHERE THINGS LIE", "status": "[reflex.fallback]", "check": "P95 latency"}
    async with dashboard(size=(120, 60)) as bench:
        await bench.tell(OutlookSeen(outlook()))
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
        from reflex_tui.slash import COMMANDS  # noqa: PLC0415

        titles = [each.title for each in bench.app.get_system_commands(bench.app.screen)]
        assert titles == [command.name.capitalize() for command in COMMANDS]


async def test_every_key_has_an_id_that_a_keymap_can_change() -> None:
    """Ids are unique, and another key does the same."""
    owners = [ReflexApp, Dashboard, HealthPane, RoutingPane, LogView, DetailScreen, Sheet]
    ids = [binding.id for owner in owners for binding in owner.BINDINGS]  # type: ignore[union-attr]
    assert None not in ids
    assert len(ids) == len(set(ids))
    async with dashboard() as bench:
        bench.app.set_keymap({"pane.routing": "t"})
        await bench.press("t")
        assert bench.dashboard.pane == "routing"


async def test_a_broken_configuration_is_shown_until_it_is_mended() -> None:
    """Over the dashboard, with the way back; it goes by itself, and the new one is in force."""
    async with dashboard() as bench:
        await bench.tell(ConfigBroken(ConfigError("stage0.toml:2: unknown key")))
        assert isinstance(bench.app.screen, BrokenConfigScreen)
        assert "stage0.toml:2: unknown key" in bench.shown()
        await bench.tell(ConfigBroken(ConfigError("stage0.toml:3: worse")))
        assert "stage0.toml:3: worse" in bench.shown()
        mended = settings(thresholds={"p95_latency_ms": 900})
        bench.app._begin = lambda: None  # type: ignore[method-assign]
        await bench.tell(ConfigRead(mended))
        assert isinstance(bench.app.screen, Dashboard)
        assert bench.routing.limit_ms == 900


async def test_without_a_configuration_there_is_no_way_back() -> None:
    """Opened on a broken file: only its mending or leaving."""
    async with dashboard() as bench:
        bench.app.settings = None
        await bench.tell(ConfigBroken(ConfigError("stage0.toml:2: unknown key")))
        assert bench.offered() == {"Quit"}
        await bench.press("escape")
        assert isinstance(bench.app.screen, BrokenConfigScreen)


async def test_reports_are_listed_and_opened(tmp_path: Path) -> None:
    """The newest first; Enter reads the whole document."""
    path = tmp_path / "reflex-bakeoff-20260112T103016Z.json"
    path.write_text('{"verdict": "pass", "note": "[red]plain"}')
    report = Report(path, verdict="pass", suite="reflex_patchloop_v1", arms=("reflex", "cloud"))
    async with dashboard() as bench:
        await bench.press("3")
        assert "code reflex bakeoff --suite reflex_patchloop_v1" in bench.shown()
        await bench.tell(ReportsSeen((report,)))
        assert "✓ pass" in bench.shown()
        await bench.press("3", "enter")
        await bench.app.workers.wait_for_complete()
        await bench.pilot.pause()
        assert "[red]plain" in bench.shown()
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


async def test_any_theme_and_any_size_can_be_drawn(a_day: tuple[Record, ...]) -> None:
    """Themes that know nothing of ours, and a terminal that is resized wildly."""
    async with dashboard() as bench:
        await bench.tell(OutlookSeen(outlook()), came(a_day))
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


async def test_foreign_text_is_never_markup(log: EventLog) -> None:
    """What a model, a server or a file wrote is drawn as it stands, without control characters."""
    hostile = "[bold red]x[/]\x1b[31m"
    log.append(decision("aaaa", reason=hostile, detail="[@click=app.quit]y[/]"))
    log.append(call("aaaa", error=hostile))
    async with dashboard(size=(160, 40)) as bench:
        await bench.tell(came(log.tail(9)))
        await bench.tell(OutlookSeen(outlook(ill(summary="[blink]z[/]"))))
        await bench.press("2")
        assert "[bold red]x[/]" in bench.shown()
        assert "\x1b" not in bench.shown()
        await bench.press("1")
        assert "[blink]z[/]" in bench.shown()


async def test_sections_fit_whatever_width_they_get(a_day: tuple[Record, ...]) -> None:
    """No line is wider than its section."""
    async with dashboard() as bench:
        await bench.tell(came(a_day), OutlookSeen(outlook()))
        for section in bench.dashboard.query(Section):
            for width in (1, 20, 58, 76, 200):
                too_wide = [line.plain for line in section.lines(width) if line.cell_length > width]
                assert not too_wide or width < 58, (section, width, too_wide)


async def test_the_window_of_latencies_empties_with_time(a_day: tuple[Record, ...]) -> None:
    """After a quarter of an hour without calls nothing is claimed."""
    async with dashboard() as bench:
        await bench.tell(came(a_day), OutlookSeen(outlook()))
        assert "9 failed" in bench.shown()
        bench.clock.forward(3600)
        bench.dashboard._tick()
        await bench.pilot.pause()
        assert bench.shown().count("no calls  total") == len(Mode)
