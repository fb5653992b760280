"""Calls whose end is still to come; after an hour without it, their process is taken for dead.

A process that is killed in the middle of a call records no end of it, and the call's root span
would never be sent.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from core.clock import rfc3339
from core.stages import LIVE_ORIGINS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from core.capsule import EventLog, Record

LONGEST_CALL = timedelta(hours=1)
"""No call takes so long: its attempts have deadlines of minutes."""
_MOST = 128


class UnendedCalls:
    """The calls that have begun and not ended, by the ``seq`` of their first decisions.

    ``kept`` are those of the records before; the newest 128 are remembered.
    """

    def __init__(self, log: EventLog, kept: Iterable[int]) -> None:
        self._decisions: dict[str, Record] = {}
        for seq in kept:
            record = log.get(seq)
            if record is not None and _begins_a_call(record):
                self._begin(record)

    def take(self, records: Iterable[Record]) -> None:
        """Begin and end calls as ``records`` tell."""
        for record in records:
            body = record.body
            ended = record.event_type == "CallUnanswered" or (
                record.event_type == "LLMCall" and body.get("success") is True
            )
            if ended:
                self._decisions.pop(str(body.get("call_id")), None)
            elif _begins_a_call(record):
                self._begin(record)

    def abandoned(self, now: datetime) -> list[Record]:
        """The first decisions of those that began too long ago."""
        before = rfc3339(now - LONGEST_CALL)
        return [record for record in self._decisions.values() if record.time < before]

    def without(self, ended: Sequence[Record]) -> list[int]:
        """What is to be kept of the others."""
        over = {record.seq for record in ended}
        left = [record.seq for record in self._decisions.values() if record.seq not in over]
        return left[-_MOST:]

    def _begin(self, decision: Record) -> None:
        self._decisions.setdefault(str(decision.body.get("call_id")), decision)


def _begins_a_call(record: Record) -> bool:
    """Whether it decides on a request of a caller; others are attempts, and no more."""
    is_decision = record.event_type == "RoutingDecision" and bool(record.body.get("call_id"))
    return is_decision and str(record.body.get("origin")) in LIVE_ORIGINS
