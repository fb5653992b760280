"""What tasks of the user's own prove of success parity, where both models worked on them.

It is the gate's bet on success parity, on other tasks: whichever come along, one pair each, looked
at after any of them. A suite's evidence is not touched by it, as a pass is for a suite's tasks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.harness.gate.statistics.repeated import betting_bound, betting_evidence

if TYPE_CHECKING:
    from core.monitor.pairs import PairedTasks
    from core.settings.model import Thresholds


@dataclass(frozen=True, slots=True)
class OwnTasksParity:
    """Tasks reflex solved per 100 of the cloud's, and the least that this proves.

    ``evidence`` that it is at least ``success_parity_percent`` counts from ``needed`` on: 20 at
    confidence 0.95. None where the cloud solved nothing, or bounds are switched off.
    """

    percent: float | None
    bound_percent: float | None
    evidence: float
    needed: float


def parity_of(tasks: PairedTasks, thresholds: Thresholds) -> OwnTasksParity:
    """Success parity on the ``tasks``, by the thresholds as they count."""
    wanted, confidence = thresholds.success_parity_percent, thresholds.confidence
    needed = 1 / max(1e-12, 1 - confidence)
    results = [
        *[(1.0, 1.0)] * tasks.both,
        *[(1.0, 0.0)] * tasks.reflex_only,
        *[(0.0, 1.0)] * tasks.cloud_only,
        *[(0.0, 0.0)] * tasks.neither,
    ]
    return OwnTasksParity(
        percent=100 * tasks.reflex / tasks.cloud if tasks.cloud else None,
        bound_percent=100 * betting_bound(results, needed) if results and confidence else None,
        evidence=betting_evidence(results, wanted / 100) if wanted else 0.0,
        needed=needed,
    )
