"""The live latency of each mode, from the capsule's LLMCall events: bounded, windowed.

``Window`` and ``Windowed`` are the stretches of time that a chart shows, and what was in one.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core.figures import nearest_rank
from core.stages import LIVE_ORIGINS, Mode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from core.capsule.index import Slice, Totals
    from core.router.shadow import ShadowSummary
    from reflex_tui.model.rows import CallRow
    from reflex_tui.model.uptime import Minute

WINDOW_S = 15 * 60.0
_KEPT = 4096


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time up to now that a chart shows, in ``slices`` of equal length."""

    name: str
    seconds: int
    slices: int


WINDOWS = (Window("1 min", 60, 30), Window("15 min", 900, 90), Window("24 h", 86_400, 96))
DEFAULT = WINDOWS[1]


@dataclass(frozen=True, slots=True)
class Windowed:
    """What the capsule shows: the chart's slices by mode, today's totals, the hour, the shadow."""

    window: Window
    until: datetime
    today: Totals
    slices: Mapping[Mode, tuple[Slice, ...]] = field(default_factory=dict)
    hour: Mapping[int, Minute] = field(default_factory=dict)
    shadow: ShadowSummary | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """One latency over the window, oldest first; None stands for a call that failed. In ms.

    Of ``total`` a failed call counts as endless (∞) in the percentiles, as in a bakeoff.
    """

    values: tuple[float | None, ...] = ()
    p50: float | None = None
    p95: float | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """One mode over the window: ``calls`` counts attempts, ``failed`` those without an answer."""

    calls: int = 0
    failed: int = 0
    ttft: Series = Series()
    total: Series = Series()


class Latencies:
    """Remembers the newest calls of each mode."""

    def __init__(self, window_s: float = WINDOW_S) -> None:
        self.window_s = window_s
        self._calls: dict[Mode, deque[CallRow]] = {mode: deque(maxlen=_KEPT) for mode in Mode}

    def add(self, call: CallRow) -> None:
        """Take a call's end into account, unless a bakeoff or a shadow made it."""
        if call.mode is not None and call.origin in LIVE_ORIGINS:
            self._calls[call.mode].append(call)

    def clear(self) -> None:
        """Forget everything: another capsule is watched now."""
        for calls in self._calls.values():
            calls.clear()

    def figures(self, mode: Mode, now: datetime) -> Figures:
        """The window that ends at ``now``."""
        calls = self._calls[mode]
        while calls and (now - calls[0].at).total_seconds() > self.window_s:
            calls.popleft()
        ttft = [call.ttft_ms if call.success else None for call in calls]
        total = [call.latency_ms if call.success else None for call in calls]
        failed = sum(not call.success for call in calls)
        answered = [value for value in ttft if value is not None]
        waited = [math.inf if value is None else value for value in total]
        return Figures(len(calls), failed, _series(ttft, answered), _series(total, waited))


def _series(shown: Sequence[float | None], counted: Sequence[float]) -> Series:
    return Series(tuple(shown), nearest_rank(counted, 50), nearest_rank(counted, 95))
