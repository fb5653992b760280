"""One thing to say above a pane: what went wrong, what came of it, what can be gone on with."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

from textual.reactive import reactive

from core.plain import plain, plain_block
from reflex_tui.widgets.lines import MUTED, left, line
from reflex_tui.widgets.section import Section

if TYPE_CHECKING:
    from textual.content import Content

_MOST_ROWS = 14


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
        told = wrap(self.words, max(20, width))[:3]
        room = max(20, width - 2)
        rest = [  # commands are among them: one that breaks at a hyphen cannot be copied
            row
            for each in self.rest.splitlines()
            for row in wrap(each, room, break_on_hyphens=False) or [""]
        ]
        lines = [line((row, f"bold ${self.tone}")) for row in told]
        lines += [line("  ", (row, MUTED)) for row in rest[:_MOST_ROWS]]
        return [left(each, width) for each in lines]
