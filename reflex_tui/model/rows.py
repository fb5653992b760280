"""The routing log's rows: each call with all its attempts, and the rarer events between.

The capsule is a file that anybody may have written: every field is taken as text or number if it
is one, and made plain here, once, before anything shows it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from core.plain import plain
from core.stages import Mode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from core.capsule import Record
    from core.capsule.index import CallStep, End, IndexedAttempt, ListedRow


DECISION = "RoutingDecision"
CALL = "LLMCall"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_YEAR, _LAST_YEAR = 1970, 9000

_MODES = frozenset(Mode)

# Who said what became of an answer, by a CallOutcome's ``source``.
_REPORTERS = {
    "gateway": "the agent",
    "command": "code reflex outcome",
    "implement": "implement's check",
}

# So many backends of one call are told apart, and errors of one backend.
_MOST_PARTS = 16


class RowOutcome(StrEnum):
    """What became of a call."""

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
class Part:
    """One backend's part of a call: why it was asked, how often, how its attempts failed."""

    mode: str
    backend: str
    model: str
    reason: str
    detail: str
    attempts: int = 0
    errors: tuple[str, ...] = ()

    def ended(self, error: str) -> Part:
        """After another attempt; ``error`` is empty when it was answered."""
        known = not error or error in self.errors or len(self.errors) >= _MOST_PARTS
        errors = self.errors if known else (*self.errors, error)
        return replace(self, attempts=self.attempts + 1, errors=errors)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the log: a whole call, or another event, which has no ``parts``.

    ``title``, ``text``, ``detail``, ``backend`` and ``model`` are the newest decision's: its mode,
    reason and so on; of another event its short name, its sentence, and the names in it that a
    person may look for. ``asked_at`` is when that decision was made. ``last`` is the newest attempt
    unless another backend was asked since, ``attempts`` how many there were, ``waited_ms`` what
    they took together: what the caller waited.
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
    session: str = ""
    fallback: bool = False
    decided_ms: float | None = None
    asked_at: datetime = _EPOCH
    parts: tuple[Part, ...] = ()
    attempts: int = 0
    last: CallRow | None = field(default=None, compare=False)
    waited_ms: float | None = None

    def asked(self, decision: Row) -> Row:
        """The row once ``decision`` gave its call to another backend."""
        return replace(
            self,
            title=decision.title,
            text=decision.text,
            detail=decision.detail,
            backend=decision.backend,
            model=decision.model,
            fallback=True,
            asked_at=decision.at,
            parts=(*self.parts, *decision.parts)[:_MOST_PARTS],
            last=None,
        )

    def ended(self, call: CallRow) -> Row:
        """The row once another of its attempts has ended."""
        known = [ms for ms in (self.waited_ms, call.latency_ms) if ms is not None]
        parts = self.parts
        if parts:
            error = "" if call.success else call.error or "failed"
            parts = (*parts[:-1], parts[-1].ended(error))
        return replace(
            self,
            attempts=self.attempts + 1,
            last=call,
            waited_ms=sum(known) if known else None,
            parts=parts,
        )

    @property
    def is_decision(self) -> bool:
        """Whether it is a call, and no other event."""
        return self.event_type == DECISION

    @property
    def key(self) -> tuple[str, str]:
        """What the events of its call have in common."""
        return self.call_id, self.origin

    @property
    def path(self) -> str:
        """Who was asked, and how often: ``reflex×3 → cloud``."""
        return " → ".join(
            f"{part.backend}×{part.attempts}" if part.attempts > 1 else part.backend
            for part in self.parts
        )

    def outcome(self, now: datetime, patience_s: float) -> RowOutcome:
        """What became of it as of ``now``; after ``patience_s`` without an end it is unknown."""
        if self.last is not None:
            return RowOutcome.ANSWERED if self.last.success else RowOutcome.FAILED
        waited = (now - self.asked_at).total_seconds()
        return RowOutcome.PENDING if waited <= patience_s else RowOutcome.UNKNOWN

    def has_state(self, state: str) -> bool:
        """Whether one of ``core.capsule.index.STATES`` is true of it."""
        if not self.is_decision:
            return False
        match state:
            case "answered":
                return self.last is not None and self.last.success
            case "failed":
                return self.last is not None and not self.last.success
            case "open":
                return self.last is None
            case "retried":
                return self.attempts > 1
            case _:
                return self.fallback


def entries_of(records: Iterable[Record]) -> tuple[Row | CallRow, ...]:
    """The records as rows, and as the ends of attempts."""
    return tuple(call_end(each) if each.event_type == CALL else _row(each) for each in records)


