"""Lines of styled text in columns; widths are terminal cells, and nothing is read as markup."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.style import Style

MUTED = "$muted"
TITLE = "bold $muted"
# Headings and labels take this many cells, so that what follows them is in one column.
LABEL = 10


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
