"""Which rows the log shows, by position: older ones from the index, then the newest in memory."""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import TYPE_CHECKING, Protocol

from reflex_tui.panes.filters import Filter
from reflex_tui.panes.stock import PAGE, Stock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from reflex_tui.panes.book import Book
    from reflex_tui.panes.rows import Row


class Rows(Protocol):
    """Rows by position, 0 the oldest; what a log view draws from, whatever stores them."""

    def __len__(self) -> int:
        """How many there are."""

    def row(self, index: int) -> Row | None:
        """The row at ``index``; None while it is being fetched. Never blocks."""


class Listing:
    """The rows that pass a filter: ``before`` of them older than the book, then the book's.

    ``before`` is None until it was counted: only the book's rows are shown then.
    ``want`` is told which page of the older ones to fetch.
    """

    def __init__(self, book: Book, want: Callable[[int], object]) -> None:
        self._book = book
        self._stock = Stock(want)
        self._matched: list[int] = []
        self.filter = Filter()
        self.before: int | None = None

    def __len__(self) -> int:
        """How many rows pass."""
        return (self.before or 0) + self._here

    @property
    def _here(self) -> int:
        return len(self._book) if self.filter.is_empty else len(self._matched)

    def row(self, index: int) -> Row | None:
        """The row at that position."""
        at = index - (self.before or 0)
        if at < 0:
            return self._stock.row(index)
        return self._book.row(self._book.first + at if self.filter.is_empty else self._matched[at])

    def index(self, seq: int) -> int:
        """The position of the first row in memory with at least that ``seq``."""
        ordinal = self._book.ordinal_of(seq)
        if self.filter.is_empty:
            at = ordinal - self._book.first
        else:
            at = bisect_left(self._matched, ordinal)
        return (self.before or 0) + at

    def use(self, chosen: Filter) -> None:
        """Show what passes ``chosen``; what is older has to be counted."""
        self.filter = chosen
        self.before = None
        self._stock.clear()
        self._matched = [] if chosen.is_empty else self._book.matching(chosen.accepts)

    def counted(self, before: int) -> int:
        """There are ``before`` older rows; returns how many more that is than was known."""
        more = before - (self.before or 0)
        self._stock.clear()
        self.before = before
        return more

    def fetched(self, page: int, rows: Sequence[Row]) -> None:
        """A page of older rows came."""
        self._stock.came(page, rows, last=((self.before or 1) - 1) // PAGE)

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

    def trimmed(self, rows: int) -> int:
        """Account for the book's oldest having gone; returns how many rows went from sight.

        Those that are counted only move from memory to the index.
        """
        gone = rows
        if not self.filter.is_empty:
            gone = bisect_left(self._matched, self._book.first)
            del self._matched[:gone]
        if self.before is None:
            return gone
        self.before += gone
        self._stock.grown()
        return 0

    def _has(self, ordinal: int) -> bool:
        at = bisect_left(self._matched, ordinal)
        return at < len(self._matched) and self._matched[at] == ordinal
