"""What of an event goes into the index: a pure function from a line's fields to a row.

The log may come from anybody, so every field is taken for what it is only if it is.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic_core import SchemaValidator, ValidationError, core_schema

from core.capsule.index.folding import session_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_LONGEST = 200
_MOST = 1e15  # ms
_NUMBERS = (int, float)
DECISION, CALL = "RoutingDecision", "LLMCall"
_USUAL = frozenset({DECISION, CALL})
# A person names a call by how its id begins.
CALLED = 12
# What of the rarer events a person may look for.
_NAMED = ("verdict", "suite", "cause", "before", "after", "report_path", "destination")
_MOST_TOKENS = 1 << 40  # of one call; a thousand such still have a sum


class Kind(NamedTuple):
    """What events have in common by the thousand: stored once, and what filters go by."""

    event_type: str
    mode: str
    reason: str
    backend: str
    model: str
    stage: str
    origin: str
    error: str
    success: bool | None
    is_fallback: bool
    # Of a decision: an earlier one of the same call stands for it; not in the event.
    follows: bool = False


# What is asked of most lines; only these become Python objects, so a recorded prompt costs little.
_FIELDS = (
    *Kind._fields[:-1],
    "time",
    "call_id",
    "latency_ms",
    "ttft_ms",
    "detail",
    "error_message",
    "prompt_tokens",
    "completion_tokens",
    "session",
    "seq",
)
# Each field that is looked for takes time: these are only where they are needed.
_RARE_FIELDS = ("prev", "hash", *_NAMED)
_USUAL_LINES = tuple(b'{"event_type":"%b",' % name.encode() for name in _USUAL)


def _parser(names: Iterable[str]) -> SchemaValidator:
    field = core_schema.typed_dict_field(core_schema.any_schema(), required=False)
    return SchemaValidator(
        core_schema.typed_dict_schema(dict.fromkeys(names, field), extra_behavior="ignore")
    )


_parse_usual = _parser(_FIELDS).validate_json
_parse_whole = _parser(_FIELDS + _RARE_FIELDS).validate_json
Raw = tuple[object, ...]
# What an event lacks: the driver takes five times as long over a None as over a number. It is
# beyond ``_MOST``, so no event says it, and becomes NULL on its way in.
ABSENT = -1e300
PUT = f"nullif(?, {ABSENT})"
# In the table's order: time_ms, call, latency_ms, ttft_ms, answered, note, prompt_tokens,
# completion_tokens, called, session.
Columns = tuple[
    int, float, float, float, float, str | float, float, float, str | float, str | float
]


def parsed(line: bytes) -> dict[str, Any]:
    """The line's fields that the index goes by; those that it lacks are left out.

    Of a decision and a call ``prev`` and ``hash`` are left out as well.

    Raises:
        ValueError: it is no JSON object; says how.
    """
    if line.startswith(_USUAL_LINES):
        body = _parsed(_parse_usual, line)
        if body.get("event_type") in _USUAL:  # none of another type follows in it
            return body
    return parsed_whole(line)


def parsed_whole(line: bytes) -> dict[str, Any]:
    """As ``parsed``, nothing left out."""
    return _parsed(_parse_whole, line)


def _parsed(parse: Callable[[bytes], dict[str, Any]], line: bytes) -> dict[str, Any]:
    try:
        return parse(line)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        raise ValueError(found[0]["msg"]) from error


def raw_kind(body: Mapping[str, Any]) -> Raw:
    """The fields of the event's kind as they stand there; few differ, so who calls may remember."""
    get = body.get
    return (
        get("event_type"),
        get("mode"),
        get("reason"),
        get("backend"),
        get("model"),
        get("stage"),
        get("origin"),
        get("error"),
        get("success"),
        get("is_fallback"),
    )


def kind_of(raw: Raw) -> Kind:
    """What of them is what it should be."""
    *texts, success, is_fallback = raw
    succeeded = success if isinstance(success, bool) else None
    return Kind._make((*map(_text, texts), succeeded, is_fallback is True, False))


def columns_of(body: Mapping[str, Any], kind: Kind) -> Columns:
    """What the event has for itself, ``ABSENT`` for what it lacks.

    ``call`` is a hash of its call_id, ``answered`` is 1 for a call that succeeded;
    ``called`` is how the call_id begins, for all but the calls themselves; ``session`` is the
    agent's, as rows name it.
    """
    get = body.get
    call: float = ABSENT
    called: str | float = ABSENT
    is_call = kind.event_type == CALL
    call_id = get("call_id")
    if isinstance(call_id, str):
        call = call_hash(call_id)
        if not is_call:
            called = call_id[:CALLED]
    prompt, completion = get("prompt_tokens"), get("completion_tokens")
    session = get("session")
    return (
        epoch_ms(get("time")),
        call,
        _number(get("latency_ms")),
        _number(get("ttft_ms")),
        1 if is_call and kind.success else ABSENT,
        note_of(body, kind.event_type) or ABSENT,
        # Most have none, and a call costs more than the question.
        ABSENT if prompt is None else _tokens(prompt),
        ABSENT if completion is None else _tokens(completion),
        called,
        ABSENT if session is None else session_name(session) or ABSENT,
    )


def note_of(body: Mapping[str, Any], event_type: str) -> str:
    """What is said beyond the kind: a decision's detail, a call's error, a rarer event's names."""
    detail, message = body.get("detail"), body.get("error_message")
    note = "" if detail is None and message is None else _text(detail) or _text(message)
    if event_type in _USUAL:
        return note
    words = (text for name in _NAMED if (text := _text(body.get(name))))
    return " ".join((note, *words) if note else words)[:_LONGEST]


def call_hash(call_id: str) -> int:
    """64 bits of a call_id: a quarter of its size, and no two calls of a log share them."""
    return _hashed(call_id) if len(call_id) <= _LONGEST else _hash(call_id)


def _hash(call_id: str) -> int:
    digest = blake2b(call_id.encode(errors="replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


# A call's events follow each other closely.
_hashed = lru_cache(1024)(_hash)


def epoch_ms(time: object) -> int:
    """RFC 3339 to milliseconds since 1970; 0 for what is no time."""
    try:
        return round(datetime.fromisoformat(time).timestamp() * 1000)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError, OSError):
        return 0


def _text(value: object) -> str:
    return value[:_LONGEST] if isinstance(value, str) else ""


def _number(value: object) -> float:
    if value is None:
        return ABSENT
    return float(value) if isinstance(value, _NUMBERS) and -_MOST < value < _MOST else ABSENT


def _tokens(value: object) -> float:
    if not isinstance(value, int) or isinstance(value, bool):
        return ABSENT
    return value if 0 <= value <= _MOST_TOKENS else ABSENT
