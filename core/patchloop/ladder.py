"""How a task is asked next: a ladder of different questions instead of repeats.

1. ``rewrite``: the task, the faulty file as a version that is wrong, the failure; write it anew.
2. ``mask``: the same without the faulty bodies, where they can be hidden. Small models copy what
   they see: this solved as many tasks again as were solved before (docs/suites.md).
3. ``search``: the first question, answered by search and replace, where ``auto`` has asked for
   functions until now: what is wrong may stand outside of them.
4. ``feedback``: the last reply and what was wrong with it. Again only while the failure is new.
5. ``variant``: the first two with a hint, another each time.

A call that brought no reply is asked again as it was: nothing has been tried yet.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.patchloop.trial import FailureKind


class Rung(StrEnum):
    """One kind of attempt."""

    REWRITE = "rewrite"
    MASK = "mask"
    SEARCH = "search"
    FEEDBACK = "feedback"
    VARIANT = "variant"


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    """An attempt whose reply failed: how it was asked, what came, and what was wrong with it."""

    rung: Rung
    failure: FailureKind
    detail: str
    reply: str = field(repr=False)
    diff: str = field(default="", repr=False)


def next_rung(
    past: Sequence[FailedAttempt], *, can_mask: bool, can_search: bool = False, hints: int
) -> Rung | None:
    """How to ask after the attempts ``past``; None when every question has been asked.

    ``can_mask`` says whether bodies can be hidden, ``can_search`` whether search and replace is
    another format than the first, ``hints`` how many there are for variants.
    """
    used = [one.rung for one in past]
    if Rung.REWRITE not in used:
        return Rung.REWRITE
    if can_mask and Rung.MASK not in used:
        return Rung.MASK
    if can_search and Rung.SEARCH not in used:
        return Rung.SEARCH
    if Rung.FEEDBACK not in used or _is_new(past):
        return Rung.FEEDBACK
    variants = hints * (2 if can_mask else 1)
    return Rung.VARIANT if used.count(Rung.VARIANT) < variants else None


def _is_new(past: Sequence[FailedAttempt]) -> bool:
    """Whether neither the last reply nor its failure was seen before."""
    *before, last = past
    return not any(
        one.reply == last.reply or (one.failure, one.detail) == (last.failure, last.detail)
        for one in before
    )
