"""What a demo showed, in figures from its own evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.capsule.index.columns import CALL
from core.stages import PRIMARY

if TYPE_CHECKING:
    from core.capsule import EventLog

_MOST_EVENTS = 20_000


@dataclass(frozen=True, slots=True)
class Tour:
    """Calls of a demo, those that reflex answered, those it failed at, and bakeoffs that began."""

    calls: int
    by_reflex: int
    fell_back: int
    bakeoffs: int


def tour_of(log: EventLog) -> Tour:
    """What the newest events of ``log`` say."""
    answered: dict[str, str] = {}
    seen: set[str] = set()
    failed: set[str] = set()
    bakeoffs = 0
    for record in log.tail(_MOST_EVENTS):
        body = record.body
        bakeoffs += record.event_type == "BakeoffStarted"
        if record.event_type != CALL or body.get("origin") not in {"live", "demo"}:
            continue
        call, backend = str(body.get("call_id")), str(body.get("backend"))
        seen.add(call)
        if body.get("success") is True:
            answered[call] = backend
        elif backend == PRIMARY:
            failed.add(call)
    reflex = sum(backend == PRIMARY for backend in answered.values())
    fallen = sum(answered.get(call, PRIMARY) != PRIMARY for call in failed)
    return Tour(len(seen), reflex, fallen, bakeoffs)
