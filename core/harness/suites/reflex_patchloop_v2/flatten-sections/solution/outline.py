"""Outlines as nested sequences of headings."""

from collections.abc import Iterable

WHOLE = (str, bytes, dict)


def flatten(outline):
    """All headings of a nested outline, in reading order, as a list."""
    headings = []
    open_parts = [iter(outline)]
    while open_parts:
        for part in open_parts[-1]:
            if isinstance(part, Iterable) and not isinstance(part, WHOLE):
                open_parts.append(iter(part))
                break
            headings.append(part)
        else:
            open_parts.pop()
    return headings


def numbered(outline):
    """The headings with numbers, one a line."""
    return "\n".join(f"{at}. {heading}" for at, heading in enumerate(flatten(outline), start=1))
