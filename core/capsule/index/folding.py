"""Which events are one call: its first decision, each attempt's end, and each fallback after it.

The one rule for what is folded into a row, for the index and for what is in memory alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from core.stages import Reason

if TYPE_CHECKING:
    from collections.abc import Hashable

# What lies further from a call's first decision than this, counted in events, is not of it.
SPAN = 1 << 14
SESSION = 12  # as many signs of an agent's session as its rows go by

KeyT = TypeVar("KeyT", bound="Hashable")


class Head(NamedTuple):
    """A call's first decision, whose row stands for the whole call.

    ``course`` is the index's number for the kinds of its events so far.
    """

    seq: int
    course: int = 0


class OpenCalls(Generic[KeyT]):
    """The calls that further events may belong to, by what a call's events have in common.

    A call is over once an attempt at it was answered: what follows under its id is another one.
    """

    def __init__(self) -> None:
        self._heads: dict[KeyT, Head] = {}

    def of(self, key: KeyT, seq: int) -> Head | None:
        """The open call of the event at ``seq``."""
        head = self._heads.get(key)
        return head if head is not None and head.seq >= seq - SPAN else None

    def put(self, key: KeyT, head: Head) -> None:
        """A call begins with this head, or goes on with it."""
        self._heads[key] = head
        if len(self._heads) > 2 * SPAN:
            least = head.seq - SPAN
            self._heads = {key: head for key, head in self._heads.items() if head.seq >= least}

    def answered(self, key: KeyT) -> None:
        """The call is over."""
        self._heads.pop(key, None)


def continues(reason: str, *, is_fallback: bool) -> bool:
    """Whether such a decision follows a failed attempt at the same call, if there was one."""
    return is_fallback or reason == Reason.BACKEND_FAILED


def session_name(value: object) -> str:
    """How an agent's session is called in rows and filters: its id's beginning; empty for none."""
    if not isinstance(value, str):
        return ""
    return value.removeprefix("hmac-sha256:")[:SESSION].lower()
