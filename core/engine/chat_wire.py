"""OpenAI's chat completion as it goes over the wire: the request read, the answers written."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CHARACTERS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class ChatQuery:
    """What of a chat completion request matters here; ``text`` is that of all messages."""

    model: str
    text: str
    schema: Mapping[str, Any] | None
    stream: bool
    include_usage: bool
    max_tokens: int | None


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
    _expect(given.get("n") in (None, 1), "n must be 1")
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

    def chunk(self, delta: Mapping[str, Any], finish_reason: str | None = None) -> bytes:
        """A server-sent event with a part of the answer."""
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        return event({**self._common("chat.completion.chunk"), "choices": [choice]})

    def usage_chunk(self, counts: Mapping[str, Any]) -> bytes:
        """The server-sent event that holds the token counts and no choice."""
        return event({**self._common("chat.completion.chunk"), "choices": [], "usage": counts})

    def whole(self, content: str, finish_reason: str, counts: Mapping[str, Any]) -> dict[str, Any]:
        """The answer in one piece."""
        message = {"role": "assistant", "content": content}
        choice = {"index": 0, "message": message, "finish_reason": finish_reason}
        return {**self._common("chat.completion"), "choices": [choice], "usage": counts}

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
