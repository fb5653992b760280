"""The newest rows, in memory and in order, each decision joined with its call as that arrives."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from reflex_tui.panes.rows import Call, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

KEEP = 4000


@dataclass(frozen=True, slots=True)
class Added:
    """What a batch did: how many rows it brought, and the ordinals of rows it completed."""

    rows: int
    completed: tuple[int, ...] = ()
    calls: tuple[Call, ...] = ()


class Book:
    """Rows under lasting ordinals, which count from 0; the oldest beyond ``keep`` may go."""

    def __init__(self, keep: int = KEEP) -> None:
        self.keep = keep
        self._rows: list[Row] = []
        self._ordinals: dict[tuple[str, str], int] = {}
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
        """Whether there are enough too many for a trim to be worth it."""
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
        self._ordinals.clear()
        self.first, self.edge = 0, 1

    def append(self, entries: Iterable[Row | Call]) -> Added:
        """Take newer rows and ends of attempts, oldest first."""
        before = self.end
        completed: set[int] = set()
        calls = []
        for entry in entries:
            if isinstance(entry, Call):
                calls.append(entry)
                if (ordinal := self._join(entry)) is not None:
                    completed.add(ordinal)
                continue
            if entry.is_decision:
                self._ordinals[entry.key] = self.end
            self._rows.append(entry)
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
        for row in self._rows[:surplus]:
            if row.is_decision and self._ordinals.get(row.key, self.end) < self.first + surplus:
                del self._ordinals[row.key]
        self.edge = self._rows[surplus - 1].seq + 1
        del self._rows[:surplus]
        self.first += surplus
        return surplus

    def matching(self, accepts: Callable[[Row], bool]) -> list[int]:
        """The ordinals of the rows that are accepted, ascending."""
        return [self.first + i for i, row in enumerate(self._rows) if accepts(row)]

    def latest_decisions(self, most: int) -> tuple[Row, ...]:
        """The newest decisions, oldest first."""
        newest = (row for row in reversed(self._rows) if row.is_decision)
        return tuple(islice(newest, most))[::-1]

    def _join(self, call: Call) -> int | None:
        ordinal = self._ordinals.get((call.call_id, call.backend))
        if ordinal is None:
            return None
        row = self.row(ordinal)
        self._rows[ordinal - self.first] = replace(row, attempts=row.attempts + 1, last=call)
        return ordinal
