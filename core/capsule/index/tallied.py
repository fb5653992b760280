"""A stretch's calls and tokens, remembered: only what was indexed since is added to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.capsule.index.columns import CALL
from core.capsule.index.joining import SPAN
from core.capsule.index.window import Tokens, Totals, first_at, numbers_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection

    from core.capsule.index.columns import Kind


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
