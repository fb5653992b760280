"""What the gate rests on now, in order: the promise that live calls broke, then the criteria.

The health pane, the check sheet and ``status`` take it from here. A bakeoff's criteria are a
verdict only while they decide. Below a pass that was taken away, or that lapsed, they are what a
bakeoff measured at its time, and are shown as that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from core.figures import ago, day_time
from core.plain import plain
from core.router.lapses import OUTCOMES
from reflex_tui.model.gate import criteria, figures_of, why
from reflex_tui.model.watched import watched_row

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.router.decision import GateView
    from core.settings import Thresholds
    from reflex_tui.model.gate import CriterionRow
    from reflex_tui.model.watched import WatchedRow

NOT_MEASURED = "demo pass (not measured)"


@dataclass(frozen=True, slots=True)
class GateTable:
    """``broken`` is the promise for which the pass was taken away, ``since`` how long ago.

    ``told`` says of the criteria where they come from, the longest first; it is empty where they
    are the verdict that holds. They are of the ``past`` where they no longer decide.
    """

    broken: WatchedRow | None
    since: str
    told: tuple[str, ...]
    past: bool
    criteria: tuple[CriterionRow, ...]

    @property
    def demoted(self) -> str:
        """``demoted 3 min ago: outcomes 9 of 13 wrong, 15 % may be``; empty where it was not."""
        if self.broken is None:
            return ""
        when = f" {self.since}" if self.since else ""
        return f"demoted{when}: {self.broken.name} {self.broken.told}"


def gate_table(gate: GateView, thresholds: Thresholds) -> GateTable:
    """The table of a gate as the router sees it."""
    event = gate.event or {}
    demotion = gate.demotion
    recorded = bool(event.get("cause")) and gate.age_days is not None
    return GateTable(
        broken=watched_row(demotion) if demotion else None,
        since=ago((gate.age_days or 0.0) * 86_400) if demotion and recorded else "",
        told=_told(gate, event),
        past=bool(event) and not decides(gate),
        criteria=criteria(gate.event, thresholds),
    )


def decides(gate: GateView) -> bool:
    """Whether the criteria in the gate's event are the verdict that holds now."""
    return gate.valid or (gate.event is not None and gate.detail in OUTCOMES)


@dataclass(frozen=True, slots=True)
class DemotedReport:
    """The report, by its file's ``name``, whose pass live calls took away, and why in a clause."""

    name: str
    why: str


def demoted_report(gate: GateView) -> DemotedReport | None:
    """None where the pass was not taken away."""
    named = PurePath(str((gate.event or {}).get("report_path") or "")).name
    return DemotedReport(plain(named, 120), why(gate)) if gate.demotion and named else None


def _told(gate: GateView, event: Mapping[str, Any]) -> tuple[str, ...]:
    after = ", before the demotion" if event.get("cause") or gate.demotion else ""
    stamps = event.get("stamps")
    if not figures_of(event):
        demo = isinstance(stamps, list) and "demo" in stamps
        return (f"{NOT_MEASURED}{after}",) if demo else ()
    if decides(gate):
        return ()
    suite = plain(event.get("suite", ""), 40)
    bakeoff = f"bakeoff of {when}" if (when := _measured_at(event)) else "bakeoff"
    after = after or ", not valid now"
    return f"{bakeoff} on {suite}{after}", f"{bakeoff}{after}"


def _measured_at(event: Mapping[str, Any]) -> str:
    """When the bakeoff ended; a demotion keeps that beside its evidence."""
    drift = event.get("drift")
    own = drift.get("passed_at") if isinstance(drift, dict) else None
    try:
        return day_time(
            datetime.fromisoformat(str(own if event.get("cause") else event["decided_at"]))
        )
    except (ValueError, KeyError, OverflowError):
        return ""
