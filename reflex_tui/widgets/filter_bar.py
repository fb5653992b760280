"""The line above the log: the filter, how many rows pass, and whether the newest are followed."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.containers import Horizontal
from textual.reactive import reactive
from textual.widgets import Input, Static

from core.plain import plain
from reflex_tui.widgets.condition import BAD, GOOD, POOR
from reflex_tui.widgets.lines import MUTED, line, spread
from reflex_tui.widgets.section import Section
from reflex_tui.widgets.units import count

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.content import Content

EXAMPLE = "mode:cloud reason:unhealthy >500ms text"


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
    following: reactive[bool] = reactive(default=True)
    waiting: reactive[int] = reactive(0)
    broken: reactive[bool] = reactive(default=False)
    editing: reactive[bool] = reactive(default=False)

    def lines(self, width: int) -> list[Content]:
        """One line."""
        text = line("" if self.editing else plain(self.text, 200))
        return [spread(text, self._state(), width)]

    def _state(self) -> Content:
        if self.problem:
            return line((plain(self.problem, 100), BAD))
        total = count(self.total)
        if self.indexed is not None:
            total += f"+ (indexing {self.indexed:.0%})"
        rows = f"{count(self.shown)} of {total}" if self.text else total
        if self.broken:
            return line((f"{rows} rows   ", MUTED), ("✖ damaged", f"bold {BAD}"))
        if self.following:
            return line((f"{rows} rows   ", MUTED), ("● following", GOOD))
        state = line((f"{rows} rows   ", MUTED), ("▲ paused", POOR))
        if self.waiting:
            return line(state, "   ", (f"{count(self.waiting)} new", "bold"), (" ↓ End", MUTED))
        return line(state, ("   End follows", MUTED))


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
        yield FilterInput(placeholder=EXAMPLE, compact=True, id="filter-input")
        yield FilterState()

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
