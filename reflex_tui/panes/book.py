"""The rows that are loaded, in order, each decision joined with its call as that arrives."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from reflex_tui.panes.rows import CALL, DECISION, Call, Row, call_end, decision_row, other_row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from core.capsule import Record

KEEP = 20_000


@dataclass(frozen=True, slots=True)
class Added:
    """What a batch did: how many rows it brought, and the ordinals of rows it completed."""

    rows: int
    completed: tuple[int, ...] = ()
    calls: tuple[Call, ...] = ()


class Book:
    """Rows under lasting ordinals: those that come in front get lower ones, also below zero."""

    def __init__(self, keep: int = KEEP) -> None:
        self._keep = keep
        self._rows: list[Row] = []
        self._ordinals: dict[tuple[str, str], int] = {}
        self._orphans: dict[tuple[str, str], list[Call]] = {}
        self.first = 0

    def __len__(self) -> int:
        """How many rows are loaded."""
        return len(self._rows)

    @property
    def end(self) -> int:
        """The ordinal that the next row will have."""
        return self.first + len(self._rows)

    @property
    def oldest_seq(self) -> int | None:
        """The seq of the oldest row; None while there is none."""
        return self._rows[0].seq if self._rows else None

    def row(self, ordinal: int) -> Row:
        """The row with that ordinal; IndexError when it is not loaded."""
        if not self.first <= ordinal < self.end:
            raise IndexError(ordinal)
        return self._rows[ordinal - self.first]

    def clear(self) -> None:
        """Forget all: another capsule is watched now."""
        self._rows.clear()
        self._ordinals.clear()
        self._orphans.clear()
        self.first = 0

    def append(self, records: Iterable[Record]) -> Added:
        """Take newer records, oldest first."""
        before = self.end
        completed: set[int] = set()
        calls = []
        for record in records:
            if record.event_type == CALL:
                call = call_end(record)
                calls.append(call)
                if (ordinal := self._join(call)) is not None:
                    completed.add(ordinal)
                continue
            row = _row_of(record)
            if row.is_decision:
                self._ordinals[row.key] = self.end
            self._rows.append(row)
        added = self.end - before
        return Added(added, tuple(sorted(o for o in completed if o < before)), tuple(calls))

    def prepend(self, records: Sequence[Record]) -> int:
        """Take older records, oldest first; returns how many rows they made."""
        rows: list[Row] = []
        waiting: dict[tuple[str, str], list[Call]] = {}
        for record in reversed(records):
            if record.event_type == CALL:
                call = call_end(record)
                waiting.setdefault((call.call_id, call.backend), []).insert(0, call)
                continue
            row = _row_of(record)
            if row.is_decision:
                ends = waiting.pop(row.key, []) + self._orphans.pop(row.key, [])
                row = _with(row, ends)
            rows.append(row)
        for key, ends in waiting.items():
            self._orphans[key] = ends + self._orphans.get(key, [])
        rows.reverse()
        self._rows[:0] = rows
        self.first -= len(rows)
        for offset, row in enumerate(rows):
            if row.is_decision:
                self._ordinals.setdefault(row.key, self.first + offset)
        return len(rows)

    def trim(self) -> int:
        """Drop the oldest rows beyond what is kept; returns how many went."""
        surplus = len(self._rows) - self._keep
        if surplus <= self._keep // 10:
            return 0
        for row in self._rows[:surplus]:
            if row.is_decision and self._ordinals.get(row.key, self.end) < self.first + surplus:
                del self._ordinals[row.key]
        del self._rows[:surplus]
        self._orphans.clear()
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
        key = call.call_id, call.backend
        ordinal = self._ordinals.get(key)
        if ordinal is None:
            self._orphans.setdefault(key, []).append(call)
            return None
        self._rows[ordinal - self.first] = _with(self.row(ordinal), [call])
        return ordinal


def _row_of(record: Record) -> Row:
    return decision_row(record) if record.event_type == DECISION else other_row(record)


def _with(row: Row, ends: Sequence[Call]) -> Row:
    return replace(row, attempts=row.attempts + len(ends), last=ends[-1]) if ends else row
