"""The routing log's rows: each decision with what became of it, and the rarer events between.

The capsule is a file that anybody may have written: every field is taken as text or number if it
is one, and made plain here, once, before anything shows it. ``timeline`` puts one call's events in
order; ``call_records`` reads them and blocks, so it is for threads.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from core.capsule import EventLog
from core.capsule.index import Index
from core.figures import count, duration
from core.plain import plain
from core.stages import Mode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from core.capsule import Record
    from core.capsule.index import End, IndexedAttempt, ListedRow


DECISION = "RoutingDecision"
CALL = "LLMCall"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_YEAR, _LAST_YEAR = 1970, 9000

_MODES = frozenset(Mode)

# So many events on both sides are looked through; the index knows those further off.
_NEAR = 200


class RowOutcome(StrEnum):
    """What became of a decision."""

    PENDING = "pending"
    ANSWERED = "answered"
    FAILED = "failed"
    UNKNOWN = "outcome_unknown"


@dataclass(frozen=True, slots=True)
class CallRow:
    """One attempt's end, from an LLMCall event; times in ms."""

    seq: int
    at: datetime
    mode: Mode | None
    backend: str
    call_id: str
    origin: str
    success: bool
    attempt: int
    latency_ms: float | None
    ttft_ms: float | None
    tokens: int | None
    error: str


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the log; ``title`` is the mode of a decision, else the event's short name.

    ``detail`` is a decision's, else the names in the event that a person may look for.
    ``last`` is the newest attempt that belongs to the decision, ``attempts`` how many there were,
    ``waited_ms`` what they took together: what the caller waited.
    """

    seq: int
    at: datetime
    event_type: str
    title: str
    text: str
    stage: str = ""
    backend: str = ""
    model: str = ""
    detail: str = ""
    call_id: str = ""
    origin: str = ""
    fallback: bool = False
    decided_ms: float | None = None
    attempts: int = 0
    last: CallRow | None = field(default=None, compare=False)
    waited_ms: float | None = None

    def ended(self, call: CallRow) -> Row:
        """The row once another of its attempts has ended."""
        waited_ms = call.latency_ms
        if waited_ms is not None:
            waited_ms += self.waited_ms or 0.0
        return replace(self, attempts=self.attempts + 1, last=call, waited_ms=waited_ms)

    @property
    def is_decision(self) -> bool:
        """Whether it is a decision, which a call follows."""
        return self.event_type == DECISION

    @property
    def key(self) -> tuple[str, str]:
        """What an LLMCall names its decision by."""
        return self.call_id, self.backend

    def outcome(self, now: datetime, patience_s: float) -> RowOutcome:
        """What became of it as of ``now``; after ``patience_s`` without an end it is unknown."""
        if self.last is not None:
            return RowOutcome.ANSWERED if self.last.success else RowOutcome.FAILED
        waited = (now - self.at).total_seconds()
        return RowOutcome.PENDING if waited <= patience_s else RowOutcome.UNKNOWN


def entries_of(records: Iterable[Record]) -> tuple[Row | CallRow, ...]:
    """The records as rows, and as the ends of attempts."""
    return tuple(call_end(each) if each.event_type == CALL else _row(each) for each in records)


def listed_row(found: ListedRow) -> Row:
    """A row that was fetched from the index, with the end of its last attempt."""
    if found.record is None:
        return Row(found.seq, _EPOCH, "damaged", "damaged", "this line of the log is damaged")
    row = _row(found.record)
    if found.end is None:
        return row
    end = _indexed_end(row, found.attempts, found.end)
    return replace(row, attempts=found.attempts, last=end, waited_ms=end.latency_ms)


def _indexed_end(row: Row, attempts: int, end: End) -> CallRow:
    kind = end.kind
    return CallRow(
        seq=row.seq,
        at=row.at,
        mode=Mode(kind.mode) if kind.mode in _MODES else None,
        backend=row.backend,
        call_id=row.call_id,
        origin=plain(kind.origin, 200),
        success=kind.success is True,
        attempt=attempts,
        latency_ms=end.latency_ms,
        ttft_ms=end.ttft_ms,
        tokens=end.tokens,
        error=plain(kind.error, 200),
    )


def indexed_call(found: IndexedAttempt) -> CallRow:
    """An attempt's end as the index has it; its call goes by a hash of its id."""
    kind = found.kind
    return CallRow(
        seq=found.seq,
        at=datetime.fromtimestamp(found.time_ms / 1000, UTC),
        mode=Mode(kind.mode) if kind.mode in _MODES else None,
        backend=plain(kind.backend, 200),
        call_id="" if found.call is None else f"{found.call:x}",
        origin=plain(kind.origin, 200),
        success=kind.success is True,
        attempt=1,
        latency_ms=found.latency_ms,
        ttft_ms=found.ttft_ms,
        tokens=found.tokens,
        error=plain(kind.error, 200),
    )


