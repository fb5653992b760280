"""The dashboard: watchers' messages go into the panes; keys and commands act here."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.message import Message
from textual.reactive import reactive
from textual.screen import Screen
from textual.widgets import Input, Static

from core.errors import UntrustedEndpoint
from core.plain import plain
from core.stages import PRIMARY, Mode
from reflex_tui.model.gate import BAD, Condition
from reflex_tui.model.latencies import (
    AUTO,
    CHOICES,
    STATE_WINDOW_S,
    Calls,
    Figures,
    Window,
    of_state,
)
from reflex_tui.model.rows import parse_time
from reflex_tui.panes.health import HealthPane
from reflex_tui.screens.early_keys import EarlyKeys
from reflex_tui.watch.announcements import (
    CallsCame,
    CallsWanted,
    CapsuleBroken,
    CommandWanted,
    GpuSeen,
    IndexGrew,
    LookWanted,
    NoticeCame,
    OrderCame,
    PageCame,
    QuickCounted,
    RecordsCame,
    ReportsSeen,
    RowsCounted,
    SessionsCame,
    TabClicked,
    TimeFound,
    UnfinishedSeen,
    ViewBlocked,
    ViewSeen,
    WindowSeen,
    WindowWanted,
)
from reflex_tui.widgets.backends_table import ShownCalls
from reflex_tui.widgets.benefits import KEPT
from reflex_tui.widgets.key_bar import KeyBar
from reflex_tui.widgets.masthead import Masthead

if TYPE_CHECKING:
    from datetime import datetime

    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.events import Key
    from textual.geometry import Size

    from core.capsule import Record
    from core.clock import Clock
    from core.errors import CapsuleError
    from core.router.view import RoutingView
    from core.settings import Settings
    from reflex_tui.model.rows import Row
    from reflex_tui.panes.routing import RoutingPane
    from reflex_tui.screens.bakeoff_control import BakeoffControl
    from reflex_tui.widgets.command_bar import CommandBar
    from reflex_tui.widgets.log_view import LogView

LEAST_WIDTH, LEAST_HEIGHT = 60, 14
FIGURES_EVERY_S = 0.4
_GRACE_S = 2.0
_KEPT_S = 5.0
PANES = ("health", "routing", "bakeoff")


class Dashboard(Screen[None]):
    """Three panes over one workspace; ``settings`` is None while there are none that are good."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "command", "Command", id="command"),
        Binding("question_mark", "help", "Help", id="help"),
        Binding("1", "pane('health')", "Health", show=False, id="pane.health"),
        Binding("2", "pane('routing')", "Routing", show=False, id="pane.routing"),
        Binding("3", "pane('bakeoff')", "Bakeoff", show=False, id="pane.bakeoff"),
        Binding("r", "probe", "Probe now", show=False, id="probe"),
        Binding("q", "app.quit", "Quit", id="quit"),
    ]
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012  Textual declares it so
        (0, "-tiny-width"),
        (LEAST_WIDTH, "-single"),
        (116, "-columns"),
        (150, "-wide"),
    ]
    VERTICAL_BREAKPOINTS = [  # noqa: RUF012  as above
        (0, "-tiny-height"),
        (LEAST_HEIGHT, "-short"),
        (30, "-tall"),
    ]

    now: reactive[datetime | None] = reactive(None, repaint=False)
    pane: reactive[str] = reactive("health", init=False, repaint=False)

    class Painted(Message):
        """The first picture is drawn: there is somewhere to show what a look finds."""

    class Ready(Message):
        """All panes are there."""

    def __init__(self, settings: Settings | None, clock: Clock) -> None:
        super().__init__(id="dashboard")
        self.settings = settings
        self.routing_view: RoutingView | None = None
        self._clock = clock
        self._calls = Calls()
        self._chosen: Window = AUTO
        self._auto: Window | None = None
        self.older_wanted: CallsWanted | None = None
        self.events = 0
        self._newest: datetime | None = None
        self._figures_wait = False
        self._loaded = self.is_broken = False
        self.live: Figures | None = None
        self.is_whole = False
        self._completing = False
        self.early = EarlyKeys(self)
        self.routing: RoutingPane
        self.bakeoff: BakeoffControl
        self.bar: CommandBar

    def compose(self) -> ComposeResult:
        """What is seen first: masthead, health, the keys. The rest comes after the first paint."""
        self._fit(self.app.size)
        # No containers around: each would be drawn too, line by line, below what covers it.
        yield Masthead(_workspace(self.settings))
        yield HealthPane()
        yield KeyBar(rows=1)
        yield Static(id="too-small")

    def on_mount(self) -> None:
        """Set the clock going, and tell once there is something to see."""
        self.use(self.settings)
        self.now = self._clock.now()
        self.set_interval(1.0, self.tick)
        self.set_interval(FIGURES_EVERY_S, self.show_waiting_figures)
        self.query_one(HealthPane).focus()
        self.call_after_refresh(self.post_message, self.Painted())

    def complete(self) -> None:
        """Add what is not seen at first, once, beside what is told meanwhile."""
        if not self._completing:
            self._completing = True
            self.run_worker(self._complete())

    async def _complete(self) -> None:
        await asyncio.to_thread(_load_panes)
        from reflex_tui.panes.routing import RoutingPane
        from reflex_tui.screens.bakeoff_control import BakeoffControl  # after the first paint
        from reflex_tui.widgets.command_bar import CommandBar

        self.routing, self.bar = RoutingPane(), CommandBar()
        self.bakeoff = BakeoffControl(self._clock)
        self.routing.display = self.bakeoff.display = False
        await self.mount(self.routing, self.bakeoff, self.bar, before=self.query_one(KeyBar))
        self.is_whole = True
        self.use(self.settings)
        self.routing.now = self.now
        if self.routing_view is not None:
            self.bakeoff.see(self.routing_view)
        self._show_pane()
        self.post_message(self.Ready())
        self.call_after_refresh(self.early.press)
        self.set_timer(_KEPT_S, self.early.release)

    def use(self, settings: Settings | None) -> None:
        """Use these settings from now on."""
        self.settings = settings
        if settings is None:
            return
        self.query_one(Masthead).workspace = _workspace(settings)
        if not self.is_whole:
            return
        routing = self.routing
        routing.limit_ms = settings.reflex.thresholds.p95_latency_ms
        slowest_ms = max(settings.reflex.timeout_ms, settings.cloud.timeout_ms)
        routing.patience_s = slowest_ms / 1000 + _GRACE_S
        self.bakeoff.use(settings)

    def on_key(self, event: Key) -> None:
        """What is typed before all panes are there waits for them."""
        self.early.take(event)

    def on_resize(self) -> None:
        """Say so when nothing would fit."""
        size = self.app.size
        need = f"{LEAST_WIDTH}×{LEAST_HEIGHT}"
        self.query_one("#too-small", Static).update(
            f"Terminal too small\nneeds {need}, is {size.width}×{size.height}"
        )

    def on_view_seen(self, message: ViewSeen) -> None:
        """A new look at server, gate and breaker."""
        self.routing_view = message.routing_view
        if self.is_whole:
            self.bakeoff.see(message.routing_view)
        self.query_one(Masthead).blocked = None
        self.query_one(Masthead).routing_view = message.routing_view
        health = self.query_one(HealthPane)
        health.blocked = None
        health.routing_view = message.routing_view
        if message.deep:
            health.show_generated()
        health.refresh_bindings()
        self.complete()

    def on_view_blocked(self, message: ViewBlocked) -> None:
        """Nothing may be contacted, or nothing can be decided."""
        word, why = "blocked", "nothing can be decided"
        if isinstance(message.error, UntrustedEndpoint):
            word, why = "untrusted", "nothing is contacted"
        self.routing_view = None
        self.query_one(Masthead).blocked = Condition("✖", word, BAD, why)
        self.query_one(HealthPane).blocked = message.error
        self.complete()

    def on_records_came(self, message: RecordsCame) -> None:
        """Newer events, or another capsule's."""
        routing = self.routing
        if message.fresh:
            routing.newest.clear()
            self._calls.clear()
            self.events, self._newest = 0, None
        added = routing.newest.append(message.entries)
        for call in added.calls:
            self._calls.add(call)
        if message.fresh:
            routing.newest.begin_at(message.begins_at)
            self._want_older(message.records[0].seq if message.records else 1)
        self._note_broken(None)
        if message.fresh:
            self._loaded = True
            routing.replaced(message.begins_at)
        else:
            routing.appended(added)
        if message.records:
            self._note_newest(message.records[-1])
        self._figures_wait = not message.fresh
        for notice in message.notices:
            self.post_message(NoticeCame(notice))  # for the application
        if message.fresh:
            self._show_figures()

    def on_calls_came(self, message: CallsCame) -> None:
        """The calls of a day before those in memory."""
        if message.question is self.older_wanted:
            self.older_wanted = None
            self._calls.add_older(message.calls)
            self._show_figures()

    def on_gpu_seen(self, message: GpuSeen) -> None:
        """How busy the graphics card is."""
        self.query_one(HealthPane).show_gpu(message.words)

    def on_index_grew(self, message: IndexGrew) -> None:
        """More of the capsule can be reached."""
        self.routing.indexed(message)

    def on_rows_counted(self, message: RowsCounted) -> None:
        """How many older rows there are."""
        self.routing.counted(message)

    def on_quick_counted(self, message: QuickCounted) -> None:
        """How many older rows a filter finds that is always there."""
        self.routing.quick_counted(message)

    def on_order_came(self, message: OrderCame) -> None:
        """The calls in another order."""
        self.routing.order_came(message)

    def on_sessions_came(self, message: SessionsCame) -> None:
        """The sessions of agents that there are."""
        from reflex_tui.screens.log_choices import choose_session  # not for the first paint

        choose_session(self.routing, message.sessions, self._clock.now())

    def on_routing_pane_columns_wanted(self) -> None:
        """The user wants to choose the log's columns."""
        from reflex_tui.screens.log_choices import choose_columns  # not for the first paint

        choose_columns(self.routing)

    def on_page_came(self, message: PageCame) -> None:
        """Older rows that are looked at."""
        self.routing.fetched(message)

    def on_time_found(self, message: TimeFound) -> None:
        """Where the time is that was asked for."""
        self.routing.found(message)

    def on_capsule_broken(self, message: CapsuleBroken) -> None:
        """The evidence cannot be read."""
        self.routing.loaded = True
        self._note_broken(message.error)

    def on_window_seen(self, message: WindowSeen) -> None:
        """What the capsule shows over stretches of time."""
        self.query_one(HealthPane).show_window(message.seen, message.share)

    def on_window_wanted(self, message: WindowWanted) -> None:
        """Table and chart of both panes are over the same window."""
        following = CHOICES[(CHOICES.index(self._chosen) + 1) % len(CHOICES)]
        self._chosen = message.window or following
        self._show_figures()

    def on_reports_seen(self, message: ReportsSeen) -> None:
        """The bakeoff reports there are."""
        self.bakeoff.show_reports(message.reports)

    def on_unfinished_seen(self, message: UnfinishedSeen) -> None:
        """A bakeoff that was stopped, or is run elsewhere."""
        self.bakeoff.show_unfinished(message.unfinished)

    def on_tab_clicked(self, message: TabClicked) -> None:
        """A tab was clicked."""
        self.action_pane(message.pane)

    def on_log_view_opened(self, message: LogView.Opened) -> None:
        """Show one call whole."""
        from reflex_tui.model.waterfall import call_records, previous_records  # as in _complete
        from reflex_tui.screens.detail import DetailScreen

        if self.settings is None:
            return
        path = self.settings.state_dir / "capsule"
        self.app.push_screen(
            DetailScreen(message.row, partial(call_records, path), partial(previous_records, path))
        )

    def on_command_bar_ran(self, message: CommandBar.Ran) -> None:
        """Run what was typed."""
        self._focus_pane()
        self.post_message(CommandWanted(message.call))

    def on_command_bar_closed(self) -> None:
        """Back to the pane."""
        self._focus_pane()

    def watch_now(self, now: datetime | None) -> None:
        """Ages grow, rows become unknown."""
        self.query_one(HealthPane).now = now
        if self.is_whole:
            self.routing.now = now

    def watch_pane(self) -> None:
        """Show that pane."""
        if self.is_whole:
            self._show_pane()

    def action_pane(self, pane: str) -> None:
        """Go to a pane."""
        self.pane = pane
        if self.is_whole:
            self._focus_pane()

    def action_command(self) -> None:
        """Type a slash command."""
        self.bar.open()

    def action_help(self) -> None:
        """Ask for the help page."""
        self.post_message(CommandWanted.named("help"))

    def action_probe(self) -> None:
        """Look at the server now."""
        self.post_message(LookWanted())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """A key that is text for what has the focus does nothing else."""
        if action == "command":
            return self.is_whole and not isinstance(self.focused, Input)
        return True

    def filter(self, text: str) -> None:
        """Filter the log by ``text``, as if typed."""
        self.action_pane("routing")
        if text:
            self.routing.filter_by(text)

    def _fit(self, size: Size) -> None:
        """Take the size's classes before the first layout; Textual does so after it."""
        for length, breakpoints in (
            (size.width, self.HORIZONTAL_BREAKPOINTS),
            (size.height, self.VERTICAL_BREAKPOINTS),
        ):
            self.add_class(max(each for each in breakpoints if each[0] <= length)[1])

    def _show_pane(self) -> None:
        for name, pane in self._panes().items():
            pane.display = name == self.pane
        self.query_one(Masthead).active = self.pane
        self._show_figures()
        self._focus_pane()

    def _focus_pane(self) -> None:
        self._panes()[self.pane].take_focus()

    def _panes(self) -> dict[str, HealthPane | RoutingPane | BakeoffControl]:
        health = self.query_one(HealthPane)
        return {"health": health, "routing": self.routing, "bakeoff": self.bakeoff}

    def _note_broken(self, error: CapsuleError | None) -> None:
        self.is_broken = error is not None
        self.routing.broken = error
        self.query_one(Masthead).no_evidence = self.is_broken
        self._figures_wait = True

    def _note_newest(self, record: Record) -> None:
        self.events, self._newest = record.seq, parse_time(record.time)

    def tick(self) -> None:
        """Go by the clock as it is now; called by a timer."""
        self.now = self._clock.now()
        self._show_figures()

    def show_waiting_figures(self) -> None:
        """Show what came since they were shown last; called by a timer."""
        if self._figures_wait:
            self._show_figures()

    def _show_figures(self) -> None:
        if not self.is_whole:
            return
        self._figures_wait = False
        health, routing = self.query_one(HealthPane), self.routing
        if not self._loaded:
            if self.is_broken and self.pane == "health":
                health.show_evidence(0, None, broken=True)
            return
        now_s = self._clock.now().timestamp()
        state = of_state(self._calls.within(STATE_WINDOW_S, now_s))
        primary = next((of for of in state if of.backend == PRIMARY), None)
        self.live = primary or Figures(PRIMARY, Mode.REFLEX)
        self.query_one(Masthead).live = health.live = self.live
        self.bakeoff.see(None, state)
        if self.pane == "routing":
            routing.show_calls(self._shown(now_s))
        if self.pane == "health":
            health.show_calls(self._shown(now_s))
            health.show_evidence(self.events, self._newest, broken=self.is_broken)
            health.show_decisions(self._latest(), routing.patience_s)

    def _shown(self, now_s: float) -> ShownCalls:
        """The calls of the chosen window; with ``auto`` of as much as there is."""
        self._auto = self._calls.auto(now_s, self._auto)
        window = self._auto if self._chosen is AUTO else self._chosen
        found = tuple(self._calls.within(window.seconds, now_s))
        cut = self._calls.is_full and len(found) == len(self._calls)
        return ShownCalls(found, window, now_s, auto=self._chosen is AUTO, cut=cut)

    def _want_older(self, edge: int) -> None:
        """Have the calls before the event ``edge`` looked up: those of a day may be shown."""
        self.older_wanted = None
        if edge > 1:
            self.older_wanted = CallsWanted(self._clock.now() - timedelta(days=1), edge)
            self.app.post_message(self.older_wanted)

    def _latest(self) -> tuple[Row, ...]:
        newest = self.routing.newest
        return newest.latest_decisions(KEPT)


def _load_panes() -> None:
    """Import in a thread what would hold up the picture for a tenth of a second."""
    import plotext  # noqa: F401  for the first chart

    from reflex_tui.panes import routing  # noqa: F401
    from reflex_tui.screens import bakeoff_control  # noqa: F401
    from reflex_tui.widgets import command_bar  # noqa: F401


def _workspace(settings: Settings | None) -> str:
    if settings is None:
        return ""
    parts = settings.source.root.parts[-2:]
    return plain("/".join(part.strip("/") for part in parts), 60)
