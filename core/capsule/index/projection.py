"""The index as the rest of the package uses it: ``update`` follows the log, the rest answers.

Questions are answered from what is indexed so far. An index that is damaged, removed or of another
log is thrown away and built again.
"""

from __future__ import annotations

import sqlite3
import threading
from typing import TYPE_CHECKING, Self, TypeVar

from core.capsule.index.columns import Kind, call_hash
from core.capsule.index.growing import (
    CHUNK,
    Courses,
    Growth,
    complete,
    courses_of,
    kinds_of,
    position_of,
)
from core.capsule.index.listing import (
    CallStep,
    Found,
    ListedCondition,
    ListedRow,
    ListedRows,
    found_rows,
    steps_of,
)
from core.capsule.index.ordering import SessionCalls, ordered_rows, sessions_of
from core.capsule.index.query import (
    BlockCounts,
    EventFilter,
    FilterSql,
    IndexRow,
    Latency,
    SqlCondition,
    latency_of,
    rows_of,
    seq_at,
)
from core.capsule.index.store import (
    Places,
    identity_of,
    is_busy,
    open_store,
    remove_store,
    store_file,
)
from core.capsule.index.window import (
    IndexedAttempt,
    KeptTotals,
    Seen,
    Stretch,
    Totals,
    attempts_in,
    seen_in,
)
from core.capsule.segments import RecordPlace, segment_numbers
from core.clock import Clock, SystemClock
from core.errors import CapsuleCorrupt, CapsuleError
from core.stages import LIVE_ORIGINS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime

    from core.capsule.log import EventLog
    from core.capsule.record import Record

T = TypeVar("T")
_Rows = tuple[list[Found], dict[int, list[CallStep]]]
_NO_ROWS: _Rows = ([], {})

# SQLite's own steps between two looks whether to break off: some ms.
_OPS_BETWEEN_LOOKS = 50_000
_CACHED_FILTERS = 16
_MOST_OF_A_CALL = 1000


