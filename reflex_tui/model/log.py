"""Which rows the log shows, by position: older ones from the index, then the newest in memory.

``NewestRows`` holds the newest, each call with its attempts and fallbacks as they arrive.
``PageCache`` holds pages of older rows, fetched when they are looked at and forgotten when they
are not.
``LogListing`` puts both together under one filter.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from core.capsule.index import Head, OpenCalls
from reflex_tui.model.filters import LogFilter
from reflex_tui.model.rows import CallRow, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


PAGE = 128
_KEPT = 24

KEEP = 4000


class PageCache:
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
        """More rows are numbered: a page that was not full is fetched again."""
        for page in [page for page, rows in self._pages.items() if len(rows) < PAGE]:
            del self._pages[page]

    def _ask(self, page: int) -> None:
        if page not in self._asked:
            self._asked.add(page)
            self._want(page)


@dataclass(frozen=True, slots=True)
class Added:
    """What a batch did: how many rows it brought, and the ordinals of rows it completed."""

    rows: int
    completed: tuple[int, ...] = ()
    calls: tuple[CallRow, ...] = ()


class NewestRows:
    """Rows under lasting ordinals, which count from 0; the oldest beyond ``keep`` may go."""

    def __init__(self, keep: int = KEEP) -> None:
        self.keep = keep
        self._rows: list[Row] = []
        self._calls: OpenCalls[tuple[str, str]] = OpenCalls()
        self.first = 0
        # The seq from which on all rows are here.
        self.edge = 1

    def __len__(self) -> int:
        """How many rows are here."""
        return len(self._rows)

    @property
    def end(self) -> int:
        """The ordinal that the next row will have."""
        return self.first + len(self._rows)

    @property
    def is_full(self) -> bool:
        """Whether there are so many too many that a trim pays."""
        return len(self._rows) > self.keep + self.keep // 10

    def row(self, ordinal: int) -> Row:
        """The row with that ordinal; IndexError when it is not here."""
        if not self.first <= ordinal < self.end:
            raise IndexError(ordinal)
        return self._rows[ordinal - self.first]

    def ordinal_of(self, seq: int) -> int:
        """The ordinal of the first row with at least that ``seq``."""
        return self.first + bisect_left(self._rows, seq, key=lambda row: row.seq)

    def clear(self) -> None:
        """Forget all: another capsule is watched now."""
        self._rows.clear()
        self._calls = OpenCalls()
        self.first, self.edge = 0, 1

    def begin_at(self, edge: int) -> None:
        """Forget the rows before the event ``edge``, but not which calls were open there."""
        gone = self.ordinal_of(edge) - self.first
        del self._rows[:gone]
        self.first += gone
        self.edge = edge

    def append(self, entries: Iterable[Row | CallRow]) -> Added:
        """Take newer rows and ends of attempts, oldest first."""
        before = self.end
        completed: set[int] = set()
        calls = []
        for entry in entries:
            if isinstance(entry, CallRow):
                calls.append(entry)
                changed = self._join(entry)
            elif entry.is_decision:
                changed = self._decided(entry)
            else:
                changed = None
                self._rows.append(entry)
            if changed is not None:
                completed.add(changed)
        added = self.end - before
        return Added(added, tuple(sorted(o for o in completed if o < before)), tuple(calls))

    def trim(self, below: int | None = None) -> int:
        """Drop the oldest rows beyond what is kept, those with a ``seq`` under ``below`` alone.

        Returns how many went.
        """
        surplus = len(self._rows) - self.keep
        if below is not None:
            surplus = min(surplus, self.ordinal_of(below) - self.first)
        if surplus <= 0:
            return 0
        self.edge = self._rows[surplus - 1].seq + 1
        del self._rows[:surplus]
        self.first += surplus
        return surplus

    def matching(self, accepts: Callable[[Row], bool]) -> list[int]:
        """The ordinals of the rows that are accepted, ascending."""
        return [self.first + i for i, row in enumerate(self._rows) if accepts(row)]

    def latest_decisions(self, most: int) -> tuple[Row, ...]:
        """The newest calls, oldest first."""
        newest = (row for row in reversed(self._rows) if row.is_decision)
        return tuple(islice(newest, most))[::-1]

    def _decided(self, decision: Row) -> int | None:
        """Take a call's first decision as a row, a further one into its row: whose ordinal."""
        head = None
        if decision.call_id and decision.fallback:
            head = self._calls.of(decision.key, decision.seq)
        if head is None:
            if decision.call_id:
                self._calls.put(decision.key, Head(decision.seq))
            self._rows.append(decision)
            return None
        ordinal = self._ordinal(head)
        if ordinal is not None:
            at = ordinal - self.first
            self._rows[at] = self._rows[at].asked(decision)
        return ordinal

    def _join(self, call: CallRow) -> int | None:
        key = call.call_id, call.origin
        head = self._calls.of(key, call.seq)
        if head is None:
            return None
        if call.success:
            self._calls.answered(key)
        ordinal = self._ordinal(head)
        if ordinal is not None:
            at = ordinal - self.first
            self._rows[at] = self._rows[at].ended(call)
        return ordinal

    def _ordinal(self, head: Head) -> int | None:
        """Where the call's row is; None when only the index has it by now."""
        ordinal = self.ordinal_of(head.seq)
        here = ordinal < self.end and self.row(ordinal).seq == head.seq
        return ordinal if here else None


