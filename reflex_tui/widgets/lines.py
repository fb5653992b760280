"""Lines of styled text in columns; widths are terminal cells, and nothing is read as markup.

``line``, ``left``, ``right`` … work on Textual's ``Content``; ``fit``, ``left_pieces`` … on plain
pairs of text and style, four times as fast, for rows by the hundred. ``bars`` draws values from
zero up to a ceiling that stays put, where Textual's sparkline scales between the extremes.
"""

from __future__ import annotations

import math
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from textual.content import Content

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from textual.style import Style


# Text and its style, by name as in a style sheet; none for the style of what it stands in.
Piece = tuple[str, str]
_style_of = itemgetter(1)

MUTED = "$muted"
TITLE = "bold $muted"
# Headings and labels take this many cells, so that what follows them is in one column.
LABEL = 10
_LEAST = 16
_BETWEEN = "   "
EIGHTHS = " ▁▂▃▄▅▆▇█"
_STEPS = (1.0, 2.0, 5.0, 10.0)


def cells(text: str) -> int:
    """How many cells a text takes."""
    return len(text) if text.isascii() else cell_len(text)


def fit(text: str, width: int) -> str:
    """Exactly ``width`` cells, cut with an ellipsis or filled on the right."""
    room = width - cells(text)
    if room >= 0:
        return text + " " * room
    return set_cell_size(text, width - 1) + "…" if width > 0 else ""


def left_pieces(pieces: Sequence[Piece], width: int) -> list[Piece]:
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


def right_pieces(piece: Piece, width: int) -> list[Piece]:
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


def line(*pieces: Content | str | tuple[str, str | Style]) -> Content:
    """The pieces one after another; a pair is text and its style."""
    return Content.assemble(*pieces)


def left(content: Content | str, width: int) -> Content:
    """Exactly ``width`` cells, cut with an ellipsis or filled on the right."""
    return _as_content(content).truncate(max(width, 0), ellipsis=True, pad=True)


def right(content: Content | str, width: int) -> Content:
    """Exactly ``width`` cells, cut with an ellipsis or filled on the left."""
    cut = _as_content(content).truncate(max(width, 0), ellipsis=True)
    return cut.pad_left(max(0, width - cut.cell_length))


def spread(start: Content, end: Content, width: int, *, gap: int = 0) -> Content:
    """``start`` at the left edge, ``end`` at the right, ``gap`` between; ``start`` is cut first."""
    room = width - end.cell_length
    if room < 1:
        return left(end, width)
    return left(left(start, room - gap), room) + end


def fitting(variants: Sequence[Content], width: int) -> Content:
    """The first that fits into ``width`` cells, else the last, cut."""
    for variant in variants:
        if variant.cell_length <= width:
            return variant
    return left(variants[-1], width)


def title(text: str, *rest: Content | str | tuple[str, str | Style]) -> Content:
    """A section's heading, with what belongs on its line."""
    return line((text.ljust(LABEL), TITLE), *rest)


def _as_content(content: Content | str) -> Content:
    return Content(content) if isinstance(content, str) else content


def labelled(label: Content, told: Content, width: int) -> list[Content]:
    """``told`` in rows beside ``label``, the further ones indented to stand below the first.

    A word longer than a row is broken. At least one row, each of ``width`` cells at most.
    """
    indent = label.cell_length
    rows = told.wrap(max(_LEAST, width - indent)) if told.plain else [told]
    return [
        left(line(" " * indent if number else label, row.rstrip()), width)
        for number, row in enumerate(rows)
    ]


def packed(label: Content, pieces: Sequence[Content], width: int) -> list[Content]:
    """``pieces`` beside ``label``, as many a row as fit: a row breaks between two where it can."""
    rows: list[Content] = []
    for piece in pieces:
        longer = line(rows[-1], _BETWEEN, piece) if rows else piece
        if rows and longer.cell_length <= width - label.cell_length:
            rows[-1] = longer
        else:
            rows.append(piece)
    blank = line(" " * label.cell_length)
    return [
        part
        for number, row in enumerate(rows)
        for part in labelled(blank if number else label, row, width)
    ]


def ceiling(values: Iterable[float | None], *, least: float) -> float:
    """The next of 1, 2, 5, 10, 20, … that no finite value exceeds, and not under ``least``."""
    highest = max((v for v in values if v is not None and math.isfinite(v)), default=0.0)
    if highest <= least:
        return least
    power = 10.0 ** math.floor(math.log10(highest))
    return next(step * power for step in _STEPS if step * power >= highest)


def eighths(value: float | None, top: float, rows: int) -> int:
    """How many eighths of a row's height ``value`` fills; what is not zero is never invisible."""
    if value is None or math.isnan(value) or value <= 0:
        return 0
    full = rows * 8
    return full if value >= top else max(1, math.ceil(value / top * full - 1e-9))


def bars(values: Sequence[float | None], top: float, width: int, rows: int = 1) -> list[str]:
    """``rows`` lines, highest first, of the last ``width`` values; the newest is rightmost."""
    shown = list(values[-width:]) if width > 0 else []
    heights = [eighths(value, top, rows) for value in shown]
    lines = []
    for row in range(rows - 1, -1, -1):
        cells = (EIGHTHS[min(8, max(0, height - row * 8))] for height in heights)
        lines.append("".join(cells).rjust(width))
    return lines
