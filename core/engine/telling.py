"""An answer laid out in time, fault included: pure, so that a test can read it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.engine.chat_wire import DONE, error_body, event, tokens, usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.engine.chat_wire import ChatQuery, Envelope
    from core.engine.script import Turn

OFF_SCHEMA = '{"scripted_fault": "offschema"}'


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of an answer, due ``at_s`` seconds after the request."""

    at_s: float
    data: bytes


@dataclass(frozen=True, slots=True)
class Telling:
    """A stream's pieces in order; a ``broken`` one ends without an ending."""

    pieces: Sequence[Piece]
    broken: bool = False


@dataclass(frozen=True, slots=True)
class WholeAnswer:
    """An answer in one piece; ``stated_length`` is over its own where it is to break off."""

    at_s: float
    body: bytes
    stated_length: int


def spoil(text: str, turn: Turn) -> str:
    """The reply's text after the faults that are a model's own."""
    if turn.has("badjson"):
        return f"Sure! Here is the JSON:\n```json\n{text}\n```"
    return OFF_SCHEMA if turn.has("offschema") else text


def streamed(query: ChatQuery, envelope: Envelope, text: str, turn: Turn) -> Telling:
    """The answer as server-sent events: role, content, finish, counts when asked for, the end."""
    said, finish_reason = _cut_to(query, tokens(text), turn)
    pieces = [Piece(turn.ttft_s / 2, envelope.chunk({"role": "assistant", "content": ""}))]
    pieces += [
        Piece(turn.ttft_s + turn.token_s * position, envelope.chunk({"content": token}))
        for position, token in enumerate(said)
    ]
    end_s = _end_s(turn, len(said))
    half = len(said) // 2 + 1  # the role, and half of the content
    if turn.has("cut"):
        return Telling(pieces[:half], broken=True)
    if turn.has("error"):
        failed = Piece(pieces[half - 1].at_s, event(_error(turn)))
        return Telling([*pieces[:half], failed, Piece(failed.at_s, DONE)])
    if turn.has("badchunk"):
        pieces.insert(half, Piece(pieces[half - 1].at_s, b'data: {"choices": [{"delta"\n\n'))
    pieces.append(Piece(end_s, envelope.chunk({}, finish_reason)))
    if query.include_usage:
        pieces.append(Piece(end_s, envelope.usage_chunk(usage(query, len(said)))))
    return Telling([*pieces, Piece(end_s, DONE)])


def in_one_piece(query: ChatQuery, envelope: Envelope, text: str, turn: Turn) -> WholeAnswer:
    """The answer as one JSON body."""
    said, finish_reason = _cut_to(query, tokens(text), turn)
    whole = envelope.whole("".join(said), finish_reason, usage(query, len(said)))
    body = json.dumps(_error(turn) if turn.has("error") else whole).encode()
    if turn.has("badchunk"):
        body = body[: len(body) // 2]
    sent = body[: len(body) // 2] if turn.has("cut") else body
    return WholeAnswer(_end_s(turn, len(said)), sent, stated_length=len(body))


def _cut_to(query: ChatQuery, said: list[str], turn: Turn) -> tuple[list[str], str]:
    limit = len(said) // 2 if turn.has("length") else query.max_tokens
    if limit is None or (len(said) <= limit and not turn.has("length")):
        return said, "stop"
    return said[:limit], "length"


def _end_s(turn: Turn, count: int) -> float:
    return turn.ttft_s + turn.token_s * max(0, count - 1)


def _error(turn: Turn) -> dict[str, Any]:
    assert turn.fault is not None
    return error_body(int(turn.fault.argument), "the script breaks this answer")
