"""Outlines as nested sequences of headings."""

from collections.abc import Iterable


def flatten(outline):
    """All headings of a nested outline, in reading order, as a list."""
    headings = []
    for part in outline:
        if isinstance(part, Iterable) and not isinstance(part, (str, bytes, dict)):
            headings.extend(flatten(part))
        else:
            headings.append(part)
    return headings


def numbered(outline):
    """The headings with numbers, one a line."""
    return "\n".join(f"{at}. {heading}" for at, heading in enumerate(flatten(outline), start=1))
