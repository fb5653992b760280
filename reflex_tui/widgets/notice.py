"""A screenful of words where there is nothing else to show: what is missing, and what to do."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

from textual.reactive import reactive

from core.plain import plain
from reflex_tui.widgets.hanging import hanging
from reflex_tui.widgets.lines import line
from reflex_tui.widgets.section import Section

if TYPE_CHECKING:
    from textual.content import Content

COMMAND = "$ "
IN_FILE = "| "


class Notice(Section):
    """A heading and lines; those after ``$`` (commands) or ``|`` (a file's lines) stand out."""

    DEFAULT_CSS = """
    Notice { width: 1fr; height: 1fr; padding: 2 4; }
    """
    heading: reactive[str] = reactive("", layout=True)
    tone: reactive[str] = reactive("muted")
    text: reactive[tuple[str, ...]] = reactive((), layout=True)

    def show(self, heading: str, tone: str, text: tuple[str, ...]) -> None:
        """Say this; ``tone`` is a theme variable's name, for the heading."""
        self.heading, self.tone, self.text = heading, tone, text

    def lines(self, width: int) -> list[Content]:
        """The heading, a blank line, the text wrapped."""
        lines = [line((plain(self.heading, 200), f"bold ${self.tone}")), line("")]
        for raw in self.text:
            if raw.startswith(COMMAND):
                told = plain(raw.removeprefix(COMMAND), 500)
                lines += hanging(line("  $ "), line((told, "$reflex")), width)
            elif raw.startswith(IN_FILE):
                told = plain(raw.removeprefix(IN_FILE), 500)
                lines += hanging(line("    "), line((told, "$reflex")), width)
            else:
                lines += [line(row) for row in wrap(plain(raw, 2000), max(20, width)) or [""]]
        return lines
