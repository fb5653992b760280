"""The routing pane: every decision with what became of it, live, filtered as you type."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.containers import Container, Vertical
from textual.reactive import reactive

from reflex_tui.model.filters import FilterError, LogFilter, parse_filter
from reflex_tui.model.log import LogListing, NewestRows
from reflex_tui.watch.messages import CountWanted, IndexGrew, PageWanted, TimeWanted, WindowWanted
from reflex_tui.widgets.latency import LatencyCharts
from reflex_tui.widgets.log_bars import FilterBar, TimeBar, typed_time
from reflex_tui.widgets.log_view import LogHeader, LogView
from reflex_tui.widgets.section import Notice

if TYPE_CHECKING:
    from datetime import datetime

    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.widgets import Input

    from core.errors import CapsuleError
    from reflex_tui.model.log import Added
    from reflex_tui.watch.messages import PageCame, RowsCounted, TimeFound
    from reflex_tui.widgets.latency import ShownCalls

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


class RoutingPane(Vertical, can_focus=True):
    """Draws the rows in ``newest``; whoever puts rows into it says so by ``appended`` and the like.

    While ``charting`` the latencies have the whole pane.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "filter", "Filter", id="routing.filter"),
        Binding("t", "time", "Go to time", id="routing.time"),
        Binding("l", "chart", "Chart", id="routing.chart"),
        Binding("w", "window", "Window", id="routing.window"),
        Binding("escape", "unfilter", "Clear filter", id="routing.unfilter"),
    ]

    limit_ms: reactive[float] = reactive(2000.0, repaint=False)
    now: reactive[datetime | None] = reactive(None, repaint=False)
    patience_s: reactive[float] = reactive(60.0, repaint=False)
    broken: reactive[CapsuleError | None] = reactive(None, repaint=False)
    loaded: reactive[bool] = reactive(default=False, repaint=False)
    charting: reactive[bool] = reactive(
        default=False, init=False, repaint=False, toggle_class="-charting"
    )

    def __init__(self, newest: NewestRows | None = None) -> None:
        super().__init__(id="routing")
        self.newest = newest or NewestRows()
        self.listing = LogListing(self.newest, self._want_page)
        # Rows older than the newest's, filter or no; None until counted.
        self._older: int | None = None
        self._index = IndexGrew(0, 0.0)
        # The row under the cursor, also while a filter that is being typed lets no row pass.
        self._stayed_at = 0

    def compose(self) -> ComposeResult:
        """Filter, column names and rows, or the notice that there are none; latencies beside."""
        yield FilterBar()
        yield TimeBar()
        with Container(id="routing-body"):
            with Vertical(id="log-side"):
                yield LogHeader()
                yield LogView(self.listing, id="log")
                yield Notice(id="log-notice")
            yield LatencyCharts()

    def on_mount(self) -> None:
        """Say what there is."""
        self._show_state()

    def appended(self, added: Added) -> None:
        """Newer rows came, or calls that ended."""
        if added.completed or added.rows:
            self.query_one(LogView).appended(self.listing.appended(added.rows, added.completed))
        self._trim()
        self._show_state()

    def replaced(self, edge: int) -> None:
        """Another capsule's rows are in memory, or the first ones, from the event ``edge`` on."""
        self.loaded = True
        self.newest.edge = edge
        self._older = None if edge > 1 else 0
        self.listing.use(self.listing.filter)
        self.query_one(LogView).reread()
        self._count()
        self._show_state()

    def indexed(self, grew: IndexGrew) -> None:
        """More of the capsule is indexed, or its index stops at damage."""
        self._index = grew
        if self._older is None or grew.damage:
            self._show_state()

    def counted(self, answer: RowsCounted) -> None:
        """Older rows can be reached from now on; the cursor stays where it is."""
        question = answer.question
        if question.filter != self.listing.filter:
            return
        if question.edge != self.newest.edge:
            self._count()
            return
        view = self.query_one(LogView)
        self._older = answer.in_all
        more = self.listing.counted(answer.before)
        view.shifted(more)
        if not view.following and self._stayed_at < self.newest.edge:
            view.reread(answer.anchor)
        self._show_state()

    def fetched(self, answer: PageCame) -> None:
        """Older rows came that are looked at."""
        if answer.question.filter == self.listing.filter:
            self.listing.fetched(answer.question.page, answer.rows)
            self.query_one(LogView).refresh()

    def found(self, answer: TimeFound) -> None:
        """Go to the row that was found for a time."""
        if answer.question.filter != self.listing.filter:
            return
        if answer.seq is None:
            self.query_one(LogView).action_follow()
            return
        older = answer.seq < self.newest.edge
        self.query_one(LogView).jump(answer.number if older else self.listing.index(answer.seq))
        self.take_focus()

    def apply(self, chosen: LogFilter) -> None:
        """Show what passes ``chosen``, staying at the row under the cursor if it does."""
        view = self.query_one(LogView)
        if row := view.row_at_cursor():
            self._stayed_at = row.seq
        self.listing.use(chosen)
        view.reread(self.listing.index(self._stayed_at))
        self._count()
        self._show_state()

    def _want_page(self, page: int) -> None:
        self.app.post_message(PageWanted(self.listing.filter, page))

    def _count(self) -> None:
        """Have the older rows counted; where there are none that is known."""
        if self.newest.edge > 1:
            self.app.post_message(self.wanted_count())
        else:
            self.listing.counted(0)

    def wanted_count(self) -> CountWanted:
        """The question that is asked of the older rows."""
        return CountWanted(self.listing.filter, self.newest.edge, self._stayed_at)

    def _trim(self) -> None:
        """Let the oldest go that the index has; without an index only what is far too much."""
        if not self.newest.is_full:
            return
        reachable = self.listing.before is not None and self._older is not None
        below: int | None = self._index.seq + 1 if reachable else 0
        if len(self.newest) > 2 * self.newest.keep:
            below = None
        gone = self.newest.trim(below)
        if not gone:
            return
        if self._older is not None:
            self._older += gone
        if lost := self.listing.trimmed(gone):
            self.query_one(LogView).shifted(-lost)
            self._older = None

    def watch_limit_ms(self, limit_ms: float) -> None:
        """Pass the limit on."""
        self._charts.limit_ms = limit_ms

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
        self._show_state()

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
        """Say whether the newest are followed."""
        self._show_state()

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

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """There is nothing to filter in an empty log, and nothing to clear without a filter."""
        if action in {"filter", "time"}:
            return bool(len(self.newest)) and not self.charting
        if action == "chart":
            return bool(len(self.newest))
        if action == "window":
            return bool(len(self.newest))
        if action == "unfilter":
            bar = self.query_one(FilterBar)
            return bar.editing or bool(bar.state.text)
        return True

    def _show_state(self) -> None:
        bar, view, notice = (
            self.query_one(FilterBar),
            self.query_one(LogView),
            self.query_one(Notice),
        )
        state = bar.state
        state.shown, state.total = len(self.listing), (self._older or 0) + len(self.newest)
        state.indexed = self._index.share if self._older is None else None
        state.searching = self._searches
        state.following, state.waiting = view.following, view.waiting
        state.broken = self.broken is not None or self._index.damage is not None
        empty = not len(self.listing)
        notice.display = empty
        self._charts.display = bool(len(self.newest))
        view.display = not empty
        self.query_one(LogHeader).display = not empty
        bar.display = bool(len(self.newest))
        if empty:
            notice.show(*self._why_empty())
        elif self.has_focus and not self.charting:
            view.focus()  # it had the focus only while there were no rows

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