def _row(record: Record) -> Row:
    return decision_row(record) if record.event_type == DECISION else other_row(record)


def decision_row(record: Record) -> Row:
    """The row of a RoutingDecision."""
    body = record.body
    return Row(
        seq=record.seq,
        at=parse_time(record.time),
        event_type=DECISION,
        title=word(body, "mode", "?"),
        text=word(body, "reason", "?"),
        stage=word(body, "stage"),
        backend=word(body, "backend"),
        model=word(body, "model"),
        detail=word(body, "detail"),
        call_id=word(body, "call_id"),
        origin=word(body, "origin", "live"),
        fallback=body.get("is_fallback") is True,
        decided_ms=number(body, "latency_ms"),
    )


def call_end(record: Record) -> CallRow:
    """The end of an attempt, from an LLMCall."""
    body = record.body
    mode = word(body, "mode")
    attempt, tokens = number(body, "attempt"), number(body, "completion_tokens")
    return CallRow(
        seq=record.seq,
        at=parse_time(record.time),
        mode=Mode(mode) if mode in _MODES else None,
        backend=word(body, "backend"),
        call_id=word(body, "call_id"),
        origin=word(body, "origin", "live"),
        success=body.get("success") is True,
        attempt=int(attempt or 1),
        latency_ms=number(body, "latency_ms"),
        ttft_ms=number(body, "ttft_ms"),
        tokens=None if tokens is None else int(tokens),
        error=word(body, "error"),
    )


def other_row(record: Record) -> Row:
    """The row of any other event: a short name and a sentence."""
    # Of the package, not of its module: two threads importing both could wait for each other.
    from core.capsule.index import note_of  # not for the first paint

    title, text = _sentence(record.event_type, record.body)
    return Row(
        seq=record.seq,
        at=parse_time(record.time),
        event_type=plain(record.event_type, 64),
        title=title,
        text=text,
        stage=word(record.body, "stage"),
        backend=word(record.body, "backend"),
        model=word(record.body, "model"),
        detail=plain(note_of(record.body, record.event_type), 200),
        call_id=word(record.body, "call_id"),
        origin=word(record.body, "origin"),
    )


def _sentence(event_type: str, body: Mapping[str, Any]) -> tuple[str, str]:
    def say(key: str) -> str:
        return word(body, key, "?")

    retry = number(body, "retry_in_s")
    due = f", retry in {retry:.0f} s" if retry else ""
    partial = " (stopped before its end)" if body.get("partial") is True else ""
    solved = "check passed" if body.get("solved") is True else "check failed"
    known = {
        "BreakerStateChanged": (
            "breaker",
            f"{say('before')} → {say('after')}: {say('cause')}{due}",
        ),
        "GateDecision": ("gate", f"{say('verdict')}: {say('suite')}, {say('model')}"),
        "EnableForced": ("gate", f"enabled without a pass: {say('detail')}"),
        "BakeoffStarted": ("bakeoff", f"started: {say('suite')}, {say('tasks')} tasks"),
        "BakeoffFinished": ("bakeoff", f"finished: {say('report_path')}{partial}"),
        "PolicySnapshotRef": ("policy", f"a run began under {say('policy_hash')[:19]}"),
        "PatchApplied": ("patch", f"{say('lines_changed')} lines changed, {solved}"),
        "PatchUndone": ("patch", "undone"),
        "BackendGivenUp": ("patch", f"{say('backend')} is given up for this task"),
        "CapsuleExported": (
            "export",
            f"{say('first_seq')}-{say('last_seq')} to {say('destination')}",
        ),
    }
    return known.get(event_type, ("event", plain(event_type, 64)))


def word(body: Mapping[str, Any], key: str, default: str = "") -> str:
    """The field as plain text of at most 200 characters."""
    value = body.get(key)
    return default if value is None else plain(value, 200)


def number(body: Mapping[str, Any], key: str) -> float | None:
    """The field as a finite number, else None."""
    value = body.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e15 else None  # noqa: PLR2004  also leaves out NaN


def parse_time(text: object) -> datetime:
    """A record's time; the epoch when it is none."""
    try:
        found = datetime.fromisoformat(plain(text, 64))
    except ValueError:
        return _EPOCH
    # Further off, a time has no local counterpart on every machine.
    if not _FIRST_YEAR <= found.year <= _LAST_YEAR:
        return _EPOCH
    return found if found.tzinfo else found.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Step:
    """A decision or an attempt: from ``start`` for ``length`` of the whole, both 0 to 1.

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
    end = _seconds(parse_time(record.time))
    took = number(record.body, "latency_ms") or 0.0
    return end - max(0.0, min(took, 1e9)) / 1000, end


def _seconds(at: datetime) -> float:
    return at.timestamp()


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
        )
    row = other_row(record)
    return Step(record, row.title, "", row.text, "", None, start, length)


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
