"""A menu with prices for groups."""

from collections.abc import Iterable, Iterator


def per_head(bills: Iterable[tuple[int, int]]) -> Iterator[int]:
    """Cents a head for each bill of (cents, heads), rounded up; a bill without heads is skipped."""
    for cents, heads in bills:
        if heads > 0:
            yield cents // heads + 1


def summary(bills: Iterable[tuple[int, int]]) -> tuple[int, int]:
    """The least and the most a head; (0, 0) for no bills."""
    found = list(per_head(bills))
    return (min(found), max(found)) if found else (0, 0)
