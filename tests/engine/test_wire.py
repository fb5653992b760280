"""An answer laid out in time, read piece by piece."""

from __future__ import annotations

import json
from typing import Any

import pytest

from core.standin.completions import ChatQuery, Envelope, TimedReply, in_one_piece, streamed
from core.standin.script import KINDS, Fault, Turn

QUERY = ChatQuery("m", "hello", None, stream=True, include_usage=True, max_tokens=None)
ENVELOPE = Envelope("id", 0, "m")
TEXT = "0123456789abcdefghijklmnopqrstuvwxyzABCD"  # ten tokens


def failing(kind: str | None = None) -> Turn:
    """A turn with a fault: first content after 1 s, a token every 0.1 s."""
    fault = Fault(kind, KINDS[kind].default, 1) if kind else None
    return Turn(fault, ttft_s=1.0, token_s=0.1)


def chunks(telling: TimedReply) -> list[Any]:
    """The pieces' data; the end mark left out."""
    data = [piece.data.removeprefix(b"data: ").strip() for piece in telling.pieces]
    return [json.loads(item) for item in data if item != b"[DONE]"]


def text(found: list[Any]) -> str:
    """What was said."""
    deltas = [chunk["choices"][0]["delta"] for chunk in found if chunk.get("choices")]
    return "".join(delta.get("content", "") for delta in deltas)


def test_the_pieces_are_due_as_the_pace_says() -> None:
    """Role at half the time to the first token, then a token at a time, then the endings."""
    telling = streamed(QUERY, ENVELOPE, [TEXT], failing())
    due = [piece.at_s for piece in telling.pieces]
    assert due[:3] == pytest.approx([0.5, 1.0, 1.1])
    assert due[10:] == pytest.approx([1.9] * 4)
    assert text(chunks(telling)) == TEXT
    assert not telling.broken


def test_a_cut_stream_stops_half_way() -> None:
    """Half of the content, no finish reason, no end mark, and the connection breaks."""
    telling = streamed(QUERY, ENVELOPE, [TEXT], failing("cut"))
    found = chunks(telling)
    assert telling.broken
    assert text(found) == TEXT[:20]
    assert all(chunk["choices"][0]["finish_reason"] is None for chunk in found)
    assert len(found) == len(telling.pieces)


def test_an_error_comes_in_the_middle_of_a_stream() -> None:
    """Half of the content, then the error, then an orderly end."""
    telling = streamed(QUERY, ENVELOPE, [TEXT], failing("error"))
    *found, failed = chunks(telling)
    assert not telling.broken
    assert text(found) == TEXT[:20]
    assert failed["error"]["code"] == 503


def test_a_bad_chunk_stands_among_good_ones() -> None:
    """One piece more than well, and that one is not JSON."""
    well = streamed(QUERY, ENVELOPE, [TEXT], failing()).pieces
    spoilt = streamed(QUERY, ENVELOPE, [TEXT], failing("badchunk")).pieces
    (extra,) = set(spoilt) - set(well)
    assert len(spoilt) == len(well) + 1
    with pytest.raises(ValueError, match="Expecting"):
        json.loads(extra.data.removeprefix(b"data: "))


def test_length_stops_half_way_with_its_reason() -> None:
    """Half of the tokens, finish_reason length, counted so."""
    *_, finish, counts = chunks(streamed(QUERY, ENVELOPE, [TEXT], failing("length")))
    assert finish["choices"][0]["finish_reason"] == "length"
    assert counts["usage"]["completion_tokens"] == 5


def test_a_whole_answer_is_due_with_its_last_token() -> None:
    """Not streaming costs the same time; a cut one states more than it sends."""
    whole = in_one_piece(QUERY, ENVELOPE, [TEXT], failing())
    assert whole.at_s == pytest.approx(1.9)
    assert whole.stated_length == len(whole.body)
    cut = in_one_piece(QUERY, ENVELOPE, [TEXT], failing("cut"))
    assert len(cut.body) == cut.stated_length // 2
