"""Questions to the index about a stretch of time: latency slice by slice, tokens, what was seen."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from core.capsule.index.store import BLOCK_BITS

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from datetime import datetime

    from core.capsule.index.columns import Kind

_NEVER = 1 << 52


@dataclass(frozen=True, slots=True)
class Stretch:
    """From ``since`` up to ``until``, in ``slices`` of equal length."""

    since: datetime
    until: datetime
    slices: int = 1

    @property
    def bounds_ms(self) -> tuple[int, int]:
        """Both ends in ms since 1970."""
        return round(self.since.timestamp() * 1000), round(self.until.timestamp() * 1000)

    def slice_bounds_ms(self) -> list[tuple[int, int]]:
        """Each slice's first ms and the first beyond it."""
        since, until = self.bounds_ms
        starts = [
            since - (-number * (until - since) // self.slices) for number in range(self.slices + 1)
        ]
        return list(pairwise(starts))


@dataclass(frozen=True, slots=True)
class Slice:
    """A mode's calls that ended in one slice, ``number`` from 0; ``failed`` had no answer.

    Percentiles are nearest rank in ms, of those that were answered; None without any.
    """

    number: int
    answered: int
    failed: int
    p50: float | None = None
    p95: float | None = None
    ttft_p50: float | None = None
    ttft_p95: float | None = None


@dataclass(frozen=True, slots=True)
class Tokens:
    """What one backend answered: how many attempts, for how many the server counted tokens."""

    mode: str
    backend: str
    answered: int
    counted: int
    prompt: int
    completion: int


@dataclass(frozen=True, slots=True)
class Totals:
    """A stretch's calls, ``quick`` of them answered in time with all their attempts, and tokens."""

    calls: int
    quick: int
    backends: tuple[Tokens, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """How many events of a kind lie in one slice, ``number`` from 0."""

    number: int
    kind: Kind
    events: int


def seen_in(
    db: sqlite3.Connection,
    kinds: dict[Kind, int],
    stretch: Stretch,
    wanted: Callable[[Kind], bool],
) -> list[Seen]:
    """How many events of each wanted kind lie in each slice."""
    ours = numbers_of(kinds, wanted)
    sql = f"SELECT slice, kind, count(*) FROM ({sliced('kind', ours)}) GROUP BY slice, kind"  # noqa: S608
    known = list(kinds)
    found = db.execute(sql, asked_of(db, stretch))
    return [Seen(number, known[kind], events) for number, kind, events in found]


def numbers_of(kinds: dict[Kind, int], wanted: Callable[[Kind], bool]) -> str:
    """The wanted kinds' numbers as an SQL list's inside."""
    return ",".join(str(number) for kind, number in kinds.items() if wanted(kind))


def sliced(columns: str, kinds: str) -> str:
    """SQL for ``slice`` and columns of a stretch's events of these kinds, as ``asked_of`` asks."""
    return f"""
        SELECT (time_ms - :since) * :slices / (:until - :since) AS slice, {columns} FROM events
        WHERE seq >= :first AND time_ms >= :since AND time_ms < :until
            AND kind IN ({kinds})"""  # noqa: S608  names and numbers of ours


def asked_of(
    db: sqlite3.Connection, stretch: Stretch, from_ms: int | None = None
) -> dict[str, Any]:
    """The stretch as the values of ``sliced``; before ``first`` nothing lies at ``from_ms`` on."""
    since_ms, until_ms = stretch.bounds_ms
    first = first_at(db, since_ms if from_ms is None else from_ms)
    return {"since": since_ms, "until": until_ms, "slices": stretch.slices, "first": first}


def first_at(db: sqlite3.Connection, time_ms: int) -> int:
    """A ``seq`` before which no event lies at that time or later; beyond all when none does."""
    (block,) = db.execute(
        "SELECT min(block) FROM blocks WHERE latest_ms >= ?", (time_ms,)
    ).fetchone()
    return _NEVER if block is None else block << BLOCK_BITS
