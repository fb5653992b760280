"""Which rows the log shows, by position: all that are loaded, or those that pass a filter."""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import TYPE_CHECKING, Protocol

from reflex_tui.panes.filters import Filter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reflex_tui.panes.book import Book
    from reflex_tui.panes.rows import Row


class Rows(Protocol):
    """Rows by position, 0 the oldest; what a log view draws from, whatever stores them."""

    def __len__(self) -> int:
        """How many there are."""

    def row(self, index: int) -> Row | None:
        """The row at ``index``; None while it is being fetched. Never blocks."""


class Listing:
    """The rows of a book that pass a filter, kept up to date without going through all again."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self.filter = Filter()
        self._matched: list[int] = []

    def __len__(self) -> int:
        """How many rows pass."""
        return len(self._book) if self.filter.is_empty else len(self._matched)

    def row(self, index: int) -> Row | None:
        """The row at that position."""
        return self._book.row(self.ordinal(index))

    def ordinal(self, index: int) -> int:
        """The lasting number of the row at that position."""
        return self._book.first + index if self.filter.is_empty else self._matched[index]

    def index(self, ordinal: int) -> int:
        """The position of that row, or of the next one that passes."""
        if self.filter.is_empty:
            return ordinal - self._book.first
        return bisect_left(self._matched, ordinal)

    def use(self, chosen: Filter) -> None:
        """Show what passes ``chosen``."""
        self.filter = chosen
        self._matched = [] if chosen.is_empty else self._book.matching(chosen.accepts)

    def appended(self, rows: int, completed: Iterable[int]) -> int:
        """Account for rows at the end and rows whose call ended; returns how many more pass."""
        if self.filter.is_empty:
            return rows
        before = len(self._matched)
        end = self._book.end
        for ordinal in (*completed, *range(end - rows, end)):
            if self.filter.accepts(self._book.row(ordinal)) and not self._has(ordinal):
                insort(self._matched, ordinal)
        return len(self._matched) - before

    def prepended(self, rows: int) -> int:
        """Account for rows in front; returns how many of them pass."""
        if self.filter.is_empty:
            return rows
        first = self._book.first
        found = [o for o in range(first, first + rows) if self.filter.accepts(self._book.row(o))]
        self._matched[:0] = found
        return len(found)

    def trimmed(self, rows: int) -> int:
        """Account for the oldest rows having been dropped; returns how many of them passed."""
        if self.filter.is_empty:
            return rows
        gone = bisect_left(self._matched, self._book.first)
        del self._matched[:gone]
        return gone

    def _has(self, ordinal: int) -> bool:
        at = bisect_left(self._matched, ordinal)
        return at < len(self._matched) and self._matched[at] == ordinal
