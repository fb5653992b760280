"""Questions to the index about a stretch of time: its events by kind, its calls and tokens.

A dashboard asks every second about a whole day. So a day's totals are kept, and only what was
indexed since is added.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.capsule.index.columns import CALL
from core.capsule.index.folding import SPAN
from core.capsule.index.store import BLOCK_BITS

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection
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
class IndexedAttempt:
    """An attempt's end: when (ms since 1970), its kind and call (a hash of the call_id), in ms."""

    seq: int
    time_ms: int
    kind: Kind
    call: int | None
    latency_ms: float | None
    ttft_ms: float | None
    tokens: int | None


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


def attempts_in(
    db: sqlite3.Connection,
    kinds: dict[Kind, int],
    *,
    since_ms: int,
    before: int,
    most: int,
    origins: Collection[str],
) -> list[IndexedAttempt]:
    """The newest ``most`` attempts that ended since a time with a ``seq`` under ``before``."""
    ours = numbers_of(kinds, lambda kind: kind.event_type == CALL and kind.origin in origins)
    known = list(kinds)
    found = db.execute(
        f"""SELECT seq, time_ms, kind, call, latency_ms, ttft_ms, completion_tokens FROM events
        WHERE seq >= ? AND seq < ? AND time_ms >= ? AND kind IN ({ours})
        ORDER BY seq DESC LIMIT ?""",  # noqa: S608  numbers of ours
        (first_at(db, since_ms), before, since_ms, most),
    ).fetchall()
    return [IndexedAttempt(row[0], row[1], known[row[2]], *row[3:]) for row in reversed(found)]


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


_TALLIES = 2


class KeptTotals:
    """The totals of one index as last asked for; ``seq`` is how far it goes now."""

    def __init__(self) -> None:
        self._tallies: dict[object, Tally] = {}

    def totals(
        self,
        db: sqlite3.Connection,
        kinds: dict[Kind, int],
        stretch: Stretch,
        *,
        quick_ms: float,
        origins: Collection[str],
        seq: int,
    ) -> Totals:
        """The stretch's calls, each with all its attempts, and each backend's tokens."""
        since_ms, until_ms = stretch.bounds_ms
        (latest_ms,) = db.execute("SELECT max(latest_ms) FROM blocks").fetchone()
        key = since_ms, quick_ms, frozenset(origins)
        to_now = latest_ms is None or latest_ms < until_ms
        # Out of the memory while it is added to: what is broken off there is not kept.
        tally = self._tallies.pop(key, None) if to_now else None
        tally = tally or Tally(since_ms, quick_ms, frozenset(origins))
        tally.extend(db, kinds, until_ms, seq)
        if to_now:
            self._tallies[key] = tally
            if len(self._tallies) > _TALLIES:
                self._tallies.pop(next(iter(self._tallies)))
        return tally.totals(kinds)


# A call that further attempts may still belong to: whether it was answered, the ms it waited (None:
# not known), its last event. A bare tuple, as there are thousands that a collection need not visit.
_Open = tuple[bool, float | None, int]


class Tally:
    """The calls from ``since_ms`` on, each with all its attempts, and each backend's tokens.

    An attempt further than ``SPAN`` events from the one before it counts as another call.
    """

    def __init__(self, since_ms: int, quick_ms: float, origins: Collection[str]) -> None:
        self._since_ms = since_ms
        self._quick_ms = quick_ms
        self._origins = origins
        self._known_to = 0
        self._calls = 0
        self._quick = 0
        self._open: dict[int | None, _Open] = {}
        self._tokens: dict[int, list[int]] = {}

    def extend(
        self, db: sqlite3.Connection, kinds: dict[Kind, int], until_ms: int, seq: int
    ) -> None:
        """Add what was indexed since, up to ``seq``."""
        if seq <= self._known_to:
            return
        ours = numbers_of(
            kinds, lambda kind: kind.event_type == CALL and kind.origin in self._origins
        )
        asked = {
            "first": max(self._known_to + 1, first_at(db, self._since_ms)),
            "since": self._since_ms,
            "until": until_ms,
            # What is open from before must not be closed before it is put together.
            "settled": self._known_to or seq - SPAN,
            "quick": self._quick_ms,
        }
        rows = f"""FROM events WHERE seq >= :first AND time_ms >= :since AND time_ms < :until
            AND kind IN ({ours})"""
        self._add_calls(db, rows, asked)
        self._add_tokens(db, rows, asked)
        self._known_to = seq
        self._settle(seq - SPAN)

    def _add_calls(self, db: sqlite3.Connection, rows: str, asked: dict[str, Any]) -> None:
        found = db.execute(
            f"""
            SELECT closed, one, count(*), count(*) FILTER (WHERE answered AND waited < :quick),
                max(answered), sum(waited), max(last)
            FROM (SELECT *, call IS NOT NULL AND last <= :settled AS closed,
                    CASE WHEN last > :settled THEN call END AS one
                FROM (SELECT call, max(answered) AS answered, sum(latency_ms) AS waited,
                    max(seq) AS last {rows} GROUP BY call))
            GROUP BY closed, one""",  # noqa: S608  numbers of ours
            asked,
        )
        for closed, call, calls, quick, answered, waited_ms, last in found:
            if closed:
                self._calls += calls
                self._quick += quick
                continue
            found_open = bool(answered), waited_ms, last
            before = self._open.get(call)
            self._open[call] = _joined(before, found_open) if before else found_open

    def _add_tokens(self, db: sqlite3.Connection, rows: str, asked: dict[str, Any]) -> None:
        found = db.execute(
            f"""
            SELECT kind, count(*), count(coalesce(prompt_tokens, completion_tokens)),
                sum(prompt_tokens), sum(completion_tokens) {rows} AND answered
            GROUP BY kind""",
            asked,
        )
        for kind, *figures in found:
            before = self._tokens.get(kind, [0] * 4)
            added = zip(before, figures, strict=True)
            self._tokens[kind] = [each + (more or 0) for each, more in added]

    def _settle(self, before: int) -> None:
        closed = [call for call, of in self._open.items() if call is not None and of[2] <= before]
        self._calls += len(closed)
        self._quick += sum(_is_quick(self._open.pop(call), self._quick_ms) for call in closed)

    def totals(self, kinds: dict[Kind, int]) -> Totals:
        """What was added up so far."""
        known = list(kinds)
        summed: dict[tuple[str, str], list[int]] = {}
        for number, figures in sorted(self._tokens.items()):
            of = summed.setdefault((known[number].mode, known[number].backend), [0] * 4)
            of[:] = [before + more for before, more in zip(of, figures, strict=True)]
        return Totals(
            self._calls + len(self._open),
            self._quick + sum(_is_quick(of, self._quick_ms) for of in self._open.values()),
            tuple(Tokens(*key, *value) for key, value in summed.items()),
        )


def _joined(before: _Open, after: _Open) -> _Open:
    known = [waited_ms for _, waited_ms, _ in (before, after) if waited_ms is not None]
    return before[0] or after[0], sum(known) if known else None, max(before[2], after[2])


def _is_quick(call: _Open, most_ms: float) -> bool:
    answered, waited_ms, _ = call
    return answered and waited_ms is not None and waited_ms < most_ms
