"""What was last worked out about stretches of time, so that only what is new is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.capsule.index.charted import Chart
from core.capsule.index.tallied import Tally

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection

    from core.capsule.index.columns import Kind
    from core.capsule.index.window import Slice, Stretch, Totals

# A dashboard asks for three windows of two modes, and one day's totals.
_CHARTS, _TALLIES = 8, 2


class Remembered:
    """Charts and totals of one index; ``seq`` is always how far that goes now."""

    def __init__(self) -> None:
        self._charts: dict[object, Chart] = {}
        self._tallies: dict[object, Tally] = {}

    def slices(
        self,
        db: sqlite3.Connection,
        kinds: dict[Kind, int],
        stretch: Stretch,
        *,
        mode: str,
        origins: Collection[str],
        seq: int,
    ) -> list[Slice]:
        """The slices that hold calls of a mode, ascending."""
        key = mode, frozenset(origins), stretch.slices, stretch.until - stretch.since
        chart = self._charts.pop(key, None) or Chart(mode, frozenset(origins))
        found = chart.of(db, kinds, stretch, seq)
        self._charts[key] = chart  # the newest last
        if len(self._charts) > _CHARTS:
            self._charts.pop(next(iter(self._charts)))
        return found

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
