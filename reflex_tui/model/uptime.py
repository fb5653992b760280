"""Whether the reflex server was up, minute by minute; a gap never counts as up.

Probes are not recorded. What is known comes from decisions (each says what health it found), from
calls that reflex answered or that could not reach it, and from this dashboard's own probes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core.stages import LIVE_ORIGINS, PRIMARY, Reason, Stage
from reflex_tui.model.rows import CALL, DECISION

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from core.capsule.index import Kind


MINUTES = 60
_UP = frozenset(
    {
        Reason.HEALTHY_AND_THRESHOLDS_MET,
        Reason.PROMPT_EXCEEDS_CONTEXT,
        Reason.HOLDOUT,
        Reason.THRESHOLDS_NOT_MET,
    }
)
_DOWN = frozenset({Reason.SERVER_UNHEALTHY, Reason.MODEL_NOT_AVAILABLE})
_UNREACHED = frozenset({"connect_failed"})


@dataclass(frozen=True, slots=True)
class Minute:
    """How often the server was seen up and down in one minute; never seen: not known."""

    up: int = 0
    down: int = 0

    @property
    def share(self) -> float | None:
        """The share (0 to 1) of the looks that found it up; None where there were none."""
        looks = self.up + self.down
        return self.up / looks if looks else None

    def __add__(self, other: Minute) -> Minute:
        return Minute(self.up + other.up, self.down + other.down)


def verdict(kind: Kind) -> bool | None:
    """Whether an event of that kind shows the reflex server up or down; None when it does not."""
    if kind.event_type == DECISION and not kind.is_fallback:
        if kind.reason in _UP:
            return True
        # The breaker is asked after the server, so an open one means that it was healthy.
        if kind.reason == Reason.MAX_FAILURES_REACHED:
            return True
        return False if kind.reason in _DOWN else None
    if kind.event_type == CALL and kind.backend == PRIMARY:
        if kind.success:
            return True
        return False if kind.error in _UNREACHED else None
    return None


def is_first(kind: Kind) -> bool:
    """Whether an event of that kind is the first decision about an Implement call of an agent's."""
    return (
        kind.event_type == DECISION
        and not kind.is_fallback
        and kind.stage == Stage.IMPLEMENT
        and kind.origin in LIVE_ORIGINS
    )


def minute_of(moment: datetime) -> int:
    """The minute since 1970 that a moment lies in."""
    return int(moment.timestamp() // 60)


@dataclass(slots=True)
class Looks:
    """This dashboard's own looks of the last hour, by the minute since 1970."""

    _minutes: dict[int, Minute] = field(default_factory=dict)

    def add(self, at: datetime, *, ok: bool) -> None:
        """Take one look into account."""
        minute = minute_of(at)
        found = Minute(up=1) if ok else Minute(down=1)
        self._minutes[minute] = self._minutes.get(minute, Minute()) + found
        for old in [each for each in self._minutes if each <= minute - MINUTES]:
            del self._minutes[old]

    def clear(self) -> None:
        """Forget all: another server is looked at."""
        self._minutes.clear()

    def hour(self, capsule: Mapping[int, Minute], now: datetime) -> tuple[Minute, ...]:
        """The last hour's minutes, oldest first, with what the ``capsule`` shows of them."""
        newest = minute_of(now)
        nothing = Minute()
        return tuple(
            self._minutes.get(each, nothing) + capsule.get(each, nothing)
            for each in range(newest - MINUTES + 1, newest + 1)
        )


def share_up(minutes: Sequence[Minute]) -> tuple[float | None, int]:
    """The share (0 to 1) of the minutes that are known, and how many those are."""
    known = [minute.share for minute in minutes if minute.share is not None]
    return (sum(known) / len(known) if known else None), len(known)


def squeezed(minutes: Sequence[Minute], cells: int) -> tuple[Minute, ...]:
    """Neighbours put together so that at most ``cells`` remain, each of as many minutes."""
    if cells <= 0:
        return ()
    each = -(-len(minutes) // cells)
    first = len(minutes) % each
    starts = ([0] if first else []) + list(range(first, len(minutes), each))
    ends = [*starts[1:], len(minutes)]
    return tuple(sum(minutes[start:end], Minute()) for start, end in zip(starts, ends, strict=True))


def counted(found: Counter[tuple[int, bool]]) -> dict[int, Minute]:
    """Minutes from how often each ``(minute, was up)`` was seen."""
    minutes = {minute for minute, _ in found}
    return {each: Minute(found[each, True], found[each, False]) for each in minutes}
