"""The keys that are true here and now, in a line or two; a click presses them.

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
    from collections.abc import Sequence

    from textual.events import Click
    from textual.geometry import Size
    from textual.screen import Screen

_GAPS = "   ", "  "
_PALETTE = "palette"
_HELP = "help"


class KeyBar(Widget):
    """Shows the bindings of what has the focus, nearest first, in ``rows`` at most.

    Gaps are narrower before there is a second row, and keys that do not fit at all are left out;
    help, which names them, never is. ``keys`` holds (key, as displayed, what it does).
    """

    DEFAULT_CSS = """
    KeyBar { height: auto; width: 1fr; dock: bottom; text-wrap: nowrap; padding: 0 1; }
    """
    ALLOW_SELECT = False

    keys: reactive[tuple[tuple[str, str, str], ...]] = reactive(())
    _help = ""

    def __init__(self, rows: int = 2) -> None:
        super().__init__()
        self._most = rows

    def on_mount(self) -> None:
        """Hear of changes."""
        self.screen.bindings_updated_signal.subscribe(self, self._changed)
        self._changed(self.screen)

    def watch_keys(self) -> None:
        """They may take another row."""
        if self._most > 1:
            self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002  Textual's
        """As many rows as it takes."""
        return len(self._rows(width)) if self._most > 1 else 1

    def render(self) -> Content:
        """The rows, the palette's key at the end of the last."""
        width = self.content_size.width
        *before, last = self._rows(width)
        return Content("\n").join([*before, spread(last, self._palette, width)])

    @property
    def _palette(self) -> Content:
        return _piece(self.app.COMMAND_PALETTE_BINDING, "^p", _PALETTE)

    def _rows(self, width: int) -> list[Content]:
        """The keys without the palette's, which has its room in the last row."""
        room = width - self._palette.cell_length - len(_GAPS[0])
        pieces = [(_piece(*key), key[0] == self._help) for key in self.keys]
        whole = sum(piece.cell_length for piece, _ in pieces)
        gap = next((g for g in _GAPS if whole + len(g) * (len(pieces) - 1) <= room), _GAPS[-1])
        if whole + len(gap) * (len(pieces) - 1) <= room:
            return [Content(gap).join(piece for piece, _ in pieces)]
        rows: list[Content] = []
        while len(rows) < self._most - 1 and pieces:
            row, pieces = _filled(pieces, gap, width)
            rows.append(row)
        return [*rows, _filled(pieces, gap, room)[0]]

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


def _filled(
    pieces: Sequence[tuple[Content, bool]], gap: str, room: int
) -> tuple[Content, list[tuple[Content, bool]]]:
    """A row of those that fit, beside help, and what is left."""
    shown, over = Content(""), []
    kept = sum(piece.cell_length + len(gap) for piece, is_help in pieces if is_help)
    for piece, is_help in pieces:
        kept = 0 if is_help else kept
        longer = shown + (gap if shown else "") + piece
        if longer.cell_length + kept <= room:
            shown = longer
        else:
            over.append((piece, is_help))
    return shown, over


def _piece(key: str, display: str, does: str) -> Content:
    piece = line((display, "bold $reflex"), (f" {does}", MUTED))
    return piece.stylize(Style.from_meta({"key": key}))
