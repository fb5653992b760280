"""A call beside the one before it: what was asked, who answered, and what that took."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.figures import NONE, count, duration
from reflex_tui.model.log import NewestRows
from reflex_tui.model.rows import CALL, entries_of, number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from core.capsule import Record
    from reflex_tui.model.rows import Row


@dataclass(frozen=True, slots=True)
class ComparedFact:
    """A fact of both calls in words; ``delta`` is how the figure changed, if it is one."""

    name: str
    this: str
    before: str
    delta: str = ""

    @property
    def differs(self) -> bool:
        """Whether the two are not the same."""
        return self.this != self.before


def compared(records: Sequence[Record], before: Sequence[Record]) -> list[ComparedFact]:
    """Both calls' facts side by side; empty unless both have a decision."""
    this_row, before_row = _row(records), _row(before)
    if this_row is None or before_row is None:
        return []
    facts = [
        _fact("outcome", this_row, before_row, _outcome),
        _fact("path", this_row, before_row, lambda row: row.path),
        _fact("why", this_row, before_row, lambda row: row.text),
        _fact("model", this_row, before_row, lambda row: row.model),
        _figure("waited", this_row.waited_ms, before_row.waited_ms, duration),
        _figure("TTFT", _ttft(this_row), _ttft(before_row), duration),
    ]
    last, last_before = _last_call(records), _last_call(before)
    facts += [
        _figure(name, number(last, key), number(last_before, key), _whole)
        for name, key in (
            ("prompt tokens", "prompt_tokens"),
            ("from cache", "cached_tokens"),
            ("reply tokens", "completion_tokens"),
        )
    ]
    return [*facts, _prompts(last, last_before)]


def _row(records: Sequence[Record]) -> Row | None:
    rows = NewestRows()
    rows.append(entries_of(records))
    return next((row for o in range(rows.end) if (row := rows.row(o)).is_decision), None)


def _outcome(row: Row) -> str:
    if row.last is None:
        return "no end recorded"
    return "✓ answered" if row.last.success else f"✖ {row.last.error or 'failed'}"


def _ttft(row: Row) -> float | None:
    return row.last.ttft_ms if row.last else None


def _last_call(records: Sequence[Record]) -> Mapping[str, Any]:
    return next((each.body for each in reversed(records) if each.event_type == CALL), {})


def _whole(value: float | None) -> str:
    return NONE if value is None else count(int(value))


def _fact(name: str, this: Row, before: Row, told: Callable[[Row], str]) -> ComparedFact:
    return ComparedFact(name, told(this), told(before))


def _figure(
    name: str, this: float | None, before: float | None, told: Callable[[float | None], str]
) -> ComparedFact:
    delta = ""
    if this is not None and before is not None and this != before:
        delta = f"{'+' if this > before else '-'}{told(abs(this - before))}"
    return ComparedFact(name, told(this), told(before), delta)


def _prompts(this: Mapping[str, Any], before: Mapping[str, Any]) -> ComparedFact:
    """How many messages the two prompts begin with alike, where both are stored."""
    mine, theirs = _messages(this), _messages(before)
    if mine is None or theirs is None:
        return ComparedFact("messages", _counted(mine), _counted(theirs))
    pairs = zip(mine, theirs, strict=False)
    alike = next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(mine), len(theirs)))
    return ComparedFact("messages", _counted(mine), _counted(theirs), f"first {alike} the same")


def _messages(body: Mapping[str, Any]) -> list[Any] | None:
    request = body.get("request")
    messages = request.get("messages") if isinstance(request, dict) else None
    return messages if isinstance(messages, list) else None


def _counted(messages: list[Any] | None) -> str:
    return "not stored" if messages is None else count(len(messages))
