"""OpenAI's chat completion on the wire: requests read, answers laid out in time, faults included.

Pure, so that a test can read what would be sent.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from core.standin.script import Turn


CHARACTERS_PER_TOKEN = 4
_MOST_REPLIES = 64


@dataclass(frozen=True, slots=True)
class ChatQuery:
    """What of a chat completion request matters here.

    ``text`` is that of all messages; ``count`` replies are asked for (``n``).
    """

    model: str
    text: str
    schema: Mapping[str, Any] | None
    stream: bool
    include_usage: bool
    max_tokens: int | None
    count: int = 1


def read_object(body: bytes) -> dict[str, Any]:
    """A JSON object; ValueError when it is anything else."""
    try:
        given = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ValueError("the request's body is not JSON") from error
    _expect(isinstance(given, dict), "the request's body must be a JSON object")
    return dict(given)


def read_query(body: bytes) -> ChatQuery:
    """Read a request's body.

    Raises:
        ValueError: It is not a chat completion request; says which part.
    """
    given = read_object(body)
    messages: Any = given.get("messages")
    _expect(isinstance(messages, list) and messages, "messages must be a list of at least one")
    count = 1 if given.get("n") is None else given["n"]
    _expect(type(count) is int and 1 <= count <= _MOST_REPLIES, f"n must be 1 to {_MOST_REPLIES}")
    limit = given.get("max_completion_tokens", given.get("max_tokens"))
    sensible = limit is None or (isinstance(limit, int) and limit > 0)
    _expect(sensible, "max_tokens must be an integer from 1")
    options = given.get("stream_options")
    return ChatQuery(
        model=str(given.get("model", "")),
        text="\n".join(map(_message_text, messages)),
        schema=_schema(given.get("response_format")),
        stream=given.get("stream") is True,
        include_usage=isinstance(options, dict) and options.get("include_usage") is True,
        max_tokens=limit,
        count=count,
    )


def tokens(text: str) -> list[str]:
    """``text`` in pieces of four characters, which pass for tokens."""
    step = CHARACTERS_PER_TOKEN
    return [text[start : start + step] for start in range(0, len(text), step)]


def usage(query: ChatQuery, completion_tokens: int) -> dict[str, Any]:
    """The token counts of an answer."""
    prompt_tokens = len(tokens(query.text))
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }


def error_body(status: int, message: str, code: str | None = None) -> dict[str, Any]:
    """An error as OpenAI's API words it."""
    server_error = 500  # the first status that is the server's fault
    kind = "invalid_request_error" if status < server_error else "server_error"
    return {"error": {"message": message, "type": kind, "param": None, "code": code or status}}


@dataclass(frozen=True, slots=True)
class Envelope:
    """What all parts of one answer share: its id, the time it was made (Unix, s), the model."""

    answer_id: str
    created: int
    model: str

    def chunk(
        self, delta: Mapping[str, Any], finish_reason: str | None = None, index: int = 0
    ) -> bytes:
        """A server-sent event with a part of the answer."""
        choice = {"index": index, "delta": delta, "finish_reason": finish_reason}
        return event({**self._common("chat.completion.chunk"), "choices": [choice]})

    def usage_chunk(self, counts: Mapping[str, Any]) -> bytes:
        """The server-sent event that holds the token counts and no choice."""
        return event({**self._common("chat.completion.chunk"), "choices": [], "usage": counts})

    def whole(
        self, replies: Iterable[tuple[str, str]], counts: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The answer in one piece, of replies with the reasons for which they ended."""
        choices = [
            {
                "index": index,
                "message": {"role": "assistant", "content": content},
                "finish_reason": reason,
            }
            for index, (content, reason) in enumerate(replies)
        ]
        return {**self._common("chat.completion"), "choices": choices, "usage": counts}

    def _common(self, kind: str) -> dict[str, Any]:
        return {
            "id": self.answer_id,
            "object": kind,
            "created": self.created,
            "model": self.model,
        }


def event(data: Mapping[str, Any]) -> bytes:
    """One server-sent event."""
    return b"data: " + json.dumps(data, separators=(",", ":")).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


def _expect(condition: object, otherwise: str) -> None:
    if not condition:
        raise ValueError(otherwise)


def _message_text(message: Any) -> str:
    _expect(isinstance(message, dict), "each message must be an object")
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts: Sequence[Any] = content if isinstance(content, list) else ()
    texts = (part.get("text") for part in parts if isinstance(part, dict))
    return "".join(text for text in texts if isinstance(text, str))


def _schema(response_format: Any) -> Mapping[str, Any] | None:
    match response_format:
        case None | {"type": "text"}:
            return None
        case {"type": "json_object"}:
            return {"type": "object"}
        case {"type": "json_schema", "json_schema": {"schema": dict(schema)}}:
            return schema
    raise ValueError("response_format must be text, json_object, or json_schema with its schema")


OFF_SCHEMA = '{"scripted_fault": "offschema"}'


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of an answer, due ``at_s`` seconds after the request."""

    at_s: float
    data: bytes


@dataclass(frozen=True, slots=True)
class TimedReply:
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


def streamed(query: ChatQuery, envelope: Envelope, texts: Sequence[str], turn: Turn) -> TimedReply:
    """The answer as server-sent events: role, content, finish, counts when asked for, the end.

    Several replies come at once, each at the same pace.
    """
    pieces: list[Piece] = []
    endings: list[Piece] = []
    total, end_s = 0, 0.0
    for index, text in enumerate(texts):
        said, finish_reason = _cut_to(query, tokens(text), turn)
        role = envelope.chunk({"role": "assistant", "content": ""}, index=index)
        pieces.append(Piece(turn.ttft_s / 2, role))
        pieces += [
            Piece(
                turn.ttft_s + turn.token_s * position,
                envelope.chunk({"content": token}, index=index),
            )
            for position, token in enumerate(said)
        ]
        ended_s = _end_s(turn, len(said))
        endings.append(Piece(ended_s, envelope.chunk({}, finish_reason, index)))
        total, end_s = total + len(said), max(end_s, ended_s)
    pieces.sort(key=lambda piece: piece.at_s)
    half = total // 2 + len(texts)  # the roles, and half of the content
    if turn.has("cut"):
        return TimedReply(pieces[:half], broken=True)
    if turn.has("error"):
        failed = Piece(pieces[half - 1].at_s, event(_error(turn)))
        return TimedReply([*pieces[:half], failed, Piece(failed.at_s, DONE)])
    if turn.has("badchunk"):
        pieces.insert(half, Piece(pieces[half - 1].at_s, b'data: {"choices": [{"delta"\n\n'))
    pieces = sorted([*pieces, *endings], key=lambda piece: piece.at_s)
    if query.include_usage:
        pieces.append(Piece(end_s, envelope.usage_chunk(usage(query, total))))
    return TimedReply([*pieces, Piece(end_s, DONE)])


def in_one_piece(
    query: ChatQuery, envelope: Envelope, texts: Sequence[str], turn: Turn
) -> WholeAnswer:
    """The answer as one JSON body."""
    replies = [_cut_to(query, tokens(text), turn) for text in texts]
    total, longest = sum(len(said) for said, _ in replies), max(len(said) for said, _ in replies)
    whole = envelope.whole(
        (("".join(said), reason) for said, reason in replies), usage(query, total)
    )
    body = json.dumps(_error(turn) if turn.has("error") else whole).encode()
    if turn.has("badchunk"):
        body = body[: len(body) // 2]
    sent = body[: len(body) // 2] if turn.has("cut") else body
    return WholeAnswer(_end_s(turn, longest), sent, stated_length=len(body))


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
