"""Questions to the index: how many events match, a page of them, percentiles of a window.

``EventFilter`` is about single events, and names what they must be; ``listing`` has the other kind.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Protocol

from core.capsule.index.columns import Kind, call_hash
from core.capsule.index.folding import SPAN
from core.capsule.index.store import BLOCK_BITS
from core.figures import nearest_rank

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable, Sequence


_MATCHED = ("event_type", "mode", "reason", "backend", "model", "error")


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events are wanted; a field that is None or empty wants all.

    ``text`` is looked for, whatever its case, in type, mode, reason, backend, model, error and
    note; or it is a whole call_id. ``min_latency_ms`` is the least latency, ``since`` the earliest.
    """

    event_type: str | None = None
    mode: str | None = None
    reason: str | None = None
    text: str = ""
    min_latency_ms: float | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class IndexRow:
    """An event as a table shows it; ``number`` counts from 0 within the filter and never changes.

    ``note`` is the decision's detail or the call's error message. Latencies are in ms; the line
    itself lies at ``offset`` of ``segment``.
    """

    number: int
    seq: int
    time: datetime
    kind: Kind
    latency_ms: float | None
    ttft_ms: float | None
    note: str
    segment: int
    offset: int


@dataclass(frozen=True, slots=True)
class Latency:
    """Percentiles (nearest rank, ms) of the calls that were answered; None without any."""

    calls: int
    p50: float | None
    p95: float | None
    ttft_p50: float | None
    ttft_p95: float | None


class FilterSql(Protocol):
    """A filter as SQL over ``events``: ``kinds`` are all that can match, as an SQL list.

    ``by_ends`` says that an event may come to match after it was indexed, as its call ends.
    """

    kinds: str
    sql: str
    values: list[Any]
    by_kind_alone: bool
    by_ends: bool

    @property
    def since_ms(self) -> int | None:
        """The earliest time that can match."""


class SqlCondition:
    """A filter as SQL over ``events``, and the kinds that can match it at all."""

    by_ends = False

    def __init__(self, wanted: EventFilter, kinds: dict[Kind, int]) -> None:
        fixed = {
            name: value
            for name in ("event_type", "mode", "reason")
            if (value := getattr(wanted, name))
        }
        possible = {
            number: kind
            for kind, number in kinds.items()
            if all(getattr(kind, name) == value for name, value in fixed.items())
        }
        named = set(possible)
        terms: list[str] = []
        self.values: list[Any] = []
        if wanted.text:
            text = wanted.text.casefold()
            named = {
                number
                for number, kind in possible.items()
                if any(text in getattr(kind, name).casefold() for name in _MATCHED)
            }
            if named != set(possible):
                terms.append(f"(kind IN ({listed(named)}) OR call = ? OR note LIKE ? ESCAPE '\\')")
                self.values += [call_hash(wanted.text), like(wanted.text)]
        if wanted.min_latency_ms is not None:
            terms.append("latency_ms >= ?")
            self.values.append(wanted.min_latency_ms)
        self.since_ms = round(wanted.since.timestamp() * 1000) if wanted.since else None
        if self.since_ms is not None:
            terms.append("time_ms >= ?")
            self.values.append(self.since_ms)
        self.kinds = listed(possible)
        self.by_kind_alone = not terms
        self.sql = " AND ".join((f"kind IN ({self.kinds})", *terms))


def listed(numbers: Iterable[int]) -> str:
    """The numbers as an SQL list's inside."""
    return ",".join(map(str, sorted(numbers)))


def like(text: str) -> str:
    """A pattern for what contains ``text``, with a backslash to escape."""
    for special in "\\%_":
        text = text.replace(special, "\\" + special)
    return f"%{text}%"