class Rows(Protocol):
    """Rows by position, 0 the oldest; what a log view draws from, whatever stores them."""

    def __len__(self) -> int:
        """How many there are."""

    def row(self, index: int) -> Row | None:
        """The row at ``index``; None while it is being fetched. Never blocks."""


class Matches:
    """The ordinals of the rows in memory that pass a filter, ascending, as rows come and change."""

    def __init__(self, newest: NewestRows, chosen: LogFilter) -> None:
        self._newest = newest
        self._all = chosen.is_empty
        self._accepts = chosen.accepts
        self._ordinals = [] if self._all else newest.matching(chosen.accepts)

    def __len__(self) -> int:
        """How many pass."""
        return len(self._newest) if self._all else len(self._ordinals)

    def row(self, at: int) -> Row:
        """The one at that place."""
        return self._newest.row(self._newest.first + at if self._all else self._ordinals[at])

    def before(self, seq: int) -> int:
        """How many of them lie before the event ``seq``."""
        ordinal = self._newest.ordinal_of(seq)
        return ordinal - self._newest.first if self._all else bisect_left(self._ordinals, ordinal)

    def appended(self, rows: int, completed: Iterable[int]) -> int:
        """Account for rows at the end and rows that changed; returns how many more pass."""
        if self._all:
            return rows
        before = len(self._ordinals)
        end = self._newest.end
        for ordinal in (*completed, *range(end - rows, end)):
            self._put(ordinal, self._accepts(self._newest.row(ordinal)))
        return len(self._ordinals) - before

    def trimmed(self) -> int:
        """Account for the oldest in memory having gone; returns how many of these went."""
        gone = bisect_left(self._ordinals, self._newest.first)
        del self._ordinals[:gone]
        return gone

    def _put(self, ordinal: int, passes: bool) -> None:  # noqa: FBT001  by the thousand
        at = bisect_left(self._ordinals, ordinal)
        here = at < len(self._ordinals) and self._ordinals[at] == ordinal
        if passes and not here:
            self._ordinals.insert(at, ordinal)
        elif here and not passes:  # it was failed, say, and then another backend was asked
            del self._ordinals[at]


class LogListing:
    """The rows that pass a filter: ``before`` of them older than those in memory, then those.

    ``before`` is None until it was counted: only those in memory are shown then.
    ``want`` is told which page of the older ones to fetch. While ``ordered`` is there, it is what
    is shown: rows as they were when they were sorted.
    """

    def __init__(self, newest: NewestRows, want: Callable[[int], object]) -> None:
        self._newest = newest
        self._pages = PageCache(want)
        self.filter = LogFilter()
        self._matched = Matches(newest, self.filter)
        self.before: int | None = None
        self.ordered: Sequence[Row] | None = None

    def __len__(self) -> int:
        """How many rows are shown."""
        return self.passing if self.ordered is None else len(self.ordered)

    @property
    def passing(self) -> int:
        """How many rows pass, sorted or not."""
        return (self.before or 0) + len(self._matched)

    def row(self, index: int) -> Row | None:
        """The row at that position."""
        if self.ordered is not None:
            return self.ordered[index]
        at = index - (self.before or 0)
        return self._pages.row(index) if at < 0 else self._matched.row(at)

    def index(self, seq: int) -> int:
        """The position of the first row in memory with at least that ``seq``."""
        return (self.before or 0) + self._matched.before(seq)

    def use(self, chosen: LogFilter) -> None:
        """Show what passes ``chosen``, by time; what is older has to be counted."""
        self.filter = chosen
        self.before = self.ordered = None
        self._pages.clear()
        self._matched = Matches(self._newest, chosen)

    def counted(self, before: int) -> int:
        """There are ``before`` older rows; returns how many more that is than was known."""
        more = before - (self.before or 0)
        self._pages.clear()
        self.before = before
        return 0 if self.ordered is not None else more

    def fetched(self, page: int, rows: Sequence[Row]) -> None:
        """A page of older rows came."""
        self._pages.came(page, rows, last=((self.before or 1) - 1) // PAGE)

    def appended(self, rows: int, completed: Iterable[int]) -> int:
        """Account for rows at the end and rows that changed; returns how many more pass."""
        return self._matched.appended(rows, completed)

    def trimmed(self, rows: int) -> int:
        """Account for the oldest in memory having gone; returns how many rows went from sight.

        Those that are counted only move from memory to the index.
        """
        gone = rows if self.filter.is_empty else self._matched.trimmed()
        if self.before is None:
            return gone if self.ordered is None else 0
        self.before += gone
        self._pages.grown()
        return 0
