"""Adding to the index's tables what the log holds beyond them, some thousand lines at a time.

Every line's hash and link are checked on the way; nothing beyond a damaged line is indexed. What
follows a call's first decision (its attempts' ends, its fallbacks) fills in that one's row.
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
from core.capsule.index.folding import SPAN, Head, OpenCalls, continues
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


Key = tuple[int, str]
# Kinds of one call's events that are told apart; a call of more still counts its attempts.
_MOST_KINDS = 16
_NO_COURSE = -1


def open_calls(db: sqlite3.Connection, kinds: Mapping[Kind, int], seq: int) -> OpenCalls[Key]:
    """The calls that are open after what is indexed, up to ``seq``."""
    known = list(kinds)
    found: OpenCalls[Key] = OpenCalls()
    rows = db.execute(
        "SELECT seq, kind, call, ended, course FROM events WHERE seq > ?"
        " AND attempts IS NOT NULL AND call IS NOT NULL ORDER BY seq",
        (seq - SPAN,),
    )
    for at, kind, call, ended, course in rows:
        key = call, known[kind].origin
        if ended is not None and known[ended].success:
            found.answered(key)
        else:
            found.put(key, Head(at, course))
    return found


CHUNK = 4096
# The columns of an event, and those at the end that its calls fill in.
_WIDTH, _OF_CALLS = 20, 6
_NO_CALL = [ABSENT] * _OF_CALLS
_NOTE, _COURSE = 7, _WIDTH - _OF_CALLS
_ATTEMPTS = _COURSE + 1
_LONGEST_NOTE = 1000
_INSERT = f"INSERT INTO events VALUES ({','.join([PUT] * _WIDTH)})"  # noqa: S608  marks alone
_END = f"""
    UPDATE events SET course = ?1, attempts = attempts + 1, ended = ?2,
        end_latency_ms = coalesce(end_latency_ms + nullif(?3, {ABSENT}), end_latency_ms,
            nullif(?3, {ABSENT})),
        end_ttft_ms = nullif(?4, {ABSENT}), end_tokens = nullif(?5, {ABSENT})
        WHERE seq = ?6"""  # noqa: S608  as above
_GO_ON = """
    UPDATE events SET course = ?, ended = NULL, end_ttft_ms = NULL, end_tokens = NULL,
        note = nullif(substr(trim(coalesce(note, '') || ' ' || ?), 1, 1000), '')
        WHERE seq = ?"""


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
    rows = db.execute("SELECT * FROM kinds ORDER BY id")
    for number, *text, success, falls_back, follows in rows:
        succeeded = None if success is None else bool(success)
        kinds[Kind._make((*text, succeeded, bool(falls_back), bool(follows)))] = number
    return kinds


# Which kinds of events a call had, in the order they came first, and the numbers of such courses.
Courses = dict[tuple[int, ...], int]


def courses_of(db: sqlite3.Connection) -> Courses:
    """The courses there are, in the order of their numbers from 0 on."""
    found = db.execute("SELECT kinds FROM courses ORDER BY id")
    return {tuple(map(int, text.split())): number for number, (text,) in enumerate(found)}


class Known(NamedTuple):
    """What has a number, and what further events may belong to."""

    kinds: dict[Kind, int]
    courses: Courses
    calls: OpenCalls[Key]


class Chunk:
    """Some thousand lines on their way from the log into the tables."""

    def __init__(self, directory: Path, position: Position, known: Known) -> None:
        self.position = position
        self._directory = directory
        self.kinds, self.courses, self._calls = known
        self._seen: dict[Raw, tuple[Kind, int]] = {}
        self._by_number = list(self.courses)
        # Which course follows on a course with an event of a kind.
        self._following: dict[tuple[int, int], int] = {}
        self._rows: list[list[Any]] = []
        self._first = position.seq + 1
        # What becomes of calls whose first decision lies in the tables already, in order.
        self._later: list[tuple[str, tuple[Any, ...]]] = []
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
            kind, number = self._seen[raw]
        except (KeyError, TypeError):  # a list where a text should be, and the like
            kind, number = self._kind(raw)
        columns = columns_of(body, kind)
        call = columns[1]
        row = [seq, number, *columns, segment, offset, *_NO_CALL]
        self._rows.append(row)
        if kind.event_type == DECISION:
            number = self._decided(row, kind, call)
        elif kind.event_type == CALL and isinstance(call, int):
            self._ended(
                seq, (call, kind.origin), kind, (number, columns[2], columns[3], columns[7])
            )
        key = (seq >> BLOCK_BITS, number)
        block = self._blocks.get(key)
        if block is None:
            block = self._blocks[key] = [0, 0]
        block[0] += 1
        block[1] = max(block[1], columns[0])

    def _decided(self, row: list[Any], kind: Kind, call: float) -> int:
        """Begin a call, or go on with one; the number of the decision's kind."""
        seq: int = row[0]
        number: int = row[1]
        key = (int(call), kind.origin)
        if call != ABSENT and continues(kind.reason, is_fallback=kind.is_fallback):
            head = self._calls.of(key, seq)
            if head is not None:
                follows = kind._replace(follows=True)
                number = row[1] = self.kinds.setdefault(follows, len(self.kinds))
                self._go_on(key, head, number, row[_NOTE])
                return number
        course = self._course(_NO_COURSE, number)
        row[_COURSE], row[_ATTEMPTS] = course, 0
        if call != ABSENT:
            self._calls.put(key, Head(seq, course))
        return number

    def _go_on(self, key: Key, head: Head, number: int, note: Any) -> None:
        course, said = self._course(head.course, number), "" if note == ABSENT else note
        if course != head.course:
            self._calls.put(key, Head(head.seq, course))
        if head.seq < self._first:
            self._later.append((_GO_ON, (course, said, head.seq)))
            return
        row = self._rows[head.seq - self._first]
        before = "" if row[_NOTE] == ABSENT else row[_NOTE]
        row[_NOTE] = f"{before} {said}".strip()[:_LONGEST_NOTE] or ABSENT
        row[_COURSE] = course
        row[_ATTEMPTS + 1] = row[_ATTEMPTS + 3] = row[_ATTEMPTS + 4] = ABSENT

    def _ended(self, seq: int, key: Key, kind: Kind, ended: tuple[Any, ...]) -> None:
        head = self._calls.of(key, seq)
        if head is None:
            return
        course = self._course(head.course, ended[0])
        if kind.success:
            self._calls.answered(key)
        elif course != head.course:
            self._calls.put(key, Head(head.seq, course))
        if head.seq < self._first:
            self._later.append((_END, (course, *ended, head.seq)))
            return
        row = self._rows[head.seq - self._first]
        number, latency_ms, *figures = ended
        before = row[_ATTEMPTS + 2]
        if ABSENT not in {latency_ms, before}:
            latency_ms += before
        elif latency_ms == ABSENT:
            latency_ms = before
        row[_COURSE:] = (course, row[_ATTEMPTS] + 1, number, latency_ms, *figures)

    def _course(self, before: int, number: int) -> int:
        """The course that goes on from ``before`` with an event of a kind."""
        found = self._following.get((before, number))
        if found is None:
            kinds = self._by_number[before] if before != _NO_COURSE else ()
            if number not in kinds and len(kinds) < _MOST_KINDS:
                kinds = (*kinds, number)
            found = self.courses.setdefault(kinds, len(self.courses))
            if found == len(self._by_number):
                self._by_number.append(kinds)
            self._following[before, number] = found
        return found

    def _kind(self, raw: Raw) -> tuple[Kind, int]:
        kind = kind_of(raw)
        found = kind, self.kinds.setdefault(kind, len(self.kinds))
        try:
            self._seen[raw] = found
        except TypeError:  # as above
            return found
        return found

    def write(self, db: sqlite3.Connection, kinds: int, courses: int) -> None:
        """Put them in; so many kinds and courses are there already."""
        fresh = [(number, *kind) for kind, number in self.kinds.items() if number >= kinds]
        db.executemany(f"INSERT INTO kinds VALUES ({','.join('?' * 12)})", fresh)  # noqa: S608
        db.executemany(
            "INSERT INTO courses VALUES (?, ?)",
            [
                (number, " ".join(map(str, course)))
                for course, number in list(self.courses.items())[courses:]
            ],
        )
        db.executemany(_INSERT, self._rows)
        for statement, values in self._later:
            db.execute(statement, values)
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


