"""Latencies of several arms over one logarithmic axis, drawn in characters."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WIDTH = 56
_HEIGHTS = "▁▂▃▄▅▆▇█"
_LEAST_MS = 0.1
_NAME = 12


def duration(value_ms: float | None) -> str:
    """``61 ms``, ``1.31 s``, ``∞`` or ``–``."""
    if value_ms is None:
        return "–"
    if math.isinf(value_ms):
        return "∞"
    if value_ms < 10:  # noqa: PLR2004
        return f"{value_ms:.2g} ms"
    return f"{value_ms:.0f} ms" if value_ms < 1000 else f"{value_ms / 1000:.2f} s"  # noqa: PLR2004


def chart(arms: Mapping[str, Sequence[float]], threshold_ms: float) -> list[str]:
    """A line an arm, each as high as its own most frequent latency, and the threshold's place.

    ``arms`` holds latencies in ms, ∞ for a call without reply. Empty when there are none.
    """
    finite = [one for values in arms.values() for one in values if math.isfinite(one)]
    if not finite:
        return []
    low = max(_LEAST_MS, min(*finite, threshold_ms))
    high = max(*finite, threshold_ms, 2 * low)

    def column(value_ms: float) -> int:
        share = math.log(max(value_ms, low) / low) / math.log(high / low)
        return min(WIDTH - 1, int(share * WIDTH))

    margin = " " * (_NAME + 2)
    lines = [_marked(column(threshold_ms), f"threshold {duration(threshold_ms)}", margin)]
    for name, values in arms.items():
        bars = Counter(column(one) for one in values if math.isfinite(one))
        line = "".join(_bar(bars[place], max(bars.values(), default=1)) for place in range(WIDTH))
        lost = sum(1 for one in values if math.isinf(one))
        note = f"{lost:,} got no reply" if lost else ""
        lines.append(f"{plain(name, _NAME - 1):<{_NAME}}  {line}  {note}".rstrip())
    ends = f"{duration(low)}{duration(high):>{WIDTH - len(duration(low))}}"
    return [*lines, margin + ends]


def _bar(number: int, most: int) -> str:
    return _HEIGHTS[math.ceil(number / most * len(_HEIGHTS)) - 1] if number else " "


def _marked(place: int, words: str, margin: str) -> str:
    """``words`` beside an arrow at ``place``, on the side where there is room."""
    if place > len(words):
        return f"{margin}{words + ' ▾':>{place + 1}}"
    return f"{margin}{'':>{place}}▾ {words}"
