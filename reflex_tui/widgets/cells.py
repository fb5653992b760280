"""Text in exact widths of terminal cells, in pieces of one style each: for rows by the hundred.

A ``Content`` does the same and more, which takes four times as long a row.
"""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# Text and its style, by name as in a style sheet; none for the style of what it stands in.
Piece = tuple[str, str]
_style_of = itemgetter(1)


def cells(text: str) -> int:
    """How many cells a text takes."""
    return len(text) if text.isascii() else cell_len(text)


def fit(text: str, width: int) -> str:
    """Exactly ``width`` cells, cut with an ellipsis or filled on the right."""
    room = width - cells(text)
    if room >= 0:
        return text + " " * room
    return set_cell_size(text, width - 1) + "…" if width > 0 else ""


def left(pieces: Sequence[Piece], width: int) -> list[Piece]:
    """As ``fit``: exactly ``width`` cells."""
    room = width - sum(cells(text) for text, _ in pieces)
    if room >= 0:
        return [*pieces, (" " * room, "")]
    kept: list[Piece] = []
    left_over = width
    for text, style in pieces:
        taken = cells(text)
        if taken >= left_over:
            return [*kept, (fit(text + "…", left_over), style)]
        kept.append((text, style))
        left_over -= taken
    return kept


def right(piece: Piece, width: int) -> list[Piece]:
    """As ``left``, filled on the left."""
    text, style = piece
    room = width - cells(text)
    return [(" " * room, ""), piece] if room >= 0 else [(fit(text, width), style)]


def joined(pieces: Iterable[Piece]) -> list[Piece]:
    """Neighbours of the same style put together, empty ones left out."""
    full = (piece for piece in pieces if piece[0])
    return [
        ("".join(text for text, _ in same), style) for style, same in groupby(full, key=_style_of)
    ]
