"""What of an event goes into the index: a pure function from a line's fields to a row.

The log may come from anybody, so every field is taken for what it is only if it is.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST = 200
_MOST = 1e15  # ms


class Kind(NamedTuple):
    """What events have in common by the thousand: stored once, and what filters go by."""

    event_type: str
    mode: str
    reason: str
    backend: str
    model: str
    origin: str
    error: str
    success: bool | None
    is_fallback: bool


Raw = tuple[object, ...]
Columns = tuple[int, int | None, float | None, float | None, int | None, str | None]


def raw_kind(body: Mapping[str, Any]) -> Raw:
    """The fields of the event's kind as they stand there; few differ, so who calls may remember."""
    get = body.get
    return (
        get("event_type"),
        get("mode"),
        get("reason"),
        get("backend"),
        get("model"),
        get("origin"),
        get("error"),
        get("success"),
        get("is_fallback"),
    )


def kind_of(raw: Raw) -> Kind:
    """What of them is what it should be."""
    *texts, success, is_fallback = raw
    succeeded = success if isinstance(success, bool) else None
    return Kind._make((*map(_text, texts), succeeded, is_fallback is True))


def columns_of(body: Mapping[str, Any], kind: Kind) -> Columns:
    """What the event has for itself: ``time_ms call latency_ms ttft_ms answered note``.

    ``call`` is a hash of its call_id, ``answered`` is 1 for a call that succeeded, else None.
    """
    get = body.get
    call_id = get("call_id")
    return (
        epoch_ms(get("time")),
        call_hash(call_id) if isinstance(call_id, str) else None,
        _number(get("latency_ms")),
        _number(get("ttft_ms")),
        1 if kind.success and kind.event_type == "LLMCall" else None,
        _text(get("detail")) or _text(get("error_message")) or None,
    )


def call_hash(call_id: str) -> int:
    """32 bits of a call_id: a tenth of its size, and a collision only costs a look at the log."""
    return crc32(call_id.encode(errors="replace"))


def epoch_ms(time: object) -> int:
    """RFC 3339 to milliseconds since 1970; 0 for what is no time."""
    try:
        return round(datetime.fromisoformat(time).timestamp() * 1000)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError, OSError):
        return 0


def _text(value: object) -> str:
    return value[:_LONGEST] if isinstance(value, str) else ""


def _number(value: object) -> float | None:
    if value is None:
        return None
    return float(value) if isinstance(value, int | float) and abs(value) < _MOST else None
