"""The log's filter: ``mode:cloud reason:unhealthy >500ms some text``, all of it together."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.capsule.index import STATES
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from reflex_tui.model.rows import Row


# As the index asks it, so that rows in memory and on disk pass alike: what any part of a call says.
FIELDS: dict[str, Callable[[Row], Iterable[str]]] = {
    "mode": lambda row: (part.mode for part in row.parts),
    "reason": lambda row: _reasons(row) if row.is_decision else (row.detail,),
    "stage": lambda row: (row.stage,),
    "backend": lambda row: (part.backend for part in row.parts) if row.parts else (row.backend,),
    "model": lambda row: (part.model for part in row.parts) if row.parts else (row.model,),
    "error": lambda row: (error for part in row.parts for error in part.errors),
    "type": lambda row: (row.event_type,),
    "origin": lambda row: (row.origin,),
    "call": lambda row: (row.call_id,),
    "session": lambda row: (row.session,),
    "is": lambda row: (state for state in STATES if row.has_state(state)),
}
# Ids and states are known by how they begin; anything else by what it contains.
_BEGINS = {"call", "session", "is"}
# Of a call_id, as many characters as the index holds.
_CALLED = 12
_DURATION = re.compile(r"([<>])=?(\d{1,9}(?:\.\d{1,3})?)(ms|s|)")
_FIELD = re.compile(r"([a-z]+):(.*)")


class FilterError(ValueError):
    """A filter that cannot be understood; ``str()`` says which part, and what would be."""


@dataclass(frozen=True, slots=True)
class LogFilter:
    """What rows must have: ``fields`` and ``words`` contain, total latency within the bounds, ms.

    A call is one row, and passes by what any of its decisions and attempts says. It is known by how
    its id begins, or its session's. Letters match whatever their case. A row without a latency is
    within no bound.
    """

    fields: tuple[tuple[str, str], ...] = ()
    words: tuple[str, ...] = ()
    over_ms: float | None = None
    under_ms: float | None = None

    @property
    def is_empty(self) -> bool:
        """Whether every row passes."""
        return self == LogFilter()

    def accepts(self, row: Row) -> bool:
        """Whether the row is to be shown."""
        if not all(_has(row, field, value) for field, value in self.fields):
            return False
        if self.words and not all(_says(row, word) for word in self.words):
            return False
        if self.over_ms is None and self.under_ms is None:
            return True
        total = row.waited_ms
        if total is None:
            return False
        over = self.over_ms is None or total > self.over_ms
        return over and (self.under_ms is None or total < self.under_ms)


def parse_filter(text: str) -> LogFilter:
    """The filter a person typed.

    Raises:
        FilterError: a field that does not exist, or a bound that is no duration.
    """
    fields, words = [], []
    over_ms = under_ms = None
    for term in text.lower().split():
        if term[0] in "<>":
            sign, bound_ms = _bound(term)
            over_ms, under_ms = (bound_ms, under_ms) if sign == ">" else (over_ms, bound_ms)
        elif (found := _FIELD.fullmatch(term)) and not term.startswith("sha256:"):
            if found[1] not in FIELDS:
                raise FilterError(_unknown(found[1]))
            if found[1] == "is" and not any(each.startswith(found[2]) for each in STATES):
                raise FilterError(f"is: takes {', '.join(STATES)}")
            fields.append((found[1], found[2]))
        else:
            words.append(term)
    return LogFilter(tuple(fields), tuple(words), over_ms, under_ms)


def _bound(term: str) -> tuple[str, float]:
    found = _DURATION.fullmatch(term)
    if not found:
        raise FilterError(f"{plain(term, 20)}: write a latency such as >500ms or <2s")
    return found[1], float(found[2]) * (1000 if found[3] == "s" else 1)


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, FIELDS, 1)
    hint = f"did you mean {near[0]}: ?" if near else f"known: {' '.join(FIELDS)}"
    return f"{plain(name, 20)}: no such field; {hint}"


def _has(row: Row, field: str, value: str) -> bool:
    if not value:
        return True
    if field in _BEGINS:
        most = _CALLED if field != "is" else len(value)
        return any(said[:most].lower().startswith(value[:most]) for said in FIELDS[field](row))
    return any(value in said.lower() for said in FIELDS[field](row))


def _says(row: Row, word: str) -> bool:
    said = [row.stage, *_reasons(row)]
    for part in row.parts:
        said += (part.mode, part.backend, part.model, *part.errors)
    if not row.parts:
        said += (row.event_type, row.backend, row.model, row.detail)
    return any(word in each.lower() for each in said) or _has(row, "call", word)


def _reasons(row: Row) -> list[str]:
    return [each for part in row.parts for each in (part.reason, part.detail)]
