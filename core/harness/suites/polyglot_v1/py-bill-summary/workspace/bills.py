"""A menu with prices for groups."""

from collections.abc import Iterable, Iterator


def per_head(bills: Iterable[tuple[int, int]]) -> Iterator[int]:
    """Cents a head for each bill of (cents, heads), rounded up; a bill without heads is skipped."""
    for cents, heads in bills:
        yield round(cents / heads)


def summary(bills: Iterable[tuple[int, int]]) -> tuple[int, int]:
    """The least and the most a head; (0, 0) for no bills."""
    found = per_head(bills)
    return min(found, default=0), max(found, default=0)
