"""One call's events in order, each with when it began and how long it took.

``call_records`` reads them and blocks, so it is for threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.capsule import EventLog
from core.capsule.index import Index
from core.figures import count, duration
from reflex_tui.model.rows import (
    CALL,
    DECISION,
    call_end,
    decision_row,
    number,
    other_row,
    parse_time,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from core.capsule import Record
    from reflex_tui.model.rows import CallRow, Row

# So many events on both sides are looked through; the index knows those further off.
_NEAR = 200


@dataclass(frozen=True, slots=True)
class Step:
    """A decision or an attempt: from ``start`` for ``length`` of the whole, both 0 to 1.

    ``until_first`` is what of its length passed until the first token; 0 where that is not known.
    ``good`` is None where there is nothing to judge.
    """

    record: Record
    name: str
    who: str
    text: str
    took: str
    good: bool | None
    start: float
    length: float
    until_first: float = 0.0


def timeline(records: Sequence[Record]) -> list[Step]:
    """The steps of a call, oldest first."""
    spans = [_span(record) for record in records]
    if not spans:
        return []
    first = min(begin for begin, _ in spans)
    whole = max(max(end for _, end in spans) - first, 1e-6)
    return [
        _step(record, (begin - first) / whole, (end - begin) / whole)
        for record, (begin, end) in zip(records, spans, strict=True)
    ]


def _span(record: Record) -> tuple[float, float]:
    """Begin and end in seconds; a record is written at its end, a decision before its call."""
    end = parse_time(record.time).timestamp()
    took = number(record.body, "latency_ms") or 0.0
    return end - max(0.0, min(took, 1e9)) / 1000, end


def _step(record: Record, start: float, length: float) -> Step:
    if record.event_type == DECISION:
        row = decision_row(record)
        name = "fallback" if row.fallback else "decision"
        text = f"{row.text} ({row.detail})" if row.detail else row.text
        return Step(record, name, row.title, text, duration(row.decided_ms), None, start, length)
    if record.event_type == CALL:
        call = call_end(record)
        who = call.backend or str(call.mode or "?")
        if call.success:
            ttft = f"TTFT {duration(call.ttft_ms)}" if call.ttft_ms is not None else ""
            tokens = f"{count(call.tokens)} tokens" if call.tokens is not None else ""
            text = "✓ " + (", ".join(part for part in (ttft, tokens) if part) or "answered")
        else:
            text = f"✖ {call.error or 'failed'}"
        return Step(
            record,
            f"attempt {call.attempt}",
            who,
            text,
            duration(call.latency_ms),
            call.success,
            start,
            length,
            _until_first(call, length),
        )
    row = other_row(record)
    return Step(record, row.title, "", row.text, "", None, start, length)


def _until_first(call: CallRow, length: float) -> float:
    if call.ttft_ms is None or not call.latency_ms or call.ttft_ms < 0:
        return 0.0
    return length * min(1.0, call.ttft_ms / call.latency_ms)


def call_records(capsule: Path, row: Row) -> tuple[list[Record], list[bool]]:
    """The records of the row's call, oldest first, and whether each follows the one before it.

    A row without a call is its own record only.

    Raises:
        CapsuleError: they cannot be read.
    """
    log = EventLog(capsule)
    around = {
        record.seq: record
        for record in (*log.before(row.seq, _NEAR), *log.read(row.seq - 1, limit=_NEAR))
    }
    if row.call_id:
        with Index(log) as index:
            further = [seq for seq in index.seqs(row.call_id) if seq not in around]
        around |= {seq: record for seq in further if (record := log.get(seq))}
    records = [
        record
        for _, record in sorted(around.items())
        if record.seq == row.seq or (row.call_id and str(record.body.get("call_id")) == row.call_id)
    ]
    return records, [_follows(log, around, record) for record in records]


def _follows(log: EventLog, around: dict[int, Record], record: Record) -> bool:
    if record.seq == 1:
        return True
    before = around.get(record.seq - 1) or log.get(record.seq - 1)
    return before is not None and before.hash == record.prev


def previous_records(capsule: Path, row: Row) -> list[Record]:
    """The records of the call before the row's: of its session if it has one, else of its stage.

    Empty where none of the last hundreds of events is of such a call.

    Raises:
        CapsuleError: they cannot be read.
    """
    for record in reversed(list(EventLog(capsule).before(row.seq, 2 * _NEAR))):
        if record.event_type != DECISION:
            continue
        before = decision_row(record)
        same = before.session == row.session if row.session else before.stage == row.stage
        if same and before.call_id != row.call_id and before.origin == row.origin:
            return call_records(capsule, before)[0]
    return []