class Grown(NamedTuple):
    """What a chunk had: how many records, up to which, the numbers given, the damage at its end."""

    records: int
    seq: int
    kinds: dict[Kind, int]
    courses: Courses
    damage: CapsuleCorrupt | None


class Growth:
    """How the tables of one directory's index grow."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.forget()

    def forget(self) -> None:
        """The tables may be others from now on."""
        self._calls: tuple[int, OpenCalls[Key]] = (-1, OpenCalls())

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

    def extend(self, db: sqlite3.Connection) -> Grown:
        """Index one chunk."""
        db.execute("BEGIN IMMEDIATE")
        try:
            # Another process may have been at it since.
            position, kinds, courses = position_of(db), kinds_of(db), courses_of(db)
            known_to, calls = self._calls
            if known_to != position.seq:
                calls = open_calls(db, kinds, position.seq)
            before = len(kinds), len(courses)
            chunk = Chunk(self._directory, position, Known(kinds, courses, calls))
            damage = chunk.read()
            chunk.write(db, *before)
            db.execute("COMMIT")
        except BaseException:
            self.forget()
            db.execute("ROLLBACK")
            raise
        seq = chunk.position.seq
        self._calls = (seq, calls)
        return Grown(seq - position.seq, seq, kinds, courses, damage)

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
