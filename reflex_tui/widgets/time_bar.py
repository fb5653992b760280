"""The line in which a time is typed to go to, and what is understood there."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.containers import Horizontal
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Input, Static

from core.plain import plain
from reflex_tui.widgets.lines import MUTED, line

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType

EXAMPLE = "10:31 · 10:31:05 · 2026-01-12 10:31 · 15m ago"
_AGO = re.compile(r"(\d{1,9})\s*([smhd])(?:\s+ago)?")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def moment(text: str, now: datetime) -> datetime:
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
        raise ValueError(f"{plain(text, 20)}: write a time such as {EXAMPLE}") from error
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
        yield TimeInput(placeholder=EXAMPLE, compact=True, id="time-input")

    def edit(self) -> None:
        """Let the time be typed."""
        self.editing = True
        self.query_one(Input).value = ""
        self.query_one(Input).focus()

    def close(self) -> None:
        """Hide it."""
        self.editing = False
