"""Some thousand lines on their way from the log into the index's tables, and what lies there."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic_core import from_json

from core.capsule.index.columns import (
    CALL,
    DECISION,
    Columns,
    Kind,
    Raw,
    columns_of,
    kind_of,
    raw_kind,
)
from core.capsule.index.store import BLOCK_BITS
from core.capsule.record import stamp_in
from core.capsule.segments import segment_numbers
from core.capsule.walk import Chain, Place, corrupt, lines_from
from core.errors import CapsuleCorrupt

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from core.capsule.index.joining import Decisions

CHUNK = 4096
# The columns of an event, and where those begin that its calls fill in.
_WIDTH, _ATTEMPTS = 18, 13


class Position(NamedTuple):
    """The last record that is indexed, and where the next line begins in its segment."""

    seq: int
    hash: str
    segment: int
    offset: int
    following: int


def position_of(db: sqlite3.Connection) -> Position:
    """Up to where the log is indexed."""
    found = db.execute("SELECT seq, hash, segment, offset, following FROM meta").fetchone()
    return Position(*found)


def kinds_of(db: sqlite3.Connection) -> dict[Kind, int]:
    """The kinds there are and their numbers, in that order from 0 on."""
    kinds: dict[Kind, int] = {}
    for number, *text, success, is_fallback in db.execute("SELECT * FROM kinds ORDER BY id"):
        succeeded = None if success is None else bool(success)
        kinds[Kind._make((*text, succeeded, bool(is_fallback)))] = number
    return kinds


class Chunk:
    """Some thousand lines on their way from the log into the tables."""

    def __init__(
        self, directory: Path, position: Position, kinds: dict[Kind, int], decisions: Decisions
    ) -> None:
        self.position = position
        self._directory = directory
        self.kinds = kinds
        self._decisions = decisions
        self._known: dict[Raw, tuple[Kind, int]] = {}
        self._rows: list[list[Any]] = []
        self._first = position.seq + 1
        # Calls whose decision lies in the tables already: ended and its figures, seq.
        self._later_ends: list[tuple[Any, ...]] = []
        self._blocks: dict[tuple[int, int], tuple[int, int]] = {}

    def read(self) -> CapsuleCorrupt | None:
        """Take the lines that follow ``position``; the damage that ended it, if any."""
        position = self.position
        place = Place(position.segment, position.following)
        if not position.seq:
            place = Place(segment_numbers(self._directory)[0], 0)
        chain = Chain(position.seq, position.hash) if position.seq else Chain()
        last: tuple[Place, bytes] | None = None
        damage: CapsuleCorrupt | None = None
        try:
            for here, line in islice(lines_from(self._directory, place), CHUNK):
                try:
                    body = from_json(line)
                    stamp = stamp_in(body, line)
                    chain.join(stamp.seq, stamp.prev, stamp.hash)
                except ValueError as error:
                    raise corrupt(self._directory, here, str(error)) from error
                self._take(stamp.seq, here, body)
                last = here, line
        except CapsuleCorrupt as found:
            damage = found
        if last and chain.seq:
            here, line = last
            self.position = Position(chain.seq, chain.hash, *here, here.offset + len(line))
        return damage

    def _take(self, seq: int, place: Place, body: dict[str, Any]) -> None:
        kind, number = self._kind(raw_kind(body))
        columns = columns_of(body, kind)
        self._rows.append([seq, number, *columns, *place, None, None, None, None, None])
        self._join(seq, kind, number, columns)
        key = (seq >> BLOCK_BITS, number)
        events, latest_ms = self._blocks.get(key, (0, 0))
        self._blocks[key] = (events + 1, max(latest_ms, columns[0]))

    def _join(self, seq: int, kind: Kind, number: int, columns: Columns) -> None:
        call = columns[1]
        if kind.event_type == DECISION:
            self._rows[-1][_ATTEMPTS] = 0
            if call is not None:
                self._decisions.add(call, kind.backend, seq)
            return
        if kind.event_type != CALL or call is None:
            return
        decided = self._decisions.of(call, kind.backend, seq)
        if decided is None:
            return
        ended = (number, columns[2], columns[3], columns[7])
        if decided < self._first:
            self._later_ends.append((*ended, decided))
        else:
            row = self._rows[decided - self._first]
            row[_ATTEMPTS:] = (row[_ATTEMPTS] + 1, *ended)

    def _kind(self, raw: Raw) -> tuple[Kind, int]:
        try:
            found = self._known.get(raw)
        except TypeError:  # a list where a text should be, and the like
            return self._number(kind_of(raw))
        if found is None:
            found = self._known[raw] = self._number(kind_of(raw))
        return found

    def _number(self, kind: Kind) -> tuple[Kind, int]:
        return kind, self.kinds.setdefault(kind, len(self.kinds))

    def write(self, db: sqlite3.Connection, known: int) -> None:
        """Put them in; ``known`` kinds are there already."""
        fresh = [(number, *kind) for kind, number in self.kinds.items() if number >= known]
        db.executemany("INSERT INTO kinds VALUES (?,?,?,?,?,?,?,?,?,?,?)", fresh)
        marks = ",".join("?" * _WIDTH)
        db.executemany(f"INSERT INTO events VALUES ({marks})", self._rows)  # noqa: S608  marks alone
        db.executemany(
            "UPDATE events SET attempts = attempts + 1, ended = ?, end_latency_ms = ?,"
            " end_ttft_ms = ?, end_tokens = ? WHERE seq = ?",
            self._later_ends,
        )
        db.executemany(
            "INSERT INTO blocks VALUES (?,?,?,?) ON CONFLICT DO UPDATE SET"
            " events = events + excluded.events, latest_ms = max(latest_ms, excluded.latest_ms)",
            [(*key, *value) for key, value in self._blocks.items()],
        )
        db.execute(
            "UPDATE meta SET seq = ?, hash = ?, segment = ?, offset = ?, following = ?",
            self.position,
        )
