"""The rows of a routing log: one a call, its attempts folded in, and one for any other event.

``ListedRows`` says which are wanted, as a person types it. A call is found by what any of its
decisions and attempts says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from core.capsule.index.columns import CALL, CALLED, DECISION, Kind
from core.capsule.index.folding import SESSION, SPAN, Head, OpenCalls, continues
from core.capsule.index.query import like, listed
from core.capsule.segments import RecordPlace

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Sequence

    from core.capsule.index.query import BlockCounts
    from core.capsule.record import Record

# What may have become of a call; a filter may say so by how the word begins.
STATES = ("answered", "failed", "open", "retried", "fallback")
# So many events of one call are told apart; of one with more the rest is only counted.
_MOST_STEPS = 200


@dataclass(frozen=True, slots=True)
class ListedRows:
    """Which rows: ``fields`` and ``words`` (lower case) are contained, total within bounds in ms.

    Fields are mode, reason (a decision's detail included), stage, backend, model, error, type,
    origin; call and session, which are how those ids begin; ``is``, a beginning of one of
    ``STATES``. A row that has not ended is within no bound.
    """

    fields: tuple[tuple[str, str], ...] = ()
    words: tuple[str, ...] = ()
    over_ms: float | None = None
    under_ms: float | None = None


class End(NamedTuple):
    """How a call's last attempt ended; ``latency_ms`` is of all its attempts together."""

    kind: Kind
    latency_ms: float | None
    ttft_ms: float | None
    tokens: int | None


class CallStep(NamedTuple):
    """A further decision of a call (``kind`` says so), or the end of one of its attempts."""

    seq: int
    time_ms: int
    kind: Kind
    note: str
    latency_ms: float | None
    ttft_ms: float | None
    tokens: int | None


@dataclass(frozen=True, slots=True)
class ListedRow:
    """A row by its ``number`` within the filter; ``record`` is None where the log is damaged.

    ``steps`` are what followed a call's first decision, where that is more than one attempt.
    """

    number: int
    seq: int
    record: Record | None
    attempts: int
    end: End | None
    steps: tuple[CallStep, ...] = ()


class ListedCondition:
    """A ``ListedRows`` as SQL over ``events``, as ``FilterSql`` says."""

    since_ms = None

    def __init__(
        self,
        wanted: ListedRows,
        kinds: dict[Kind, int],
        courses: Iterable[tuple[int, ...]],
    ) -> None:
        self._kinds = list(kinds)
        self._courses = [
            (number, [self._kinds[each] for each in course])
            for number, course in enumerate(courses)
        ]
        rows = {n: kind for kind, n in kinds.items() if kind.event_type != CALL}
        rows = {n: kind for n, kind in rows.items() if not kind.follows}
        self._others = {n: kind for n, kind in rows.items() if kind.event_type != DECISION}
        self._terms: list[str] = []
        self.values: list[Any] = []
        self.kinds = listed(rows)
        for name, value in wanted.fields:
            if value:
                self._ask(name, value)
        for word in wanted.words:
            self._any_of(word)
        for sign, bound_ms in ((">", wanted.over_ms), ("<", wanted.under_ms)):
            if bound_ms is not None:
                self._term(f"end_latency_ms {sign} ?", bound_ms)
        self.by_kind_alone = not self._terms
        self.by_ends = not self.by_kind_alone
        self.sql = " AND ".join((f"kind IN ({self.kinds})", *self._terms))

    def _ask(self, name: str, value: str) -> None:
        match name:
            case "mode":
                self._term(f"course IN ({self._deciding(lambda kind: value in _low(kind, name))})")
            case "stage" | "backend" | "model" | "type" | "origin":
                attribute = "event_type" if name == "type" else name
                self._term(f"({self._saying(lambda kind: value in _low(kind, attribute))})")
            case "reason":
                named = self._deciding(lambda kind: value in _low(kind, "reason"))
                self._term(f"(course IN ({named}) OR note LIKE ? ESCAPE '\\')", like(value))
            case "error":
                self._term(f"course IN ({self._failing(value)})")
            case "call":
                self._term("called LIKE ? ESCAPE '\\'", like(value[:CALLED])[1:])
            case "session":
                self._term("session LIKE ? ESCAPE '\\'", like(value[:SESSION])[1:])
            case "is":
                states = [self._state(state) for state in STATES if state.startswith(value)]
                self._term(f"({' OR '.join(states) or '0'})")

    def _state(self, state: str) -> str:
        if state == "retried":
            return "attempts > 1"
        if state == "open":
            return "attempts IS NOT NULL AND ended IS NULL"
        if state == "fallback":
            return f"course IN ({self.falling})"
        good = state == "answered"
        ends = (
            number
            for number, kind in enumerate(self._kinds)
            if kind.event_type == CALL and (kind.success is True) == good
        )
        return f"ended IN ({listed(ends)})"

    @property
    def falling(self) -> str:
        """The courses with a fallback, as an SQL list."""
        return listed(n for n, kinds in self._courses if any(map(_falls_back, kinds)))

    def _any_of(self, word: str) -> None:
        self._term(
            f"({self._saying(lambda kind: any(word in text for text in _searched(kind)))}"
            f" OR course IN ({self._failing(word)})"
            " OR note LIKE ? ESCAPE '\\' OR called LIKE ? ESCAPE '\\')",
            like(word),
            like(word[:CALLED])[1:],
        )

    def _saying(self, true: Callable[[Kind], bool]) -> str:
        """SQL for the calls with such a decision, and other such events."""
        others = listed(n for n, kind in self._others.items() if true(kind))
        return f"kind IN ({others}) OR course IN ({self._deciding(true)})"

    def _deciding(self, true: Callable[[Kind], bool]) -> str:
        """The courses with such a decision."""
        return listed(
            number
            for number, kinds in self._courses
            if any(kind.event_type == DECISION and true(kind) for kind in kinds)
        )

    def _failing(self, text: str) -> str:
        return listed(
            number
            for number, kinds in self._courses
            if any(kind.event_type == CALL and text in _low(kind, "error") for kind in kinds)
        )

    def _term(self, sql: str, *values: Any) -> None:
        self._terms.append(sql)
        self.values += values


def _falls_back(kind: Kind) -> bool:
    return kind.event_type == DECISION and continues(kind.reason, is_fallback=kind.is_fallback)


def _low(kind: Kind, name: str) -> str:
    return str(getattr(kind, name)).lower()


def _searched(kind: Kind) -> Iterable[str]:
    own = ("mode", "reason") if kind.event_type == DECISION else ("event_type",)
    return (_low(kind, name) for name in (*own, "stage", "backend", "model"))


class Found(NamedTuple):
    """A row as the index has it."""

    seq: int
    place: RecordPlace
    call: int | None
    course: int | None
    attempts: int
    end: End | None


COLUMNS = (
    "seq, segment, offset, call, course, attempts, ended, end_latency_ms, end_ttft_ms, end_tokens"
)


def found_rows(
    db: sqlite3.Connection,
    condition: ListedCondition,
    counts: BlockCounts,
    kinds: Sequence[Kind],
    *,
    offset: int,
    limit: int,
) -> list[Found]:
    """A page, oldest first; ``kinds`` by their number."""
    sql = f"""
        SELECT {COLUMNS}
        FROM events WHERE {condition.sql} AND seq >= ? AND seq < ?
        ORDER BY seq LIMIT ? OFFSET ?"""  # noqa: S608  numbers and marks of ours
    rows: list[Found] = []
    for bounds, skipped, taken in counts.ranges(offset, limit):
        found = db.execute(sql, (*condition.values, *bounds, taken, skipped))
        rows += (row_of(each, kinds) for each in found)
    return rows


def row_of(found: Sequence[Any], kinds: Sequence[Kind]) -> Found:
    """A row from its ``COLUMNS``."""
    seq, segment, at, call, course, attempts, ended, *figures = found
    end = None if ended is None else End(kinds[ended], *figures)
    return Found(seq, RecordPlace(segment, at), call, course, attempts or 0, end)


def steps_of(
    db: sqlite3.Connection, rows: Sequence[Found], kinds: Sequence[Kind], folded: Sequence[bool]
) -> dict[int, list[CallStep]]:
    """What followed the first decision of each of these calls, by that one's ``seq``.

    Of calls with one attempt alone nothing: their rows say it. ``folded`` says of each course
    whether it has further decisions.
    """
    wanted = {
        row.seq: row.call
        for row in rows
        if row.call is not None
        and (row.attempts > 1 or (row.course is not None and folded[row.course]))
    }
    if not wanted:
        return {}
    calls = sorted(set(wanted.values()))
    sql = f"""
        SELECT seq, time_ms, kind, note, latency_ms, ttft_ms, completion_tokens, call FROM events
        WHERE call IN ({",".join("?" * len(calls))}) AND seq >= ? AND seq <= ?
        ORDER BY seq"""  # noqa: S608  marks
    steps: dict[int, list[CallStep]] = {}
    heads: OpenCalls[tuple[int, str]] = OpenCalls()
    for seq, time_ms, number, note, *figures, call in db.execute(
        sql, (*calls, min(wanted), max(wanted) + SPAN)
    ):
        kind = kinds[number]
        key = call, kind.origin
        if kind.event_type == DECISION and not kind.follows:
            heads.put(key, Head(seq))
        elif kind.event_type in {DECISION, CALL} and (head := heads.of(key, seq)):
            if kind.success:
                heads.answered(key)
            if head.seq in wanted and len(of := steps.setdefault(head.seq, [])) < _MOST_STEPS:
                of.append(CallStep(seq, time_ms, kind, note or "", *figures))
    return steps