class BlockCounts:
    """How many events of a filter lie in each block of consecutive ``seq``; grows with the log."""

    def __init__(self) -> None:
        self._blocks: list[int] = []
        self._sums: list[int] = []
        self._known_to = 0

    def extend(self, db: sqlite3.Connection, condition: FilterSql, seq: int) -> None:
        """Count what was indexed since, up to ``seq``, and again what may have changed."""
        unsettled = SPAN if condition.by_ends else 0
        first = max(self._known_to - unsettled, 0) >> BLOCK_BITS
        while self._blocks and self._blocks[-1] >= first:
            self._blocks.pop()
            self._sums.pop()
        before = self._sums[-1] if self._sums else 0
        rows = db.execute(*_counting(condition, max(first, self._first_block(db, condition))))
        fresh = rows.fetchall()
        self._blocks += [block for block, _ in fresh]
        self._sums += list(accumulate((count for _, count in fresh), initial=before))[1:]
        self._known_to = seq

    @staticmethod
    def _first_block(db: sqlite3.Connection, condition: FilterSql) -> int:
        if condition.since_ms is None:
            return 0
        (first,) = db.execute(
            "SELECT min(block) FROM blocks WHERE latest_ms >= ?", (condition.since_ms,)
        ).fetchone()
        return first if first is not None else 1 << 52

    @property
    def total(self) -> int:
        """How many match in all."""
        return self._sums[-1] if self._sums else 0

    def before(self, db: sqlite3.Connection, condition: FilterSql, seq: int) -> int:
        """How many match with a lower ``seq``."""
        block = seq >> BLOCK_BITS
        place = bisect_left(self._blocks, block)
        sql = f"SELECT count(*) FROM events WHERE {condition.sql} AND seq >= ? AND seq < ?"  # noqa: S608
        (rest,) = db.execute(sql, (*condition.values, block << BLOCK_BITS, seq)).fetchone()
        return int(rest) + (self._sums[place - 1] if place else 0)

    def ranges(self, offset: int, limit: int) -> list[tuple[tuple[int, int], int, int]]:
        """``((first seq, seq beyond), skipped, taken)`` for each block with part of the page."""
        found: list[tuple[tuple[int, int], int, int]] = []
        place = bisect_right(self._sums, offset)
        while limit > 0 and place < len(self._sums):
            before = self._sums[place - 1] if place else 0
            skipped = offset - before
            taken = min(limit, self._sums[place] - offset)
            block = self._blocks[place]
            found.append(((block << BLOCK_BITS, (block + 1) << BLOCK_BITS), skipped, taken))
            offset, limit, place = offset + taken, limit - taken, place + 1
        return found


def _counting(condition: FilterSql, first: int) -> tuple[str, Sequence[Any]]:
    if condition.by_kind_alone:
        sql = f"""
            SELECT block, sum(events) FROM blocks
            WHERE kind IN ({condition.kinds}) AND block >= ?
            GROUP BY block ORDER BY block"""  # noqa: S608  numbers of ours
        return sql, (first,)
    sql = f"""
        SELECT seq >> {BLOCK_BITS} AS block, count(*) FROM events
        WHERE {condition.sql} AND seq >= ?
        GROUP BY block ORDER BY block"""  # noqa: S608  no text of anybody's
    return sql, (*condition.values, first << BLOCK_BITS)


def rows_of(
    db: sqlite3.Connection,
    condition: SqlCondition,
    counts: BlockCounts,
    kinds: Sequence[Kind],
    *,
    offset: int,
    limit: int,
) -> list[IndexRow]:
    """The page of a filter; ``kinds`` by their number."""
    sql = f"""
        SELECT seq, kind, time_ms, latency_ms, ttft_ms, note, segment, offset FROM events
        WHERE {condition.sql} AND seq >= ? AND seq < ?
        ORDER BY seq LIMIT ? OFFSET ?"""  # noqa: S608
    rows: list[IndexRow] = []
    for bounds, skipped, taken in counts.ranges(offset, limit):
        for found in db.execute(sql, (*condition.values, *bounds, taken, skipped)):
            seq, kind, time_ms, latency_ms, ttft_ms, note, segment, place = found
            rows.append(
                IndexRow(
                    number=offset + len(rows),
                    seq=seq,
                    time=datetime.fromtimestamp(time_ms / 1000, UTC),
                    kind=kinds[kind],
                    latency_ms=latency_ms,
                    ttft_ms=ttft_ms,
                    note=note or "",
                    segment=segment,
                    offset=place,
                )
            )
    return rows


def latency_of(
    db: sqlite3.Connection,
    kinds: dict[Kind, int],
    mode: str,
    origins: Collection[str],
    since_ms: int,
) -> Latency:
    """Percentiles over the answered calls of a mode since a time."""
    wanted = listed(
        number
        for kind, number in kinds.items()
        if kind.success and kind.mode == mode and kind.origin in origins
    )
    sql = f"""
        SELECT latency_ms, ttft_ms FROM events
        WHERE answered AND kind IN ({wanted}) AND time_ms >= ?"""  # noqa: S608
    found = db.execute(sql, (since_ms,)).fetchall()
    total = sorted(latency for latency, _ in found if latency is not None)
    ttft = sorted(first for _, first in found if first is not None)
    return Latency(
        len(found),
        *(nearest_rank(each, q, ordered=True) for each in (total, ttft) for q in (50, 95)),
    )


def seq_at(db: sqlite3.Connection, time_ms: int) -> int | None:
    """The first event at that time or later; None when all are earlier."""
    (block,) = db.execute(
        "SELECT min(block) FROM blocks WHERE latest_ms >= ?", (time_ms,)
    ).fetchone()
    if block is None:
        return None
    (seq,) = db.execute(
        "SELECT min(seq) FROM events WHERE time_ms >= ? AND seq >= ? AND seq < ?",
        (time_ms, block << BLOCK_BITS, (block + 1) << BLOCK_BITS),
    ).fetchone()
    return int(seq)
