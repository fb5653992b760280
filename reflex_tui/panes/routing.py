"""The routing pane: every decision with what became of it, live, filtered as you type."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.containers import Container, Vertical
from textual.message import Message
from textual.reactive import reactive

from core.capsule.index import ORDERS
from core.figures import count
from core.plain import plain
from reflex_tui.model.filters import FilterError, parse_filter
from reflex_tui.model.log_columns import BY_NAME, RISING
from reflex_tui.model.preferences import MOST_FILTERS, Preferences
from reflex_tui.model.quick_filters import quick_filters
from reflex_tui.panes.log_pane import LogPane
from reflex_tui.watch.announcements import (
    PreferencesChanged,
    SessionsWanted,
    TimeWanted,
    WindowWanted,
)
from reflex_tui.widgets.backends_table import LatencyCharts
from reflex_tui.widgets.log_bars import FilterBar, FilterState, TimeBar, typed_time
from reflex_tui.widgets.log_view import LogHeader, LogView
from reflex_tui.widgets.quick_bar import Chip, QuickBar
from reflex_tui.widgets.refusing import RefusesKeys
from reflex_tui.widgets.section import Banner, Notice

if TYPE_CHECKING:
    from datetime import datetime

    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.widgets import Input

    from core.errors import CapsuleError
    from reflex_tui.model.log import NewestRows
    from reflex_tui.widgets.backends_table import ShownCalls

# What acts on rows, and so does nothing where there are none.
_OF_ROWS = {
    "filter",
    "time",
    "sort",
    "columns",
    "sessions",
    "save_filter",
    "chart",
    "window",
    "unfilter",
    "quick",
}
EMPTY = (
    "No decision yet",
    "muted",
    (
        "Every call through the router appears here within a second,",
        "whichever process makes it. From Python:",
        "",
        "$ await Implementer.from_settings(load_settings()).complete(messages)",
        "",
        "Or from any agent whose base URL can be set:",
        "",
        "$ code reflex serve",
    ),
)


class RoutingPane(RefusesKeys, LogPane, can_focus=True):
    """The rows under their filter, what is said of them, and the latencies beside.

    While ``charting`` the latencies have the whole pane.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "filter", "Filter", id="routing.filter"),
        Binding("t", "time", "Go to time", id="routing.time"),
        Binding("s", "sort", "Sort", id="routing.sort"),
        Binding("v", "columns", "Columns", id="routing.columns"),
        Binding("e", "sessions", "Sessions", id="routing.sessions"),
        Binding("m", "save_filter", "Save filter", id="routing.save"),
        Binding("l", "chart", "Chart", id="routing.chart"),
        Binding("w", "window", "Window", id="routing.window"),
        Binding("escape", "unfilter", "Clear filter", id="routing.unfilter"),
        *(
            Binding(each.key, f"quick({number})", f"Only {each.name}", show=False, id=each.binding)
            for number, each in enumerate(quick_filters(2000.0))
        ),
    ]

    now: reactive[datetime | None] = reactive(None, repaint=False)
    patience_s: reactive[float] = reactive(60.0, repaint=False)
    broken: reactive[CapsuleError | None] = reactive(None, repaint=False)
    preferences: reactive[Preferences] = reactive(Preferences(), repaint=False)
    charting: reactive[bool] = reactive(
        default=False, init=False, repaint=False, toggle_class="-charting"
    )

    class ColumnsWanted(Message):
        """The user wants to choose which columns are shown."""

    def __init__(self, newest: NewestRows | None = None) -> None:
        super().__init__(newest, id="routing")

    def compose(self) -> ComposeResult:
        """Filter, column names and rows, or the notice that there are none; latencies beside."""
        yield Banner()
        yield FilterBar()
        yield TimeBar()
        yield QuickBar()
        with Container(id="routing-body"):
            with Vertical(id="log-side"):
                yield LogHeader()
                yield LogView(self.listing, id="log")
                yield Notice(id="log-notice")
            yield LatencyCharts()

    def on_mount(self) -> None:
        """Say what there is."""
        self.show_state()

    def watch_limit_ms(self, limit_ms: float) -> None:
        """Pass the limit on."""
        self._charts.limit_ms = limit_ms
        if self.loaded:
            self._count_quick()
            self.show_state()

    def watch_preferences(self, preferences: Preferences) -> None:
        """Show the columns wanted, and the filters kept."""
        self.query_one(LogHeader).hidden = self.query_one(LogView).hidden = preferences.hidden
        self.show_state()

    def show_calls(self, shown: ShownCalls) -> None:
        """Table and chart of these calls."""
        self._charts.show(shown)

    def watch_charting(self) -> None:
        """The keys change with what is seen."""
        self.take_focus()
        self.refresh_bindings()

    def watch_now(self, now: datetime | None) -> None:
        """Waiting rows may have become unknown."""
        self.query_one(LogView).now = now
        self.query_one(LogView).refresh()

    def watch_patience_s(self, patience_s: float) -> None:
        """Pass on how long a call may take."""
        self.query_one(LogView).patience_s = patience_s

    def watch_broken(self) -> None:
        """The capsule cannot be read, or can be again."""
        self.show_state()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter as it is typed; what cannot be understood leaves the rows as they are."""
        event.stop()
        if event.input.id != "filter-input":
            return
        bar = self.query_one(FilterBar)
        try:
            chosen = parse_filter(event.value)
        except FilterError as error:
            bar.state.problem = str(error)
            return
        bar.state.problem = ""
        self.apply(chosen)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Back to the rows, the filter kept."""
        event.stop()
        if event.input.id == "time-input":
            self._go_to(event.value)
            return
        self.query_one(FilterBar).editing = False
        self.take_focus()

    def _go_to(self, text: str) -> None:
        if text.strip() and self.now is not None:
            try:
                time = typed_time(text, self.now)
            except ValueError as error:
                self.notify(str(error), severity="warning")
                return
            self.app.post_message(TimeWanted(self.listing.filter, time))
        self.query_one(TimeBar).close()
        self.take_focus()

    def on_time_input_left(self) -> None:
        """Back to the rows without going anywhere."""
        self.query_one(TimeBar).close()
        self.take_focus()

    def on_log_view_moved(self) -> None:
        """Say whether the newest are followed; who goes to the newest wants them by time."""
        if self.query_one(LogView).following and self.listing.ordered is not None:
            self.order = None
        self.show_state()

    def on_log_header_clicked(self, message: LogHeader.Clicked) -> None:
        """Put the calls in the order of a column; again: the other way round; again: by time."""
        name = message.column
        if name not in ORDERS:
            self.order = None
        elif self.order is None or self.order[0] != name:
            self.order = (name, name not in RISING)
        else:
            first_way = self.order[1] == (name not in RISING)
            self.order = (name, not self.order[1]) if first_way else None

    def on_quick_bar_chosen(self, message: QuickBar.Chosen) -> None:
        """Filter by the one that was clicked, or no longer."""
        self._toggle_filter(message.text)

    def on_filter_state_followed(self) -> None:
        """The state was clicked: go to the newest."""
        self.query_one(LogView).action_follow()
        self.take_focus()

    def _toggle_filter(self, text: str) -> None:
        bar = self.query_one(FilterBar)
        bar.set("" if bar.state.text == text else text)
        self.take_focus()

    def take_focus(self) -> None:
        """Let the keys act on the rows."""
        view = self.query_one(LogView)
        (self if self.charting or not view.display else view).focus()

    def filter_by(self, text: str) -> None:
        """Filter as if ``text`` had been typed."""
        self.query_one(FilterBar).set(text)

    def action_filter(self) -> None:
        """Type a filter."""
        self.query_one(FilterBar).edit()

    def action_time(self) -> None:
        """Type a time to go to."""
        self.query_one(TimeBar).edit()

    def action_quick(self, number: int) -> None:
        """Filter by one of those that are always there; again: no longer."""
        self._toggle_filter(quick_filters(self.limit_ms)[number].text)

    def action_sort(self) -> None:
        """Put the calls in the order of the next column that has one; after the last by time."""
        shown = self.query_one(LogHeader).sortable()
        at = shown.index(self.order[0]) + 1 if self.order and self.order[0] in shown else 0
        self.order = (shown[at], shown[at] not in RISING) if at < len(shown) else None

    def action_columns(self) -> None:
        """Ask which columns are to be shown; who answers sets ``preferences`` by ``prefer``."""
        self.post_message(self.ColumnsWanted())

    def action_sessions(self) -> None:
        """Ask which sessions there are."""
        self.app.post_message(SessionsWanted())

    def action_save_filter(self) -> None:
        """Keep the filter among those of the user; one that is kept already is let go."""
        text = self.query_one(FilterBar).state.text.strip()
        kept = self.preferences.filters
        if text in kept:
            self.prefer(replace(self.preferences, filters=tuple(f for f in kept if f != text)))
            self.notify(f"No longer saved: {text}", timeout=3)
        elif len(kept) >= MOST_FILTERS:
            self.notify(f"{MOST_FILTERS} filters are saved; remove one first", severity="warning")
        else:
            self.prefer(replace(self.preferences, filters=(*kept, text)))
            self.notify(f"Saved: {text}", timeout=3)

    def prefer(self, wanted: Preferences) -> None:
        """Arrange the log so from now on."""
        self.preferences = wanted
        self.app.post_message(PreferencesChanged(wanted))

    def action_chart(self) -> None:
        """Give the latencies the whole pane, or take it back."""
        self.charting = not self.charting

    def action_window(self) -> None:
        """Show the next longer window; after the longest as much as there is."""
        self.post_message(WindowWanted())

    def action_unfilter(self) -> None:
        """Show all rows again."""
        self.query_one(FilterBar).set("")
        self.take_focus()

    def why_not(self, action: str, parameters: tuple[object, ...] = ()) -> str:  # noqa: ARG002
        """Most act on rows; with the chart in their place, none of those."""
        if action not in _OF_ROWS:
            return ""
        if not len(self.newest):
            return "There are no calls yet" if self.loaded else "The capsule is still being read"
        if self.charting and action not in {"chart", "window", "unfilter"}:
            return "The chart has the pane: l brings the rows back"
        bar = self.query_one(FilterBar)
        set_to = bar.state.text.strip()
        if action == "unfilter" and not (bar.editing or set_to):
            return "No filter is set: f sets one"
        if action == "save_filter" and not set_to:
            return "No filter is set: f sets one, m keeps it"
        invalid = action == "save_filter" and bar.state.problem
        return "The filter cannot be understood" if invalid else ""

    def show_state(self) -> None:
        """The filter's line, the filters that are always there, and rows or why there are none."""
        bar, view, notice = (
            self.query_one(FilterBar),
            self.query_one(LogView),
            self.query_one(Notice),
        )
        state = bar.state
        state.shown, state.total = self.listing.passing, (self._older or 0) + len(self.newest)
        state.ordered = self._ordered_by()
        state.indexed = self._index.share if self._older is None else None
        state.searching = self._searches
        state.following, state.waiting = view.following, view.waiting
        if self.listing.ordered is not None:
            state.waiting = self._since_ordered
        self._show_quick(state)
        state.broken = self.broken is not None or self._index.damage is not None
        empty = not len(self.listing)
        self._say_broken(notice=empty)
        notice.display = empty
        self._charts.display = bool(len(self.newest))
        view.display = not empty
        self.query_one(LogHeader).display = not empty
        bar.display = self.query_one(QuickBar).display = bool(len(self.newest))
        if empty:
            notice.show(*self._why_empty())
        elif self.has_focus and not self.charting:
            view.focus()  # it had the focus only while there were no rows

    def _say_broken(self, *, notice: bool) -> None:
        """Tell above the rows what is wrong with the evidence; a notice tells it without rows."""
        error = self.broken or self._index.damage
        banner = self.query_one(Banner)
        if error is None or notice:
            banner.say("")
            return
        rest = f"{error.remedy}\n" if error.remedy else ""
        rest += "Verify it: code reflex events verify."
        rest += " Until it can be read, no call is sent." if self.broken else ""
        banner.say(f"✖ {error.message}", rest, tone="error")

    def _show_quick(self, state: FilterState) -> None:
        bar = self.query_one(QuickBar)
        bar.active = state.text.strip()
        always = tuple(
            Chip(
                each.name,
                each.text,
                each.binding,
                each.key,
                self._quick.count(each.filter),
                is_bad=each.name == "failed",
            )
            for each in quick_filters(self.limit_ms)
        )
        saved = tuple(Chip(plain(text, 200), text) for text in self.preferences.filters)
        bar.chips = (*always, *saved)

    def _ordered_by(self) -> str:
        """What is said of the order; empty by time."""
        if self.order is None:
            return ""
        name, descending = self.order
        told = f"{BY_NAME[name].heading} {'▾' if descending else '▴'}"
        if self.listing.ordered is None:
            return f"◌ sorting by {told}"
        shown = len(self.listing.ordered)
        return f"first {count(shown)} by {told}" if shown < self.listing.passing else f"by {told}"

    @property
    def _searches(self) -> bool:
        """Whether the filter has not gone over the older rows yet."""
        return not self.listing.filter.is_empty and self.listing.before is None

    @property
    def _charts(self) -> LatencyCharts:
        return self.query_one(LatencyCharts)

    def _why_empty(self) -> tuple[str, str, tuple[str, ...]]:
        if self.broken is not None:
            return broken_capsule(self.broken)
        if len(self.newest) and self._searches:
            return (
                "◌ Searching the older events …",
                "muted",
                ("None of the newest matches. Escape clears the filter.",),
            )
        if len(self.newest):
            return (
                "No matching rows",
                "muted",
                ("Escape clears the filter. New rows that match appear here.",),
            )
        if not self.loaded:
            return "Reading the capsule …", "muted", ()
        return EMPTY


def broken_capsule(error: CapsuleError) -> tuple[str, str, tuple[str, ...]]:
    """What is wrong with the evidence, and what to do."""
    lines = (
        error.message,
        "",
        *error.remedy.splitlines(),
        "",
        "$ code reflex events verify",
        "",
        "Read again every two seconds. Until it can be read, no call is sent:",
        "a call needs evidence.",
    )
    return "✖ The evidence cannot be read", "error", lines