def listed_row(found: ListedRow) -> Row:
    """A row that was fetched from the index, with the end of its last attempt."""
    if found.record is None:
        return Row(found.seq, _EPOCH, "damaged", "damaged", "this line of the log is damaged")
    row = _row(found.record)
    for step in found.steps:
        row = _after(row, step)
    if not found.steps and found.end is not None:
        row = row.ended(_indexed_end(row, found.attempts, found.end))
    end = found.end
    waited_ms = row.waited_ms if end is None else end.latency_ms
    return replace(row, attempts=found.attempts, waited_ms=waited_ms)


def _after(row: Row, step: CallStep) -> Row:
    kind, at = step.kind, datetime.fromtimestamp(step.time_ms / 1000, UTC)
    backend = plain(kind.backend, 200)
    if kind.event_type == CALL:
        return row.ended(
            CallRow(
                seq=step.seq,
                at=at,
                mode=Mode(kind.mode) if kind.mode in _MODES else None,
                backend=backend,
                call_id=row.call_id,
                origin=row.origin,
                success=kind.success is True,
                attempt=row.attempts + 1,
                latency_ms=step.latency_ms,
                ttft_ms=step.ttft_ms,
                tokens=step.tokens,
                error=plain(kind.error, 200),
            )
        )
    title, reason = plain(kind.mode or "?", 200), plain(kind.reason or "?", 200)
    model, detail = plain(kind.model, 200), plain(step.note, 200)
    part = Part(title, backend, model, reason, detail)
    return row.asked(
        replace(
            row,
            title=title,
            text=reason,
            detail=detail,
            backend=backend,
            model=model,
            at=at,
            parts=(part,),
        )
    )


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
    # Of the package, not of its module: two threads importing both could wait for each other.
    from core.capsule.index import continues, session_name  # SQLite costs the first paint

    body = record.body
    at, reason = parse_time(record.time), word(body, "reason", "?")
    mode, backend, model = (word(body, "mode", "?"), word(body, "backend"), word(body, "model"))
    detail = word(body, "detail")
    return Row(
        seq=record.seq,
        at=at,
        event_type=DECISION,
        title=mode,
        text=reason,
        stage=word(body, "stage"),
        backend=backend,
        model=model,
        detail=detail,
        call_id=word(body, "call_id"),
        origin=word(body, "origin", "live"),
        session=plain(session_name(body.get("session")), 20),
        fallback=continues(reason, is_fallback=body.get("is_fallback") is True),
        decided_ms=number(body, "latency_ms"),
        asked_at=at,
        parts=(Part(mode, backend, model, reason, detail),),
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
    from core.capsule.index import note_of  # as above

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
    worked = "worked" if body.get("ok") is True else "did not work"
    other = "the same" if body.get("agreed") is True else "something else"
    solved = "check passed" if body.get("solved") is True else "check failed"
    known = {
        "BreakerStateChanged": (
            "breaker",
            f"{say('before')} → {say('after')}: {say('cause')}{due}",
        ),
        "GateDecision": ("gate", _decided(body)),
        "EnableForced": ("gate", f"enabled without a pass: {say('detail')}"),
        "BakeoffStarted": ("bakeoff", f"started: {say('suite')}, {say('tasks')} tasks"),
        "BakeoffFinished": ("bakeoff", f"finished: {say('report_path')}{partial}"),
        "PolicySnapshotRef": ("policy", f"a run began under {say('policy_hash')[:19]}"),
        "PolicyRecaptured": (
            "policy",
            f"stage {say('stage')} uses another policy, {say('policy_hash')[:19]}",
        ),
        "PatchApplied": ("patch", f"{say('lines_changed')} lines changed, {solved}"),
        "PatchUndone": ("patch", "undone"),
        "CallUnanswered": ("call", f"nobody answered: {say('error')}"),
        "CallOutcome": (
            "outcome",
            f"the answer {worked}, reported by {_REPORTERS.get(say('source'), say('source'))}",
        ),
        "ShadowCompared": (
            "shadow",
            f"reflex would have said {other}",
        ),
        "ShadowChecked": ("shadow", _checked(body)),
        "BackendGivenUp": ("patch", f"{say('backend')} is given up for this task"),
        "CapsuleExported": (
            "export",
            f"{say('first_seq')}-{say('last_seq')} to {say('destination')}",
        ),
    }
    return known.get(event_type, ("event", plain(event_type, 64)))


def _checked(body: Mapping[str, Any]) -> str:
    ours = "would have solved" if body.get("solved") is True else "would not have solved"
    theirs = "did" if body.get("cloud_solved") is True else "did not"
    return f"reflex {ours} the task; the cloud {theirs}"


def _decided(body: Mapping[str, Any]) -> str:
    cause = word(body, "cause")
    if cause:
        return f"demoted, {cause}: {word(body, 'model', '?')}"
    named = word(body, "suite", "?"), word(body, "model", "?")
    return f"{word(body, 'verdict', '?')}: {', '.join(named)}"


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
