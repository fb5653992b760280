"""The filters that are always there, each with its key and how many calls it finds; and saved ones.

A click on one filters by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.style import Style

from core.figures import count
from reflex_tui.widgets.keymap import shown_key
from reflex_tui.widgets.lines import MUTED, line
from reflex_tui.widgets.section import Section

if TYPE_CHECKING:
    from textual.events import Click

_GAPS = "   ", "  ", " "
_LONGEST = 24


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter as it is offered; ``found`` is None while it is being counted."""

    name: str
    text: str
    binding: str = ""
    key: str = ""
    found: int | None = None
    is_bad: bool = False


class QuickBar(Section):
    """Shows ``chips``, the one whose text is ``active`` marked; those that do not fit are left out.

    The saved ones come last.
    """

    DEFAULT_CSS = """
    QuickBar { height: 1; padding: 0 2; }
    """

    chips: reactive[tuple[Chip, ...]] = reactive(())
    active: reactive[str] = reactive("")

    class Chosen(Message):
        """A filter was clicked."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def lines(self, width: int) -> list[Content]:
        """One line."""
        pieces = [self._piece(number, chip) for number, chip in enumerate(self.chips)]
        whole = sum(piece.cell_length for piece in pieces)
        room = width - whole
        gap = next((g for g in _GAPS if len(g) * (len(pieces) - 1) <= room), _GAPS[-1])
        shown = Content("")
        for piece in pieces:
            longer = shown + (gap if shown else "") + piece
            if longer.cell_length > width:
                break
            shown = longer
        return [shown]

    def _piece(self, number: int, chip: Chip) -> Content:
        chosen = chip.text == self.active
        name = chip.name if len(chip.name) <= _LONGEST else f"{chip.name[: _LONGEST - 1]}…"
        some = chip.found is None or chip.found > 0
        figure = "…" if chip.found is None else count(chip.found)
        style = "bold" if chosen else "" if some else MUTED
        bad = "$error" if chip.is_bad and chip.found else style
        key = shown_key(self.app, chip.binding, chip.key) if chip.binding else "★"
        told = [(key, "bold $reflex"), (f" {name}", style)]
        if chip.binding:
            told.append((f" {figure}", bad))
        piece = line(*told)
        if chosen:
            piece = piece.stylize("on $cursor")
        return piece.stylize(Style.from_meta({"chip": number}))

    def on_click(self, event: Click) -> None:
        """Filter by the one under the pointer."""
        number = event.style.meta.get("chip")
        if isinstance(number, int) and number < len(self.chips):
            event.stop()
            self.post_message(self.Chosen(self.chips[number].text))
