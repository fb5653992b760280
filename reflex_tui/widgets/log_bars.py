"""The two lines above the log: the filter with its state, and the time to go to."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.containers import Horizontal
from textual.message import Message
from textual.reactive import reactive
from textual.style import Style
from textual.widgets import Input, Static

from core.figures import count
from core.plain import plain
from reflex_tui.model.gate import BAD, GOOD, POOR
from reflex_tui.widgets.lines import MUTED, line, spread
from reflex_tui.widgets.section import Section

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.content import Content
    from textual.events import Click


FILTER_EXAMPLE = "mode:cloud reason:unhealthy >500ms text"

_ROOMY = 90
TIME_EXAMPLE = "10:31 · 10:31:05 · 2026-01-12 10:31 · 15m ago"
_AGO = re.compile(r"(\d{1,9})\s*([smhd])(?:\s+ago)?")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class FilterInput(Input):
    """The filter while it is typed; says in the footer what Enter and Escape do."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Keep", id="filter.keep"),
    ]


class FilterState(Section):
    """The filter when it is not being typed, and at the right what became of it."""

    text: reactive[str] = reactive("")
    problem: reactive[str] = reactive("")
    shown: reactive[int] = reactive(0)
    total: reactive[int] = reactive(0)
    # Of the older rows, the share that is indexed; None when all can be reached.
    indexed: reactive[float | None] = reactive(None)
    searching: reactive[bool] = reactive(default=False)
    following: reactive[bool] = reactive(default=True)
    waiting: reactive[int] = reactive(0)
    broken: reactive[bool] = reactive(default=False)
    editing: reactive[bool] = reactive(default=False)
    # In which order, in words; empty by time.
    ordered: reactive[str] = reactive("")

    class Followed(Message):
        """The user clicked on what says whether the newest are followed."""

    def lines(self, width: int) -> list[Content]:
        """One line."""
        shown = plain(self.text, 200)
        hint = (f"{FILTER_EXAMPLE} …", MUTED) if width > _ROOMY and not self.ordered else ("", "")
        text = line("" if self.editing else shown or hint)
        return [spread(text, self._state(), width)]

    def on_click(self, event: Click) -> None:
        """Go to the newest from where it is said that they are not followed."""
        if event.style.meta.get("follow"):
            event.stop()
            self.post_message(self.Followed())

    def _state(self) -> Content:
        if self.problem:
            return line((plain(self.problem, 100), BAD))
        total = count(self.total)
        if self.indexed is not None:
            total += f"+ (indexing {self.indexed:.0%})"
        rows = f"{count(self.shown)} of {total}" if self.text else total
        if self.searching:
            rows = f"◌ searching: {rows}"
        if self.broken:
            return line((f"{rows} rows   ", MUTED), ("✖ damaged", f"bold {BAD}"))
        if self.ordered:
            state = line((f"{rows} rows   ", MUTED), (self.ordered, "bold $reflex"))
        elif self.following:
            return line((f"{rows} rows   ", MUTED), ("● following", GOOD))
        else:
            state = line((f"{rows} rows   ", MUTED), ("▲ paused", POOR))
        if self.waiting:
            more = line("   ", (f"{count(self.waiting)} new", "bold"), (" ↓ End", MUTED))
        else:
            more = line(("   End follows", MUTED))
        return state + more.stylize(Style.from_meta({"follow": True}))


class FilterBar(Horizontal):
    """Holds the filter; ``edit`` lets it be typed, Enter in it and Escape end that."""

    DEFAULT_CSS = """
    FilterBar { height: 1; }
    FilterBar #filter-label { width: 9; }
    FilterBar Input { width: 1fr; display: none; }
    FilterBar.-editing Input { display: block; }
    FilterBar.-editing FilterState { width: 42; padding-left: 2; }
    """

    editing: reactive[bool] = reactive(default=False, toggle_class="-editing", repaint=False)

    @property
    def state(self) -> FilterState:
        """What is said beside the filter."""
        return self.query_one(FilterState)

    def compose(self) -> ComposeResult:
        """A label, the input while it is typed, and the state."""
        yield Static(line(("f", "bold $reflex"), (" filter", MUTED)), id="filter-label")
        yield FilterInput(placeholder=FILTER_EXAMPLE, compact=True, id="filter-input")
        yield FilterState()

    def on_click(self) -> None:
        """A click lets it be typed."""
        if not self.editing:
            self.edit()

    def edit(self) -> None:
        """Let the filter be typed."""
        self.editing = True
        self.query_one(Input).focus()

    def set(self, text: str) -> None:
        """Filter by ``text``, and let it be."""
        self.query_one(Input).value = text
        self.state.problem = ""
        self.editing = False

    def on_input_changed(self, event: Input.Changed) -> None:
        """Remember what is typed; the pane applies it."""
        self.state.text = event.value

    def watch_editing(self, editing: bool) -> None:  # noqa: FBT001  Textual calls it by position
        """The keys that are true have changed."""
        if self.is_mounted:
            self.state.editing = editing
        self.refresh_bindings()


def typed_time(text: str, now: datetime) -> datetime:
    """What was typed, as a moment; a time of day is the last such before ``now``.

    Raises:
        ValueError: it is none; ``str()`` says what would be.
    """
    wanted = text.strip().lower()
    local = now.astimezone()
    try:
        if ago := _AGO.fullmatch(wanted):
            return now - timedelta(seconds=int(ago[1]) * _SECONDS[ago[2]])
        if "-" in wanted:
            found = datetime.fromisoformat(text.strip())
            return found.astimezone()
        of_day = time.fromisoformat(wanted if wanted[1:2] != ":" else f"0{wanted}")
        today = datetime.combine(local.date(), of_day, of_day.tzinfo or local.tzinfo)
    except (ValueError, OverflowError, OSError) as error:
        raise ValueError(f"{plain(text, 20)}: write a time such as {TIME_EXAMPLE}") from error
    return today if today <= now else today - timedelta(days=1)


class TimeInput(Input):
    """The time while it is typed; says in the footer what Enter does."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Go there", id="time.go"),
        Binding("escape", "leave", "Back", id="time.leave"),
    ]

    class Left(Message):
        """No time is wanted after all."""

    def action_leave(self) -> None:
        """Back to the rows."""
        self.post_message(self.Left())


class TimeBar(Horizontal):
    """Holds the time; ``edit`` shows it, ``close`` hides it again."""

    DEFAULT_CSS = """
    TimeBar { height: 1; display: none; padding: 0 2; }
    TimeBar.-editing { display: block; }
    TimeBar #time-label { width: 9; }
    TimeBar Input { width: 1fr; background: $background; border: none; padding: 0; height: 1; }
    """

    editing: reactive[bool] = reactive(default=False, toggle_class="-editing", repaint=False)

    def compose(self) -> ComposeResult:
        """A label and the input."""
        yield Static(line(("t", "bold $reflex"), (" time", MUTED)), id="time-label")
        yield TimeInput(placeholder=TIME_EXAMPLE, compact=True, id="time-input")

    def edit(self) -> None:
        """Let the time be typed."""
        self.editing = True
        self.query_one(Input).value = ""
        self.query_one(Input).focus()

    def close(self) -> None:
        """Hide it."""
        self.editing = False
