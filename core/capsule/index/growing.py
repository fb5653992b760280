"""Adding to the index's tables what the log holds beyond them, some thousand lines at a time.

Every line's hash and link are checked on the way; nothing beyond a damaged line is indexed. A call
belongs to the newest decision before it with its call_id and backend, and fills in its row.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any, NamedTuple

from core.capsule.index.columns import (
    ABSENT,
    CALL,
    DECISION,
    PUT,
    Kind,
    Raw,
    columns_of,
    kind_of,
    parsed,
    parsed_whole,
    raw_kind,
)
from core.capsule.index.store import BLOCK_BITS, INDEXES, Places
from core.capsule.record import is_next, stamp_in
from core.capsule.segments import (
    Chain,
    RecordPlace,
    blocks_from,
    corrupt,
    segment_name,
    segment_numbers,
)
from core.errors import CapsuleCorrupt, CapsuleError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


# A call further from its decision than this, counted in events, is not looked for.
SPAN = 1 << 14

Key = tuple[int, str]


class Decisions:
    """The newest decisions, as many as calls may still belong to."""

    def __init__(self) -> None:
        self._seqs: dict[Key, int] = {}

    @classmethod
    def load(cls, db: sqlite3.Connection, kinds: Mapping[Kind, int], seq: int) -> Decisions:
        """Those that are indexed up to ``seq``."""
        backends = {n: kind.backend for kind, n in kinds.items() if kind.event_type == DECISION}
        found = cls()
        rows = db.execute(
            "SELECT seq, kind, call FROM events WHERE seq > ? AND attempts IS NOT NULL"
            " AND call IS NOT NULL ORDER BY seq",
            (seq - SPAN,),
        )
        for at, kind, call in rows:
            found.add(call, backends[kind], at)
        return found

    def add(self, call: int, backend: str, seq: int) -> None:
        """A decision at ``seq``, which is above all others."""
        self._seqs[call, backend] = seq
        if len(self._seqs) > 2 * SPAN:
            self._seqs = {key: at for key, at in self._seqs.items() if at >= seq - SPAN}

    def of(self, call: int, backend: str, seq: int) -> int | None:
        """The ``seq`` of the decision that the call at ``seq`` belongs to."""
        decided = self._seqs.get((call, backend))
        return decided if decided is not None and decided >= seq - SPAN else None


CHUNK = 4096
# The columns of an event, and those at the end that its calls fill in.
_WIDTH, _OF_CALLS = 18, 5
_NO_CALL = [ABSENT] * _OF_CALLS
_ATTEMPTS = _WIDTH - _OF_CALLS
_INSERT = f"INSERT INTO events VALUES ({','.join([PUT] * _WIDTH)})"  # noqa: S608  marks alone
_END = f"""
    UPDATE events SET attempts = attempts + 1, ended = ?,
        end_latency_ms = coalesce(end_latency_ms, 0) + {PUT},
        end_ttft_ms = {PUT}, end_tokens = {PUT} WHERE seq = ?"""  # noqa: S608  as above


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
        self._blocks: dict[tuple[int, int], list[int]] = {}

    def read(self) -> CapsuleCorrupt | None:
        """Take the lines that follow ``position``; the damage that ended it, if any."""
        position = self.position
        place = RecordPlace(position.segment, position.following)
        if not position.seq:
            place = RecordPlace(segment_numbers(self._directory)[0], 0)
        chain = Chain(position.seq, position.hash) if position.seq else Chain()
        try:
            for here, lines in blocks_from(self._directory, place):
                self._take_all(here, lines, chain)
                if len(self._rows) >= CHUNK:
                    break
        except CapsuleCorrupt as found:
            return found
        return None

    def _take_all(self, place: RecordPlace, lines: list[bytes], chain: Chain) -> None:
        segment, offset = place
        at = offset
        parse, take = parsed, self._take
        try:
            for line in lines:
                body = parse(line)
                digest = is_next(line, chain.hash)
                seq = (chain.seq or 0) + 1
                found = body.get("seq")
                if digest and found == seq and type(found) is int and type(body.get("time")) is str:
                    chain.seq, chain.hash = seq, digest
                else:  # says what is wrong with it
                    stamp = stamp_in(parsed_whole(line), line)
                    chain.join(stamp.seq, stamp.prev, stamp.hash)
                take(seq, segment, offset, body)
                at, offset = offset, offset + len(line)
        except ValueError as error:
            raise corrupt(self._directory, RecordPlace(segment, offset), str(error)) from error
        finally:
            if offset > at:
                self.position = Position(chain.seq or 0, chain.hash, segment, at, offset)

    def _take(self, seq: int, segment: int, offset: int, body: dict[str, Any]) -> None:
        raw = raw_kind(body)
        try:
            kind, number = self._known[raw]
        except (KeyError, TypeError):  # a list where a text should be, and the like
            kind, number = self._kind(raw)
        columns = columns_of(body, kind)
        row = [seq, number, *columns, segment, offset, *_NO_CALL]
        self._rows.append(row)
        call = columns[1]
        if kind.event_type == DECISION:
            row[_ATTEMPTS] = 0
            if isinstance(call, int):
                self._decisions.add(call, kind.backend, seq)
        elif kind.event_type == CALL and isinstance(call, int):
            self._end(seq, call, kind, (number, columns[2], columns[3], columns[7]))
        key = (seq >> BLOCK_BITS, number)
        block = self._blocks.get(key)
        if block is None:
            block = self._blocks[key] = [0, 0]
        block[0] += 1
        block[1] = max(block[1], columns[0])

    def _end(self, seq: int, call: int, kind: Kind, ended: tuple[Any, ...]) -> None:
        decided = self._decisions.of(call, kind.backend, seq)
        if decided is None:
            return
        if decided < self._first:
            self._later_ends.append((*ended, decided))
        else:
            row = self._rows[decided - self._first]
            number, latency_ms, *figures = ended
            if ABSENT not in {latency_ms, before := row[_ATTEMPTS + 2]}:
                latency_ms += before
            row[_ATTEMPTS:] = (row[_ATTEMPTS] + 1, number, latency_ms, *figures)

    def _kind(self, raw: Raw) -> tuple[Kind, int]:
        kind = kind_of(raw)
        found = kind, self.kinds.setdefault(kind, len(self.kinds))
        try:
            self._known[raw] = found
        except TypeError:  # as above
            return found
        return found

    def write(self, db: sqlite3.Connection, known: int) -> None:
        """Put them in; ``known`` kinds are there already."""
        fresh = [(number, *kind) for kind, number in self.kinds.items() if number >= known]
        db.executemany("INSERT INTO kinds VALUES (?,?,?,?,?,?,?,?,?,?,?)", fresh)
        db.executemany(_INSERT, self._rows)
        db.executemany(_END, self._later_ends)
        db.executemany(
            "INSERT INTO blocks VALUES (?,?,?,?) ON CONFLICT DO UPDATE SET"
            " events = events + excluded.events, latest_ms = max(latest_ms, excluded.latest_ms)",
            [(*key, *value) for key, value in self._blocks.items()],
        )
        db.execute(
            "UPDATE meta SET seq = ?, hash = ?, segment = ?, offset = ?, following = ?",
            self.position,
        )


_MUCH_BYTES = 16 << 20


class Growth:
    """How the tables of one directory's index grow."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.forget()

    def forget(self) -> None:
        """The tables may be others from now on."""
        self._decisions: tuple[int, Decisions] = (-1, Decisions())

    def check(self, db: sqlite3.Connection) -> None:
        """Raise DatabaseError when the log no longer holds what was indexed last."""
        position = position_of(db)
        if not position.seq:
            if sum(self.sizes().values()) > _MUCH_BYTES:
                for name in INDEXES:  # quicker made at the end, all at once
                    db.execute(f"DROP INDEX IF EXISTS {name}")
            return
        try:
            with Places(self._directory) as places:
                record = places.record(RecordPlace(position.segment, position.offset))
            held = (record.seq, record.hash) == (position.seq, position.hash)
        except (FileNotFoundError, CapsuleError):
            held = False
        if not held:
            raise sqlite3.DatabaseError("this index is of another log")

    def extend(
        self, db: sqlite3.Connection
    ) -> tuple[int, int, dict[Kind, int], CapsuleCorrupt | None]:
        """Index one chunk: how many records, up to which, all kinds, the damage that ended it."""
        db.execute("BEGIN IMMEDIATE")
        try:
            # Another process may have been at it since.
            position, kinds = position_of(db), kinds_of(db)
            known_to, decisions = self._decisions
            if known_to != position.seq:
                decisions = Decisions.load(db, kinds, position.seq)
            chunk = Chunk(self._directory, position, dict(kinds), decisions)
            damage = chunk.read()
            chunk.write(db, len(kinds))
            db.execute("COMMIT")
        except BaseException:
            self.forget()
            db.execute("ROLLBACK")
            raise
        seq = chunk.position.seq
        self._decisions = (seq, decisions)
        return seq - position.seq, seq, chunk.kinds, damage

    def sizes(self) -> dict[int, int]:
        """The segments' sizes in bytes."""
        sizes: dict[int, int] = {}
        for number in segment_numbers(self._directory):
            try:
                sizes[number] = (self._directory / segment_name(number)).lstat().st_size
            except OSError:
                sizes[number] = 0
        return sizes

    def share(self, db: sqlite3.Connection) -> float:
        """How much of the log's bytes is indexed, 0 to 1."""
        position, sizes = position_of(db), self.sizes()
        done = sum(size for number, size in sizes.items() if number < position.segment)
        return min((done + position.following) / (sum(sizes.values()) or 1), 1.0)


def complete(db: sqlite3.Connection) -> None:
    """Make the SQL indexes that a large log's first chunks did without."""
    for statement in INDEXES.values():
        db.execute(statement.replace("CREATE INDEX", "CREATE INDEX IF NOT EXISTS"))
