"""Calls by another order than time's, and by the agents' sessions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from core.capsule.index.columns import CALL
from core.capsule.index.listing import COLUMNS, Found, row_of
from core.capsule.index.query import listed

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from core.capsule.index.columns import Kind
    from core.capsule.index.listing import ListedCondition

# What calls can be put in order by, and how the index has it; a call without it is left out.
ORDERS = {
    "waited": "end_latency_ms",
    "ttft": "end_ttft_ms",
    "tokens": "end_tokens",
    "path": "attempts",
    "outcome": "ended",
    "stage": "stage",
    "model": "model",
}
_NAMES = ("stage", "model")


def ordered_rows(
    db: sqlite3.Connection,
    condition: ListedCondition,
    kinds: Sequence[Kind],
    *,
    by: str,
    descending: bool,
    limit: int,
) -> list[Found]:
    """The first ``limit`` calls in that order, the newest first among equals.

    ``outcome`` has those that failed first. Raises KeyError for an order that there is not.
    """
    column = ORDERS[by]
    key = column
    if by in _NAMES:
        key = f"(SELECT {column} FROM kinds WHERE id = kind)"  # noqa: S608  a name of ours
    elif by == "outcome":
        key = f"ended IN ({_failures(kinds)})"
    given = "attempts" if by in _NAMES else column
    direction = "DESC" if descending else "ASC"
    order = f"{key} {direction}, seq DESC"
    where = f"{condition.sql} AND attempts IS NOT NULL AND {given} IS NOT NULL"
    sql = f"SELECT {COLUMNS} FROM events WHERE {where} ORDER BY {order} LIMIT ?"  # noqa: S608
    found = db.execute(sql, (*condition.values, limit))
    return [row_of(each, kinds) for each in found]


@dataclass(frozen=True, slots=True)
class SessionCalls:
    """An agent's session: its calls, how many failed, fell back, what they waited, when."""

    session: str
    calls: int
    failed: int
    fell_back: int
    waited_ms: float
    first: datetime
    last: datetime


def sessions_of(
    db: sqlite3.Connection, kinds: Sequence[Kind], falling: str, most: int
) -> list[SessionCalls]:
    """The sessions with the newest calls, newest first; ``falling`` are courses with a fallback."""
    found = db.execute(
        f"""
        SELECT session, count(*), count(*) FILTER (WHERE ended IN ({_failures(kinds)})),
            count(*) FILTER (WHERE course IN ({falling})), sum(end_latency_ms),
            min(time_ms), max(time_ms)
        FROM events WHERE session IS NOT NULL AND attempts IS NOT NULL
        GROUP BY session ORDER BY max(seq) DESC LIMIT ?""",  # noqa: S608  numbers of ours
        (most,),
    )
    return [
        SessionCalls(name, calls, failed, fell, waited or 0.0, _moment(first), _moment(last))
        for name, calls, failed, fell, waited, first, last in found
    ]


def _failures(kinds: Sequence[Kind]) -> str:
    return listed(
        number
        for number, kind in enumerate(kinds)
        if kind.event_type == CALL and kind.success is not True
    )


def _moment(time_ms: int) -> datetime:
    return datetime.fromtimestamp(time_ms / 1000, UTC)