class Index:
    """The index of a log; any thread may ask, while one calls ``update`` now and then.

    Answers cover what was indexed so far. Nothing here ever stops a writer. ``cache_bytes`` is the
    most memory kept for what was read: building many events is quicker with more.
    """

    def __init__(
        self, log: EventLog, *, clock: Clock | None = None, cache_bytes: int = 64 << 20
    ) -> None:
        self._directory = log.path
        self._file = store_file(log.path)
        self._cache_bytes = cache_bytes
        self._clock = clock or SystemClock()
        self._lock = threading.RLock()
        self._db: sqlite3.Connection | None = None
        self._identity = 0
        self._halted = threading.Event()
        self._growth = Growth(log.path)
        self._forget()

    def _forget(self) -> None:
        self._kinds: dict[Kind, int] = {}
        self._courses: Courses = {}
        self._counts: dict[EventFilter | ListedRows, BlockCounts] = {}
        self._seen = 0
        self._kept = KeptTotals()
        self._growth.forget()

    def update(
        self,
        progress: Callable[[int, float], None] | None = None,
        stop: threading.Event | None = None,
    ) -> int:
        """Index what the log holds beyond the index; the ``seq`` up to which it is indexed now.

        ``progress`` is given that ``seq`` and the share of the log's bytes (0 to 1) after every few
        thousand records; ``stop`` ends early, and the next call continues from there.

        Raises:
            CapsuleCorrupt: at a damaged line; what comes before it is indexed.
            CapsuleError: another process holds the index for long.
        """
        if not segment_numbers(self._directory):
            self.close()
            return 0
        self._answer(self._growth.check, None)
        while True:
            nothing: tuple[int, CapsuleCorrupt | None] = (0, None)
            indexed, damage = self._answer(self._extend, nothing)
            if progress:
                progress(self._seen, self._answer(self._growth.share, 1.0))
            if damage:
                raise damage
            if indexed < CHUNK or (stop and stop.is_set()):
                break
        self._answer(complete, None)
        return self._seen

    def behind(self) -> tuple[int, float, int]:
        """The ``seq`` up to which it is indexed, as a share of the log's bytes, and those missing.

        Raises:
            CapsuleError: the log's directory cannot be read.
        """

        def ask(db: sqlite3.Connection) -> tuple[int, float, int]:
            share = self._growth.share(db)
            return self._seen, share, round((1 - share) * sum(self._growth.sizes().values()))

        return self._answer(ask, (0, 1.0, 0))

    def page(self, wanted: EventFilter, offset: int, limit: int) -> list[IndexRow]:
        """Rows ``offset`` to ``offset + limit`` of a filter, oldest first."""

        def ask(db: sqlite3.Connection) -> list[IndexRow]:
            condition = SqlCondition(wanted, self._kinds)
            counts = self._counted(db, wanted, condition)
            return rows_of(
                db, condition, counts, list(self._kinds), offset=max(offset, 0), limit=limit
            )

        return self._answer(ask, [])

    def count(self, wanted: EventFilter | ListedRows) -> int:
        """How many events match."""
        return self._answer(lambda db: self._counted(db, wanted, self._condition(wanted)).total, 0)

    def number(self, wanted: EventFilter | ListedRows, seq: int) -> int:
        """How many events match that lie before ``seq``: the number of the first from there on."""

        def ask(db: sqlite3.Connection) -> int:
            condition = self._condition(wanted)
            return self._counted(db, wanted, condition).before(db, condition, seq)

        return self._answer(ask, 0)

    def seq_at(self, time: datetime) -> int | None:
        """The ``seq`` of the first event at ``time`` or later; None when all are earlier."""
        return self._answer(lambda db: seq_at(db, round(time.timestamp() * 1000)), None)

    def listed(self, wanted: ListedRows, offset: int, limit: int) -> list[ListedRow]:
        """Rows ``offset`` to ``offset + limit`` of a routing log, read from the log itself."""
        first = max(offset, 0)

        def ask(db: sqlite3.Connection) -> _Rows:
            condition = self._listing(wanted)
            counts = self._counted(db, wanted, condition)
            kinds = list(self._kinds)
            found = found_rows(db, condition, counts, kinds, offset=first, limit=limit)
            return found, self._steps(db, found)

        return self._read(*self._answer(ask, _NO_ROWS), first)

    def ordered(
        self, wanted: ListedRows, by: str, limit: int, *, descending: bool = True
    ) -> list[ListedRow]:
        """The first calls of a routing log by one of ``ORDERS``, numbered from 0."""

        def ask(db: sqlite3.Connection) -> _Rows:
            found = ordered_rows(
                db,
                self._listing(wanted),
                list(self._kinds),
                by=by,
                descending=descending,
                limit=limit,
            )
            return found, self._steps(db, found)

        return self._read(*self._answer(ask, _NO_ROWS), 0)

    def sessions(self, most: int) -> list[SessionCalls]:
        """The agents' sessions with the newest calls, at most so many, newest first."""

        def ask(db: sqlite3.Connection) -> list[SessionCalls]:
            falling = self._listing(ListedRows()).falling
            return sessions_of(db, list(self._kinds), falling, most)

        return self._answer(ask, [])

    def _read(
        self, found: list[Found], steps: dict[int, list[CallStep]], first: int
    ) -> list[ListedRow]:
        with Places(self._directory) as places:
            return [
                ListedRow(
                    number,
                    row.seq,
                    _readable(places, row.seq, row.place),
                    row.attempts,
                    row.end,
                    tuple(steps.get(row.seq, ())),
                )
                for number, row in enumerate(found, first)
            ]

    def _steps(self, db: sqlite3.Connection, found: list[Found]) -> dict[int, list[CallStep]]:
        kinds = list(self._kinds)
        folded = [any(kinds[n].follows for n in course) for course in self._courses]
        return steps_of(db, found, kinds, folded)

    def latency(
        self, window_s: float, mode: str, *, origins: Collection[str] = LIVE_ORIGINS
    ) -> Latency:
        """Percentiles over the mode's calls of the last ``window_s`` seconds that were answered."""
        since_ms = round((self._clock.now().timestamp() - window_s) * 1000)
        return self._answer(
            lambda db: latency_of(db, self._kinds, mode, origins, since_ms),
            Latency(0, None, None, None, None),
        )

    def totals(
        self, stretch: Stretch, *, quick_ms: float, origins: Collection[str] = LIVE_ORIGINS
    ) -> Totals:
        """How many calls a stretch had, how many took less than ``quick_ms``, whose tokens."""

        def ask(db: sqlite3.Connection) -> Totals:
            return self._kept.totals(
                db, self._kinds, stretch, quick_ms=quick_ms, origins=origins, seq=self._seen
            )

        return self._answer(ask, Totals(0, 0))

    def seen(self, stretch: Stretch, wanted: Callable[[Kind], bool]) -> list[Seen]:
        """How many events of each wanted kind lie in each slice of a stretch."""
        return self._answer(lambda db: seen_in(db, self._kinds, stretch, wanted), [])

    def attempts(
        self, since: datetime, before: int, most: int, *, origins: Collection[str] = LIVE_ORIGINS
    ) -> list[IndexedAttempt]:
        """The newest ``most`` attempts that ended since then, older than the event ``before``."""
        since_ms = round(since.timestamp() * 1000)
        nothing: list[IndexedAttempt] = []
        return self._answer(
            lambda db: attempts_in(
                db, self._kinds, since_ms=since_ms, before=before, most=most, origins=origins
            ),
            nothing,
        )

    def call(self, call_id: str) -> list[Record]:
        """The log's records of one call, oldest first.

        Raises:
            CapsuleCorrupt: one of them is damaged.
        """

        def ask(db: sqlite3.Connection) -> list[RecordPlace]:
            found = db.execute(
                "SELECT segment, offset FROM events WHERE call = ? ORDER BY seq LIMIT ?",
                (call_hash(call_id), _MOST_OF_A_CALL),
            )
            return [RecordPlace(*place) for place in found]

        nothing: list[RecordPlace] = []
        found = self._answer(ask, nothing)
        with Places(self._directory) as places:
            records = list(map(places.record, found))
        return [record for record in records if record.body.get("call_id") == call_id]

    def seqs(self, call_id: str) -> list[int]:
        """The ``seq`` of each event that may be of this call, ascending; the log has the say."""
        sql = "SELECT seq FROM events WHERE call = ? ORDER BY seq LIMIT ?"
        asked = call_hash(call_id), _MOST_OF_A_CALL
        nothing: list[int] = []
        return self._answer(lambda db: [seq for (seq,) in db.execute(sql, asked)], nothing)

    def halt(self) -> None:
        """Break off what is being asked or built, from any thread: it raises CapsuleError.

        Whatever is asked afterwards and takes longer than a moment does so too; it can be closed.
        """
        self._halted.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; the next question opens it again."""
        with self._lock:
            db, self._db = self._db, None
            if db:
                db.close()
            self._forget()

    def _answer(self, ask: Callable[[sqlite3.Connection], T], nothing: T) -> T:
        """What ``ask`` finds; a damaged index is thrown away, and asked once more when empty."""
        with self._lock:
            for _ in range(2):
                try:
                    db = self._opened()
                    return nothing if db is None else ask(db)
                except sqlite3.DatabaseError as error:
                    if self._halted.is_set():
                        raise CapsuleError("query cancelled") from error
                    if is_busy(error):
                        raise CapsuleError(
                            "the capsule's index is being written by another process",
                            remedy="Try again in a moment.",
                        ) from error
                    self._discard()
            return nothing

    def _opened(self) -> sqlite3.Connection | None:
        db = self._db
        if db and self._identity and identity_of(db, self._file) != self._identity:
            self.close()  # somebody removed it, or built it again
            db = None
        if db is None:
            if not self._directory.is_dir():
                return None
            db = self._db = open_store(self._file, self._directory)
            db.execute(f"PRAGMA cache_size = {-self._cache_bytes // 1024}")
            db.set_progress_handler(self._halted.is_set, _OPS_BETWEEN_LOOKS)
            self._identity = identity_of(db, self._file)
        seq = position_of(db).seq
        if seq != self._seen:
            self._seen = seq
            self._kinds, self._courses = kinds_of(db), courses_of(db)
        return db

    def _discard(self) -> None:
        temporary = self._identity == 0
        self.close()
        if self._file and not temporary:
            remove_store(self._file)

    def _condition(self, wanted: EventFilter | ListedRows) -> SqlCondition | ListedCondition:
        if isinstance(wanted, ListedRows):
            return self._listing(wanted)
        return SqlCondition(wanted, self._kinds)

    def _listing(self, wanted: ListedRows) -> ListedCondition:
        return ListedCondition(wanted, self._kinds, self._courses)

    def _counted(
        self, db: sqlite3.Connection, wanted: EventFilter | ListedRows, condition: FilterSql
    ) -> BlockCounts:
        counts = self._counts.pop(wanted, None) or BlockCounts()
        counts.extend(db, condition, self._seen)
        self._counts[wanted] = counts  # the newest last
        if len(self._counts) > _CACHED_FILTERS:
            self._counts.pop(next(iter(self._counts)))
        return counts

    def _extend(self, db: sqlite3.Connection) -> tuple[int, CapsuleCorrupt | None]:
        grown = self._growth.extend(db)
        self._seen, self._kinds, self._courses = grown.seq, grown.kinds, grown.courses
        return grown.records, grown.damage


def _readable(places: Places, seq: int, place: RecordPlace) -> Record | None:
    try:
        record = places.record(place)
    except (FileNotFoundError, CapsuleError):
        return None
    return record if record.seq == seq else None
