"""What the newest shadow calls showed: how often reflex agreed with the cloud, and how fast."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.capsule.events import ShadowComparedEvent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from core.capsule import EventLog

NEWEST = 1000


@dataclass(frozen=True, slots=True)
class ShadowSummary:
    """What the newest shadow calls of one server and model showed.

    ``calls`` were compared; ``agreed_percent`` of them agreed with the cloud, ``failed`` gave no
    valid reply in time. Percentiles are nearest rank in ms over all of them, a failed one counting
    as endless: None where that is the percentile, or where there were no calls.
    """

    calls: int
    failed: int
    agreed_percent: float | None
    p50_ms: float | None
    p95_ms: float | None


def shadow_summary(
    log: EventLog, *, endpoint: str, model: str, newest: int = NEWEST
) -> ShadowSummary:
    """What the ``newest`` shadow calls of ``model`` at ``endpoint`` showed.

    Raises:
        CapsuleError: the capsule cannot be read.
    """
    found: list[Mapping[str, Any]] = []

    def enough(body: Mapping[str, Any]) -> bool:
        if body.get("endpoint") == endpoint and body.get("model") == model:
            found.append(body)
        return len(found) >= newest

    log.last(ShadowComparedEvent.event_type, where=enough)
    return _summed(found)


def _summed(found: Sequence[Mapping[str, Any]]) -> ShadowSummary:
    if not found:
        return ShadowSummary(0, 0, None, None, None)
    answered = [one for one in found if one.get("success") is True]
    ranked = sorted(_milliseconds(one.get("latency_ms")) for one in answered)
    failed = len(found) - len(answered)
    ranked += [math.inf] * failed
    agreed = sum(one.get("agreed") is True for one in answered)
    return ShadowSummary(
        len(found), failed, 100 * agreed / len(found), _rank(ranked, 0.5), _rank(ranked, 0.95)
    )


def _milliseconds(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.inf


def _rank(ranked: Sequence[float], share: float) -> float | None:
    value = ranked[math.ceil(share * len(ranked)) - 1]
    return value if math.isfinite(value) else None
