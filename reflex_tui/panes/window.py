"""Stretches of time that a chart can show, and what the capsule shows over one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from core.capsule.index import Slice, Totals
    from core.router.shadow_summary import ShadowSummary
    from core.stages import Mode
    from reflex_tui.panes.uptime import Minute


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
