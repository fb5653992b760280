"""A record as a span: stable ids from its hash, times from what it says; pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from core.export.genai import CHAT, attributes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.capsule import Record
    from core.export.genai import Value

_TRACE_BYTES = 16
_SPAN_BYTES = 8


@dataclass(frozen=True, slots=True)
class SpanFields:
    """What a span is made of; times in ns since 1970. ``failed`` is the error's code or None.

    The same record always gives the same ids, so that a collector which gets it twice can tell.
    All spans of one call share a trace, none is another's parent: a record may be shipped before
    the one it belongs to.
    """

    name: str
    trace_id: int
    span_id: int
    start_ns: int
    end_ns: int
    is_call: bool
    failed: str | None
    attributes: dict[str, Value]


def span_of(record: Record, *, with_io: bool) -> SpanFields:
    """The record's span. Without ``with_io`` it holds nothing raw."""
    body = record.body
    is_call = record.event_type == "LLMCall"
    end_ns = _nanoseconds(record.time)
    failed = is_call and not body.get("success")
    return SpanFields(
        name=f"{CHAT} {body.get('model')}" if is_call else record.event_type,
        trace_id=_trace_id(record),
        span_id=int.from_bytes(_digest(record)[-_SPAN_BYTES:]) or 1,
        start_ns=end_ns - _took_ns(body),
        end_ns=end_ns,
        is_call=is_call,
        failed=str(body.get("error") or "error") if failed else None,
        attributes=attributes(body, with_io=with_io),
    )


def _trace_id(record: Record) -> int:
    call_id = record.body.get("call_id")
    digest = sha256(f"call {call_id}".encode()).digest() if call_id else _digest(record)
    return int.from_bytes(digest[:_TRACE_BYTES]) or 1


def _digest(record: Record) -> bytes:
    return bytes.fromhex(record.hash.removeprefix("sha256:"))


def _took_ns(body: Mapping[str, Any]) -> int:
    latency_ms = body.get("latency_ms")
    return max(0, round(latency_ms * 1e6)) if isinstance(latency_ms, int | float) else 0


def _nanoseconds(time: str) -> int:
    return round(datetime.fromisoformat(time).timestamp() * 1000) * 1_000_000
