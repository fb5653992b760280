"""The line above the log: the filter, how many rows pass, and whether the newest are followed."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.containers import Horizontal
from textual.reactive import reactive
from textual.widgets import Input, Static

from core.plain import plain
from reflex_tui.widgets.condition import BAD, GOOD, POOR
from reflex_tui.widgets.lines import MUTED, line
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


class FilterBar(Horizontal):
    """Holds the filter's text; ``edit`` lets it be typed, Enter in it and Escape end that."""

    DEFAULT_CSS = """
    FilterBar { height: 1; }
    FilterBar #filter-label { width: auto; padding: 0 1 0 0; }
    FilterBar Input { width: 1fr; display: none; }
    FilterBar #filter-text { width: 1fr; }
    FilterBar #filter-state { width: auto; text-wrap: nowrap; padding: 0 0 0 2; }
    FilterBar.-editing Input { display: block; }
    FilterBar.-editing #filter-text { display: none; }
    """

    editing: reactive[bool] = reactive(default=False, toggle_class="-editing")
    text: reactive[str] = reactive("")
    problem: reactive[str] = reactive("")
    shown: reactive[int] = reactive(0)
    total: reactive[int] = reactive(0)
    more_before: reactive[bool] = reactive(default=False)
    following: reactive[bool] = reactive(default=True)
    waiting: reactive[int] = reactive(0)
    broken: reactive[bool] = reactive(default=False)

    def compose(self) -> ComposeResult:
        """A label, the text or the input, and the state at the right."""
        yield Static(line(("f", "bold $reflex"), (" filter", MUTED)), id="filter-label")
        yield Static(id="filter-text")
        yield FilterInput(placeholder=EXAMPLE, compact=True, id="filter-input")
        yield Static(id="filter-state")

    def on_mount(self) -> None:
        """Show what there is."""
        self._update()

    def edit(self) -> None:
        """Let the filter be typed."""
        self.editing = True
        self.query_one(Input).focus()

    def set(self, text: str) -> None:
        """Filter by ``text``, and let it be."""
        self.query_one(Input).value = text
        self.problem = ""
        self.editing = False

    def on_input_changed(self, event: Input.Changed) -> None:
        """Remember what is typed; the pane applies it."""
        self.text = event.value

    def watch_editing(self) -> None:
        """The keys that are true have changed."""
        self.refresh_bindings()

    def _watch_any(self) -> None:
        if self.is_mounted:
            self._update()

    watch_text = watch_problem = watch_shown = watch_total = watch_following = _watch_any
    watch_waiting = watch_broken = watch_more_before = _watch_any

    def _update(self) -> None:
        self.query_one("#filter-text", Static).update(line(plain(self.text, 200)))
        self.query_one("#filter-state", Static).update(self._state())
        self.refresh_bindings()

    def _state(self) -> Content:
        if self.problem:
            return line((plain(self.problem, 100), BAD))
        total = count(self.total) + ("+" if self.more_before else "")
        rows = f"{count(self.shown)} of {total}" if self.text else total
        if self.broken:
            return line((f"{rows} rows   ", MUTED), ("✖ damaged", f"bold {BAD}"))
        if self.following:
            return line((f"{rows} rows   ", MUTED), ("● following", GOOD))
        state = line((f"{rows} rows   ", MUTED), ("▲ paused", POOR))
        if self.waiting:
            return line(state, "   ", (f"{count(self.waiting)} new", "bold"), (" ↓ End", MUTED))
        return line(state, ("   End follows", MUTED))
