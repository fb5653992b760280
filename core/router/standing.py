"""Which of the recorded gate decisions counts: the newest one on a suite whose passes count.

A bakeoff on any other suite neither gives a pass nor takes one away. It stays in the chain of
decisions all the same: those after the one that counts must all be there, so that none of them can
be a later decision with its record removed.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from core.capsule.decisions import NewestDecision, out_of_order
from core.settings.suites import counts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Body = Mapping[str, Any]


def listed(body: Body, suites: Sequence[str]) -> bool:
    """Whether a decision is on one of the suites whose passes count."""
    return counts(str(body.get("suite")), suites)


@dataclass(frozen=True, slots=True)
class Decided:
    """The decision that counts, and ``later`` ones on other suites, newest first.

    Where none counts ``event`` is the newest of all, which says what there is; None: no decision.
    """

    event: Body | None = None
    later: tuple[Body, ...] = ()

    def grown(self, newer: Sequence[Body], suites: Sequence[str]) -> Decided:
        """With ``newer`` decisions, newest first; all before the last listed one may be missing."""
        if not newer:
            return self
        for at, body in enumerate(newer):
            if listed(body, suites):
                return Decided(body, tuple(newer[:at]))
        if self.event and listed(self.event, suites):
            return Decided(self.event, (*newer, *self.later))
        return Decided(newer[0])

    def held_to(self, newest: NewestDecision) -> NewestDecision:
        """What ``event`` must agree with, where ``newest`` is the decision made last.

        That is itself, when all after it are here and are on other suites.
        """
        if self.event is None or not self.later:
            return newest
        number = self.event.get("number")
        if out_of_order(self.event, NewestDecision()) or not isinstance(number, int):
            return newest
        chain = (*self.later, self.event)
        whole = all(_follows(one, before) for one, before in pairwise(chain))
        if whole and out_of_order(self.later[0], newest) is None:
            return NewestDecision(number, str(self.event.get("seal")))
        return NewestDecision(max(newest.number, number + 1), newest.seal)


def _follows(later: Body, earlier: Body) -> bool:
    number = earlier.get("number")
    if not isinstance(number, int) or later.get("number") != number + 1:
        return False
    return bool(later.get("previous") == earlier.get("seal"))
