"""Pages of older rows, fetched when they are looked at and forgotten when they are not."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reflex_tui.panes.rows import Row

PAGE = 128
_KEPT = 24


class Stock:
    """Rows by their number within a filter; ``want`` is told which page to fetch."""

    def __init__(self, want: Callable[[int], object]) -> None:
        self._want = want
        self._pages: OrderedDict[int, Sequence[Row]] = OrderedDict()
        self._asked: set[int] = set()
        self._looked_at = 0

    def clear(self) -> None:
        """Forget all: the numbers mean other rows now."""
        self._pages.clear()
        self._asked.clear()

    def row(self, number: int) -> Row | None:
        """The row of that number; None while its page is being fetched."""
        page, at = divmod(number, PAGE)
        self._looked_at = page
        rows = self._pages.get(page)
        if rows is None:
            self._ask(page)
            return None
        self._pages.move_to_end(page)
        return rows[at] if at < len(rows) else None

    def came(self, page: int, rows: Sequence[Row], *, last: int) -> None:
        """A page came; those beside it (up to page ``last``) are likely wanted next."""
        self._asked.discard(page)
        self._pages[page] = rows
        while len(self._pages) > _KEPT:
            self._pages.popitem(last=False)
        if page == self._looked_at:
            for beside in (page + 1, page - 1):
                if 0 <= beside <= last and beside not in self._pages:
                    self._ask(beside)

    def grown(self) -> None:
        """More rows are numbered: a page that was not full is to be fetched anew."""
        for page in [page for page, rows in self._pages.items() if len(rows) < PAGE]:
            del self._pages[page]

    def _ask(self, page: int) -> None:
        if page not in self._asked:
            self._asked.add(page)
            self._want(page)
