"""A block of lines that fits itself to its width; a banner and a full-pane notice made of one."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from core.plain import plain, plain_block
from reflex_tui.widgets.lines import MUTED, labelled, left, line

if TYPE_CHECKING:
    from textual.geometry import Size

_MOST_ROWS = 14
COMMAND = "$ "
IN_FILE = "| "
UNREADABLE = "✖ the evidence cannot be read", "$error"
"""What stands where something from a capsule would, and why nothing is there."""


class Section(Widget):
    """Draws ``lines(width)``; subclasses hold what they show in reactives with ``layout=True``."""

    DEFAULT_CSS = """
    Section {
        height: auto;
        width: 1fr;
        text-wrap: nowrap;
        text-overflow: ellipsis;
    }
    """

    def lines(self, width: int) -> list[Content]:
        """The block at ``width`` cells."""
        raise NotImplementedError

    def render(self) -> Content:
        """All lines, one below the other."""
        return Content("\n").join(self.lines(self.content_size.width))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        """One row a line."""
        return len(self.lines(width))


class Banner(Section):
    """``words`` in the colour ``tone`` with their glyph, ``rest`` below; nothing: not there."""

    DEFAULT_CSS = """
    Banner { display: none; padding-bottom: 1; }
    Banner.-said { display: block; }
    """
    words: reactive[str] = reactive("", layout=True)
    rest: reactive[str] = reactive("", layout=True)
    tone: reactive[str] = reactive("warning")

    def say(self, words: str, rest: str = "", *, tone: str = "warning") -> None:
        """Say this instead of what was said; ``words`` begin with a glyph. Empty: say nothing."""
        self.tone, self.rest, self.words = tone, plain_block(rest, 1200), plain(words, 600)
        self.set_class(bool(words), "-said")

    def lines(self, width: int) -> list[Content]:
        """The words, wrapped, and the rest."""
        if not self.words:
            return []
        if len(self.words) + len(self.rest) + 3 <= width and "\n" not in self.rest:
            return [line((self.words, f"bold ${self.tone}"), (f"   {self.rest}", MUTED))]
        told = wrap(self.words, max(20, width))
        room = max(20, width - 2)
        rest = [  # commands are among them: one that breaks at a hyphen cannot be copied
            row
            for each in self.rest.splitlines()
            for row in wrap(each, room, break_on_hyphens=False) or [""]
        ]
        lines = [line((row, f"bold ${self.tone}")) for row in told]
        lines += [line("  ", (row, MUTED)) for row in rest[:_MOST_ROWS]]
        return [left(each, width) for each in lines]


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
                lines += labelled(line("  $ "), line((told, "$reflex")), width)
            elif raw.startswith(IN_FILE):
                told = plain(raw.removeprefix(IN_FILE), 500)
                lines += labelled(line("    "), line((told, "$reflex")), width)
            else:
                lines += [line(row) for row in wrap(plain(raw, 2000), max(20, width)) or [""]]
        return lines
