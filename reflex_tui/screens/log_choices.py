"""Two lists over the routing log: the columns it may show, and the sessions of agents."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, SelectionList, Static
from textual.widgets.option_list import Option
from textual.widgets.selection_list import Selection

from core.figures import ago, count, duration
from core.plain import plain
from reflex_tui.model.gate import BAD, POOR
from reflex_tui.model.log_columns import COLUMNS, OPTIONAL
from reflex_tui.widgets.key_bar import KeyBar
from reflex_tui.widgets.lines import MUTED, TITLE, left, line, right
from reflex_tui.widgets.log_view import LogHeader

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from core.capsule.index import SessionCalls
    from reflex_tui.panes.routing import RoutingPane

_NAME = 10
NO_SESSION = (
    "No call names a session. The gateway (code reflex serve) records those of agents that send "
    "one, as Claude Code and Codex do."
)


def choose_columns(pane: RoutingPane) -> None:
    """Let the user choose which columns the log shows."""

    def chosen(hidden: frozenset[str] | None) -> None:
        if hidden is not None:
            pane.prefer(replace(pane.preferences, hidden=hidden))

    dropped = pane.query_one(LogHeader).dropped()
    pane.app.push_screen(ColumnsScreen(pane.preferences.hidden, dropped), chosen)


def choose_session(pane: RoutingPane, sessions: Sequence[SessionCalls], now: datetime) -> None:
    """Let the user choose one to filter by, or say why there is none."""

    def chosen(session: str | None) -> None:
        if session is not None:
            pane.filter_by(f"session:{session}")
            pane.take_focus()

    if sessions:
        pane.app.push_screen(SessionsScreen(sessions, now), chosen)
    else:
        pane.notify(NO_SESSION, severity="warning")


class ColumnsScreen(ModalScreen[frozenset[str] | None]):
    """Lets the user choose; dismissed with the names of the columns not wanted, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "choose", "Show or hide", id="columns.toggle"),
        Binding("enter", "keep", "Keep", id="columns.keep", priority=True),
        Binding("escape,q", "leave", "Cancel", id="columns.leave"),
    ]

    def __init__(self, hidden: frozenset[str], dropped: Sequence[str]) -> None:
        super().__init__()
        self._hidden, self._dropped = hidden, dropped

    def compose(self) -> ComposeResult:
        """A line for each column that may be left out."""
        selections = [
            Selection(self._told(column.name, column.heading, column.does), column.name)
            for column in COLUMNS
            if column.name in OPTIONAL
        ]
        listed: SelectionList[str] = SelectionList(*selections, id="columns-list", compact=True)
        listed.border_title = Content("Columns")
        yield listed
        yield KeyBar()

    def on_mount(self) -> None:
        """Mark those that are shown."""
        listed = self.query_one(SelectionList)
        for name in OPTIONAL:
            if name not in self._hidden:
                listed.select(name)
        listed.focus()

    def action_choose(self) -> None:
        """Show or hide the one under the cursor."""
        self.query_one(SelectionList).action_select()

    def action_keep(self) -> None:
        """Take what is marked."""
        shown = set(self.query_one(SelectionList).selected)
        self.dismiss(frozenset(OPTIONAL) - shown)

    def action_leave(self) -> None:
        """Leave everything as it was."""
        self.dismiss(None)

    def _told(self, name: str, heading: str, does: str) -> Content:
        no_room = ("   no room at this width", POOR) if name in self._dropped else ("", "")
        return line((heading.ljust(_NAME), "bold"), (does, MUTED), no_room)


class SessionsScreen(ModalScreen[str | None]):
    """Lists the sessions; dismissed with the one to filter by, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "Show its calls", id="sessions.choose"),
        Binding("escape,q", "leave", "Close", id="sessions.leave"),
    ]

    def __init__(self, sessions: Sequence[SessionCalls], now: datetime) -> None:
        super().__init__()
        self._sessions, self._now = tuple(sessions), now

    def compose(self) -> ComposeResult:
        """A line for each, below the headings."""
        yield Static(_heading(), id="sessions-head")
        options = [Option(session_line(each, self._now)) for each in self._sessions]
        listed = OptionList(*options, id="sessions-list", markup=False, compact=True)
        yield listed
        yield KeyBar()

    def on_mount(self) -> None:
        """The newest first."""
        listed = self.query_one(OptionList)
        listed.highlighted = 0 if self._sessions else None
        listed.focus()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Filter by it."""
        event.stop()
        self.dismiss(self._sessions[event.option_index].session)

    def action_choose(self) -> None:
        """Filter by the one under the cursor."""
        self.query_one(OptionList).action_select()

    def action_leave(self) -> None:
        """Close it."""
        self.dismiss(None)


_WIDTHS = (14, 8, 8, 11, 10, 12)


def _heading() -> Content:
    names = ("SESSION", "CALLS", "FAILED", "FELL BACK", "WAITED", "LAST CALL")
    first, *rest = zip(names, _WIDTHS, strict=True)
    return line((first[0].ljust(first[1]), TITLE), *((name.rjust(w), TITLE) for name, w in rest))


def session_line(of: SessionCalls, now: datetime) -> Content:
    """A session in columns."""
    name, calls, failed, fell, waited, last = _WIDTHS
    return line(
        left(line((plain(of.session, 20), "bold")), name),
        right(count(of.calls), calls),
        right(line((count(of.failed), BAD if of.failed else MUTED)), failed),
        right(line((count(of.fell_back), POOR if of.fell_back else MUTED)), fell),
        right(duration(of.waited_ms), waited),
        right(line((ago((now - of.last).total_seconds()), MUTED)), last),
    )
