"""Text wrapped beside its label, so that nothing that matters is cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reflex_tui.widgets.lines import left, line

if TYPE_CHECKING:
    from textual.content import Content

_LEAST = 16


def hanging(label: Content, told: Content, width: int) -> list[Content]:
    """``told`` in rows beside ``label``, the further ones indented to stand below the first.

    A word longer than a row is broken. At least one row, each of ``width`` cells at most.
    """
    indent = label.cell_length
    rows = told.wrap(max(_LEAST, width - indent)) if told.plain else [told]
    return [
        left(line(" " * indent if number else label, row.rstrip()), width)
        for number, row in enumerate(rows)
    ]
