"""The keys that are true here and now, in one line; a click presses them.

Textual's own footer builds every key's widget again whenever one changes; with rows coming ten
times a second that is most of the work. This draws a line, and only when it says something else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.reactive import reactive
from textual.style import Style
from textual.widget import Widget

from reflex_tui.widgets.lines import MUTED, line, spread

if TYPE_CHECKING:
    from textual.events import Click
    from textual.screen import Screen

_GAPS = "   ", "  "
_PALETTE = "palette"
_HELP = "help"


class KeyBar(Widget):
    """Shows the bindings of what has the focus, nearest first; those that do not fit are left out.

    Gaps are narrower before any is, and help, which names the others, never is. ``keys`` holds
    (key, as displayed, what it does).
    """

    DEFAULT_CSS = """
    KeyBar { height: 1; width: 1fr; dock: bottom; text-wrap: nowrap; padding: 0 1; }
    """
    ALLOW_SELECT = False

    keys: reactive[tuple[tuple[str, str, str], ...]] = reactive(())
    _help = ""

    def on_mount(self) -> None:
        """Hear of changes."""
        self.screen.bindings_updated_signal.subscribe(self, self._changed)
        self._changed(self.screen)

    def render(self) -> Content:
        """One line."""
        width = self.content_size.width
        palette = _piece(self.app.COMMAND_PALETTE_BINDING, "^p", _PALETTE)
        room = width - palette.cell_length - len(_GAPS[0])
        pieces = [(_piece(*key), key[0] == self._help) for key in self.keys]
        whole = sum(piece.cell_length for piece, _ in pieces)
        gap = next((g for g in _GAPS if whole + len(g) * (len(pieces) - 1) <= room), _GAPS[-1])
        shown = Content("")
        kept = sum(piece.cell_length + len(gap) for piece, is_help in pieces if is_help)
        for piece, is_help in pieces:
            kept = 0 if is_help else kept
            longer = shown + (gap if shown else "") + piece
            if longer.cell_length + kept <= room:
                shown = longer
        return spread(shown, palette, width)

    def on_click(self, event: Click) -> None:
        """Press the key under the pointer."""
        if key := event.style.meta.get("key"):
            self.app.simulate_key(str(key))

    def _changed(self, screen: Screen[object]) -> None:
        if screen is not self.screen:
            return
        found: dict[str, tuple[str, str, str]] = {}
        self._help = ""
        for active in screen.active_bindings.values():
            binding = active.binding
            if binding.show and active.enabled:
                told = self.app.get_key_display(binding), binding.description
                found.setdefault(binding.action, (binding.key, *told))
                self._help = binding.key if binding.id == _HELP else self._help
        self.keys = tuple(found.values())


def _piece(key: str, display: str, does: str) -> Content:
    piece = line((display, "bold $reflex"), (f" {does}", MUTED))
    return piece.stylize(Style.from_meta({"key": key}))
