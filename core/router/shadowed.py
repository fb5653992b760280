"""What shadow calls showed: how often reflex agreed with the cloud, and who solved which task."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from core.capsule.events import ShadowCheckedEvent, ShadowComparedEvent
from core.capsule.keys import seal_holds
from core.figures import finite, nearest_rank
from core.monitor.pairs import NO_PAIRS, PairedTasks, by_solver, solved_by

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from core.capsule import EventLog

NEWEST = 1000
SHADOWED = (ShadowComparedEvent.event_type, ShadowCheckedEvent.event_type)
"""The events that tell of shadow calls."""


@dataclass(frozen=True, slots=True)
class ShadowSummary:
    """What the newest shadow calls of one server and model showed.

    ``calls`` were compared; ``agreed_percent`` of them agreed with the cloud, ``failed`` gave no
    valid reply in time. Percentiles are nearest rank in ms over all of them, a failed one counting
    as endless: None where that is the percentile, or where there were no calls. ``tasks`` were
    compared by their check instead, and are not among the calls.
    """

    calls: int
    failed: int
    agreed_percent: float | None
    p50_ms: float | None
    p95_ms: float | None
    tasks: PairedTasks = NO_PAIRS


def shadow_summary(
    log: EventLog,
    workspace: Path,
    *,
    endpoint: str,
    model: str,
    key: bytes | None = None,
    newest: int = NEWEST,
) -> ShadowSummary:
    """What the ``newest`` shadow calls, and checked tasks, of ``model`` at ``endpoint`` showed.

    Tasks count where they carry the seal of the user whose ``key`` it is.

    Raises:
        CapsuleError: the capsule cannot be read.
    """

    def newest_of(
        event_type: str, counts: Callable[[Mapping[str, Any]], bool]
    ) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []

        def enough(body: Mapping[str, Any]) -> bool:
            asked = (body.get("endpoint"), body.get("model")) == (endpoint, model)
            if asked and counts(body):
                found.append(body)
            return len(found) >= newest

        log.last(event_type, where=enough)
        return found

    tasks: set[str] = set()

    def is_new(body: Mapping[str, Any]) -> bool:
        if key is None or not seal_holds(body, workspace, key):
            return False
        task = str(body.get("original_call_id"))
        copied = task in tasks  # a copied record says nothing new
        tasks.add(task)
        return not copied

    compared = newest_of(ShadowComparedEvent.event_type, lambda _: True)
    checked = newest_of(ShadowCheckedEvent.event_type, is_new)
    return replace(_summed(compared), tasks=by_solver(map(solved_by, checked)))


def _summed(found: Sequence[Mapping[str, Any]]) -> ShadowSummary:
    if not found:
        return ShadowSummary(0, 0, None, None, None)
    answered = [one for one in found if one.get("success") is True]
    ranked = sorted(_milliseconds(one.get("latency_ms")) for one in answered)
    failed = len(found) - len(answered)
    ranked += [math.inf] * failed
    agreed = sum(one.get("agreed") is True for one in answered)
    return ShadowSummary(
        len(found),
        failed,
        100 * agreed / len(found),
        _finite(nearest_rank(ranked, 50)),
        _finite(nearest_rank(ranked, 95)),
    )


def _milliseconds(value: object) -> float:
    number = finite(value)
    return math.inf if number is None else number


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
