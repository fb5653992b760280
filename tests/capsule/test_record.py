"""How an event becomes a line, and a line a record."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.capsule.events import Event, LLMCallEvent
from core.capsule.record import (
    GENESIS,
    SCHEMA_VERSION,
    check_line,
    complete_line,
    decode_line,
    encode_fields,
    is_garbled_end,
    stamp_of,
)
from core.errors import CapsuleError
from core.stages import Mode, Stage
from tests.support.capsule.making import decision

NOW = "2026-01-12T10:30:16.050Z"
any_text = st.text(st.characters(codec=None))  # lone surrogates included
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4),
    max_leaves=12,
)


def call_with(request: Any, model: str = "m") -> LLMCallEvent:
    """An LLMCall that holds the request."""
    return LLMCallEvent(
        run_id="r",
        mode=Mode.REFLEX,
        model=model,
        request=request,
        response="hmac-sha256:0",
        latency_ms=1,
        success=True,
        attempt=1,
        stage=Stage.IMPLEMENT,
        backend="reflex",
        endpoint="http://127.0.0.1:1/v1",
        call_id="c",
        capture_mode="full_io",
    )


def line_of(event: Event, seq: int = 1, prev: str = GENESIS) -> bytes:
    """The event's whole line."""
    return complete_line(encode_fields(event), seq, NOW, prev)[0]


def safe(value: Any) -> Any:
    """What a reader gets back: surrogates replaced, numbers that are none become null."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None
    if isinstance(value, dict):
        return {safe(name): safe(item) for name, item in value.items()}
    if isinstance(value, list):
        return [safe(item) for item in value]
    return value


def test_line_has_the_events_fields_first_and_the_logs_last() -> None:
    """The field order of the contract: event_type, the event's own, then seq to hash."""
    line = line_of(decision("c-1"), 41)
    body = json.loads(line)
    assert next(iter(body)) == "event_type"
    assert list(body)[-5:] == ["seq", "time", "schema_version", "prev", "hash"]
    assert body["seq"] == 41
    assert body["schema_version"] == SCHEMA_VERSION
    assert {**decision("c-1").body(), **dict(list(body.items())[-5:])} == body


@given(any_json, any_text)
def test_any_value_is_one_line_that_reads_back(request: Any, model: str) -> None:
    """Whatever an event holds, its line is one line of valid UTF-8 JSON with a hash that holds."""
    line = line_of(call_with(request, safe(model)))
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    line.decode("utf-8")
    record = decode_line(line, 1, 0)
    assert record.body["request"] == safe(request)
    assert record.body["model"] == safe(model)
    assert record.event_type == "LLMCall"


@given(any_text)
def test_text_cannot_forge_the_logs_own_fields(text: str) -> None:
    """An event that quotes a whole record, or anything else, leaves the stamp alone."""
    forged = line_of(decision("inner"), 77).decode() + text
    line = line_of(call_with({"text": forged, "seq": 5, "prev": "x", "hash": text}), 3)
    stamp = check_line(line)
    assert (stamp.seq, stamp.prev) == (3, GENESIS)


@given(st.data())
def test_a_changed_byte_is_noticed(data: st.DataObject) -> None:
    """Any other byte at any place of the line makes it unbelievable."""
    line = bytearray(line_of(decision()))
    place = data.draw(st.integers(0, len(line) - 2))
    line[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ValueError):  # noqa: PT011  the reason depends on the place
        check_line(bytes(line))


def test_a_changed_line_end_differs_from_a_torn_write() -> None:
    """A whole record with another byte for its LF is damage; every shorter part is a torn write."""
    line = line_of(decision())
    assert is_garbled_end(line[:-1] + b"\x0b")
    assert not any(is_garbled_end(line[:cut]) for cut in range(len(line)))


def test_a_valid_hash_over_something_else_is_refused() -> None:
    """A planted line may hash well and still be no event."""
    for fields in (b'{"event_type":7', b'{"other":1', b"{[[[[", b'{"event_type":"\xff"'):
        line, _ = complete_line(fields, 1, NOW, GENESIS)
        with pytest.raises(ValueError):  # noqa: PT011
            decode_line(line, 1, 0)


def test_deep_nesting_is_a_typed_error_both_ways() -> None:
    """What no parser takes is not recorded, and not believed where it was planted."""
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(CapsuleError, match="cannot be recorded"):
        encode_fields(call_with(deep))
    nested = b'{"event_type":"x","a":' + b"[" * 200_000 + b"]" * 200_000
    with pytest.raises(ValueError, match="too deeply"):
        decode_line(complete_line(nested, 1, NOW, GENESIS)[0], 1, 0)


def test_over_long_events_are_refused() -> None:
    """An event of more than 32 MiB is refused before anything is written."""
    with pytest.raises(CapsuleError, match="longer than a record"):
        encode_fields(call_with("x" * (33 << 20)))


def test_stamp_is_found_from_the_middle_of_a_line() -> None:
    """Searching by seq starts anywhere in a line."""
    line = line_of(call_with("y" * 500), 12)
    assert all(stamp_of(line[start:]).seq == 12 for start in range(300))  # type: ignore[union-attr]
    assert stamp_of(b"nothing") is None
