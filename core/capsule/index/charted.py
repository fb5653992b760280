"""Latency slice by slice of a stretch, remembered: only slices with new calls are counted anew."""

from __future__ import annotations

from array import array
from collections import defaultdict
from typing import TYPE_CHECKING

from core.capsule.index.columns import CALL
from core.capsule.index.window import Slice, asked_of, numbers_of, sliced

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection

    from core.capsule.index.columns import Kind
    from core.capsule.index.window import Stretch


class Chart:
    """The slices of one mode's calls as they were last asked for."""

    def __init__(self, mode: str, origins: Collection[str]) -> None:
        self._mode = mode
        self._origins = origins
        self._known_to = 0
        # By their bounds in ms; without calls they are there, with no numbers.
        self._slices: dict[tuple[int, int], Slice] = {}

    def of(
        self, db: sqlite3.Connection, kinds: dict[Kind, int], stretch: Stretch, seq: int
    ) -> list[Slice]:
        """The slices that hold calls, ascending; the index goes up to ``seq``."""
        bounds = stretch.slice_bounds_ms()
        touched = self._touched(db, kinds, stretch) if self._known_to < seq else set()
        missing = {
            number
            for number, each in enumerate(bounds)
            if number in touched or each not in self._slices
        }
        fresh = self._counted(db, kinds, stretch, missing) if missing else {}
        self._slices = {
            each: fresh[number] if number in missing else self._slices[each]
            for number, each in enumerate(bounds)
        }
        self._known_to = seq
        return [
            Slice(number, each.answered, each.failed, *_figures(each))
            for number, each in enumerate(self._slices.values())
            if each.answered or each.failed
        ]

    def _touched(
        self, db: sqlite3.Connection, kinds: dict[Kind, int], stretch: Stretch
    ) -> set[int]:
        if not self._slices:
            return set()
        ours = numbers_of(kinds, self._is_ours)
        asked = asked_of(db, stretch)
        asked["first"] = max(asked["first"], self._known_to + 1)
        sql = f"SELECT DISTINCT slice FROM ({sliced('seq', ours)})"  # noqa: S608  numbers of ours
        return {number for (number,) in db.execute(sql, asked)}

    def _counted(
        self, db: sqlite3.Connection, kinds: dict[Kind, int], stretch: Stretch, missing: set[int]
    ) -> dict[int, Slice]:
        bounds = stretch.slice_bounds_ms()
        first_ms, last_ms = bounds[min(missing)][0], bounds[max(missing)][1]
        good = {number for kind, number in kinds.items() if kind.success is True}
        ours = numbers_of(kinds, self._is_ours)
        totals: dict[int, array[float]] = defaultdict(lambda: array("d"))
        firsts: dict[int, array[float]] = defaultdict(lambda: array("d"))
        answered, failed = dict.fromkeys(missing, 0), dict.fromkeys(missing, 0)
        asked = asked_of(db, stretch, first_ms) | {"from": first_ms, "to": last_ms}
        sql = f"""{sliced("kind, latency_ms, ttft_ms", ours)}
            AND time_ms >= :from AND time_ms < :to"""
        for number, kind, latency_ms, ttft_ms in db.execute(sql, asked):
            if number not in missing:
                continue
            if kind not in good:
                failed[number] += 1
                continue
            answered[number] += 1
            if latency_ms is not None:
                totals[number].append(latency_ms)
            if ttft_ms is not None:
                firsts[number].append(ttft_ms)
        return {
            number: Slice(
                number,
                answered[number],
                failed[number],
                *_percentiles(totals[number], answered[number]),
                *_percentiles(firsts[number], len(firsts[number])),
            )
            for number in missing
        }

    def _is_ours(self, kind: Kind) -> bool:
        return kind.event_type == CALL and kind.mode == self._mode and kind.origin in self._origins


def _figures(of: Slice) -> tuple[float | None, ...]:
    return of.p50, of.p95, of.ttft_p50, of.ttft_p95


def _percentiles(values: array[float], count: int) -> tuple[float | None, float | None]:
    """P50 and P95 of ``count`` by nearest rank; those of them without a value come first."""
    ordered = sorted(values)
    unknown = count - len(ordered)

    def rank(percent: int) -> float | None:
        place = -(-percent * count // 100) - 1 - unknown
        return ordered[max(place, 0)] if ordered else None

    return rank(50), rank(95)
