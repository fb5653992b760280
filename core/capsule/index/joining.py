"""Which decision a call belongs to: the newest before it with its call_id and backend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.capsule.index.columns import DECISION

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from core.capsule.index.columns import Kind

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
