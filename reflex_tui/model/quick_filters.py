"""The filters that are always there, each with how many calls it finds; and the user's own.

``QuickCounts`` keeps the counts: of the older calls as the index told them, of those in memory as
they come and change.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from reflex_tui.model.filters import LogFilter, parse_filter
from reflex_tui.model.log import Matches

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reflex_tui.model.log import NewestRows


@dataclass(frozen=True, slots=True)
class QuickFilter:
    """A filter by a word; ``binding`` is the id of the key that sets it, ``key`` its default."""

    name: str
    text: str
    filter: LogFilter
    binding: str
    key: str


@lru_cache(8)
def quick_filters(limit_ms: float) -> tuple[QuickFilter, ...]:
    """Those that are always there; slow is what takes longer than the limit."""
    limit = f"{limit_ms / 1000:g}s"
    found = (
        ("all", "", "routing.all", "a"),
        ("failed", "is:failed", "routing.failed", "x"),
        ("fell back", "is:fallback", "routing.fallback", "b"),
        ("cloud", "mode:cloud", "routing.cloud", "c"),
        (f"> {limit}", f">{limit}", "routing.slow", "o"),
        ("held out", "reason:holdout", "routing.holdout", "h"),
    )
    return tuple(
        QuickFilter(name, text, parse_filter(text), binding, key)
        for name, text, binding, key in found
    )


class QuickCounts:
    """How many rows each filter finds; None while that is not known of the older ones."""

    def __init__(self, newest: NewestRows) -> None:
        self._newest = newest
        self._matches: dict[LogFilter, Matches] = {}
        self._older: dict[LogFilter, int] = {}

    def use(self, filters: Iterable[LogFilter], *, all_here: bool) -> list[LogFilter]:
        """Count these; ``all_here`` says that there are no older rows. Returns whose are wanted."""
        self._matches = {each: Matches(self._newest, each) for each in filters}
        self._older = dict.fromkeys(self._matches, 0) if all_here else {}
        return [each for each in self._matches if each not in self._older]

    def counted(self, chosen: LogFilter, older: int) -> None:
        """So many of the older rows pass."""
        if chosen in self._matches:
            self._older[chosen] = older

    def appended(self, rows: int, completed: Iterable[int]) -> None:
        """Account for rows at the end, and for rows that changed."""
        changed = tuple(completed)
        for matches in self._matches.values():
            matches.appended(rows, changed)

    def trimmed(self) -> None:
        """Account for the oldest in memory having gone: they are the index's now."""
        for chosen, matches in self._matches.items():
            gone = matches.trimmed()
            if chosen in self._older:
                self._older[chosen] += gone

    def count(self, chosen: LogFilter) -> int | None:
        """How many rows pass; None while it is not known."""
        older = self._older.get(chosen)
        return None if older is None else older + len(self._matches[chosen])
