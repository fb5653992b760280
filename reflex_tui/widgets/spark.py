"""Bars from a zero baseline up to a ceiling that stays put: what a latency looks like.

Textual's own sparkline scales between the smallest and the largest value, so that a steady 50 ms
is drawn empty and one slow call makes all others vanish.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

EIGHTHS = " ▁▂▃▄▅▆▇█"
_STEPS = (1.0, 2.0, 5.0, 10.0)


def ceiling(values: Iterable[float | None], *, least: float) -> float:
    """The next of 1, 2, 5, 10, 20, … that no finite value exceeds, and not under ``least``."""
    highest = max((v for v in values if v is not None and math.isfinite(v)), default=0.0)
    if highest <= least:
        return least
    power = 10.0 ** math.floor(math.log10(highest))
    return next(step * power for step in _STEPS if step * power >= highest)


def eighths(value: float | None, top: float, rows: int) -> int:
    """How many eighths of a row's height ``value`` fills; what is not zero is never invisible."""
    if value is None or math.isnan(value) or value <= 0:
        return 0
    full = rows * 8
    return full if value >= top else max(1, math.ceil(value / top * full - 1e-9))


def bars(values: Sequence[float | None], top: float, width: int, rows: int = 1) -> list[str]:
    """``rows`` lines, highest first, of the last ``width`` values; the newest is rightmost."""
    shown = list(values[-width:]) if width > 0 else []
    heights = [eighths(value, top, rows) for value in shown]
    lines = []
    for row in range(rows - 1, -1, -1):
        cells = (EIGHTHS[min(8, max(0, height - row * 8))] for height in heights)
        lines.append("".join(cells).rjust(width))
    return lines
