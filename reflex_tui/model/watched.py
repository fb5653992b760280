"""What live calls show of a pass, a row for each promise: how near the evidence is to its limit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.figures import count, percent
from reflex_tui.model.rows import number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.router.decision import GateView

_WORDS = {
    "drift_latency": ("latency", "too slow"),
    "drift_compliance": ("replies", "invalid"),
    "drift_outcomes": ("outcomes", "wrong"),
}


@dataclass(frozen=True, slots=True)
class WatchedRow:
    """One promise; ``level`` is the evidence on the way to its limit, 0 to 1, on a log scale.

    ``counted`` is what was seen, ``allowed`` what may be (empty where the pass does not say),
    ``short`` the first without its words.
    """

    name: str
    level: float
    counted: str
    allowed: str
    short: str

    @property
    def told(self) -> str:
        """What was seen, and what may be."""
        return f"{self.counted}, {self.allowed}" if self.allowed else self.counted

    @property
    def percent(self) -> str:
        """The level in words."""
        return percent(math.floor(100 * self.level))


def watched_rows(gate: GateView) -> tuple[WatchedRow, ...]:
    """A row for each promise of which there are calls, while the pass is watched."""
    if gate.demotion is not None:
        return ()
    return tuple(watched_row(one.as_json()) for one in gate.drift or () if one.calls)


def watched_row(one: Mapping[str, Any]) -> WatchedRow:
    """The row of a promise's evidence, of a pass that is watched or that it was taken from."""
    name, bad = _WORDS.get(str(one.get("cause")), ("calls", "bad"))
    calls, worse = (int(number(one, key) or 0) for key in ("calls", "bad"))
    evidence, limit = number(one, "evidence") or 1.0, number(one, "limit") or math.e
    allowed = number(one, "allowed")
    of = f"{count(worse)} of {count(calls)}"
    return WatchedRow(
        name,
        level=min(1.0, max(0.0, math.log(max(evidence, 1.0)) / math.log(max(limit, math.e)))),
        counted=f"{of} {bad}",
        allowed="" if allowed is None else f"{percent(100 * allowed)} may be",
        short=of,
    )
