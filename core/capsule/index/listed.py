"""The index's view of a routing log: all events but the calls, each decision with how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from core.capsule.index.columns import CALL, CALLED, DECISION, Kind
from core.capsule.index.query import BlockCounts, like, listed
from core.capsule.walk import Place

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from core.capsule.record import Record

_OF_KIND = {
    "mode": "mode",
    "stage": "stage",
    "backend": "backend",
    "model": "model",
    "type": "event_type",
    "origin": "origin",
}


@dataclass(frozen=True, slots=True)
class Listed:
    """Which rows: ``fields`` and ``words`` (lower case) are contained, total within bounds in ms.

    Fields are mode, reason (a decision's detail included), stage, backend, model, error (of the
    last attempt), type, origin; call, which is how a call_id begins. A row that has not ended is
    within no bound.
    """

    fields: tuple[tuple[str, str], ...] = ()
    words: tuple[str, ...] = ()
    over_ms: float | None = None
    under_ms: float | None = None


class End(NamedTuple):
    """How a decision's last attempt ended; ms."""

    kind: Kind
    latency_ms: float | None
    ttft_ms: float | None
    tokens: int | None


@dataclass(frozen=True, slots=True)
class ListedRow:
    """A row by its ``number`` within the filter; ``record`` is None where the log is damaged."""

    number: int
    seq: int
    record: Record | None
    attempts: int
    end: End | None


class ListedCondition:
    """As ``query.Condition``, for a routing log."""

    since_ms = None

    def __init__(self, wanted: Listed, kinds: dict[Kind, int]) -> None:
        self._kinds = kinds
        self._terms: list[str] = []
        self.values: list[Any] = []
        self.by_ends = False
        possible = {n: kind for kind, n in kinds.items() if kind.event_type != CALL}
        for name, value in wanted.fields:
            if name in _OF_KIND and value:
                attribute = _OF_KIND[name]
                possible = {
                    n: kind for n, kind in possible.items() if value in _low(kind, attribute)
                }
        self.kinds = listed(possible)
        for name, value in wanted.fields:
            if value and name not in _OF_KIND:
                self._ask(name, value, possible)
        for word in wanted.words:
            self._any_of(word, possible)
        for sign, bound_ms in ((">", wanted.over_ms), ("<", wanted.under_ms)):
            if bound_ms is not None:
                self.by_ends = True
                self._term(f"end_latency_ms {sign} ?", bound_ms)
        self.by_kind_alone = not self._terms
        self.sql = " AND ".join((f"kind IN ({self.kinds})", *self._terms))

    def _ask(self, name: str, value: str, possible: dict[int, Kind]) -> None:
        match name:
            case "reason":
                named = listed(n for n, kind in possible.items() if value in _low(kind, "reason"))
                self._term(f"(kind IN ({named}) OR note LIKE ? ESCAPE '\\')", like(value))
            case "error":
                self.by_ends = True
                self._term(f"ended IN ({self._failing(value)})")
            case "call":
                self._term("called LIKE ? ESCAPE '\\'", like(value[:CALLED])[1:])

    def _any_of(self, word: str, possible: dict[int, Kind]) -> None:
        named = {n for n, kind in possible.items() if any(word in told for told in _told(kind))}
        if named == set(possible):
            return
        self.by_ends = True
        self._term(
            f"(kind IN ({listed(named)}) OR ended IN ({self._failing(word)})"
            " OR note LIKE ? ESCAPE '\\' OR called LIKE ? ESCAPE '\\')",
            like(word),
            like(word[:CALLED])[1:],
        )

    def _failing(self, text: str) -> str:
        return listed(
            n
            for kind, n in self._kinds.items()
            if kind.event_type == CALL and text in _low(kind, "error")
        )

    def _term(self, sql: str, *values: Any) -> None:
        self._terms.append(sql)
        self.values += values


def _low(kind: Kind, name: str) -> str:
    return str(getattr(kind, name)).lower()


def _told(kind: Kind) -> Iterable[str]:
    names = ["mode", "reason", "stage", "backend", "model"]
    if kind.event_type != DECISION:
        names.append("event_type")
    return (_low(kind, name) for name in names)


Found = tuple[int, Place, int, End | None]


def found_rows(
    db: sqlite3.Connection,
    condition: ListedCondition,
    counts: BlockCounts,
    kinds: Sequence[Kind],
    *,
    offset: int,
    limit: int,
) -> list[Found]:
    """``(seq, place, attempts, end)`` of a page, oldest first; ``kinds`` by their number."""
    sql = f"""
        SELECT seq, segment, offset, attempts, ended, end_latency_ms, end_ttft_ms, end_tokens
        FROM events WHERE {condition.sql} AND seq >= ? AND seq < ?
        ORDER BY seq LIMIT ? OFFSET ?"""  # noqa: S608  numbers and marks of ours
    rows: list[Found] = []
    for bounds, skipped, taken in counts.ranges(offset, limit):
        for seq, segment, at, attempts, ended, *figures in db.execute(
            sql, (*condition.values, *bounds, taken, skipped)
        ):
            end = None if ended is None else End(kinds[ended], *figures)
            rows.append((seq, Place(segment, at), attempts or 0, end))
    return rows
