"""OpenAI's chat completions: a request read and checked, its answer and its errors; no I/O."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from core.client.backend import ChatRequest
from core.errors import (
    AttemptTimeout,
    BackendError,
    BadRequest,
    Misconfigured,
    NoBackend,
    RateLimited,
    ReflexError,
)
from core.stages import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from core.client.backend import Reply
    from core.router.answer import Answer

DONE = b"data: [DONE]\n\n"
_PIECE = 256  # characters of a reply that is whole already
_TYPES: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: "authentication_error",
    HTTPStatus.FORBIDDEN: "permission_error",
    HTTPStatus.NOT_FOUND: "not_found_error",
    HTTPStatus.TOO_MANY_REQUESTS: "rate_limit_error",
}
# The first that fits. A wrong key or endpoint is for the gateway's user to correct.
_STATUSES: tuple[tuple[type[ReflexError], int], ...] = (
    (RateLimited, HTTPStatus.TOO_MANY_REQUESTS),
    (AttemptTimeout, HTTPStatus.GATEWAY_TIMEOUT),
    (BackendError, HTTPStatus.BAD_GATEWAY),
    (NoBackend, HTTPStatus.SERVICE_UNAVAILABLE),
    (ReflexError, HTTPStatus.INTERNAL_SERVER_ERROR),
)
# OpenAI's own clients heed it; another attempt would end the same.
_FUTILE = {"x-should-retry": "false"}

# What the router sets itself. The model is the configured one, whichever the agent names.
_OURS = frozenset({"model", "messages", "stream", "stream_options", "response_format"})
_LIMITS = ("max_completion_tokens", "max_tokens")
# A reply holds one choice, its text and its tool calls.
_UNSUPPORTED = {
    "logprobs": "log probabilities are not passed on",
    "top_logprobs": "log probabilities are not passed on",
    "functions": "functions are superseded; offer tools",
    "function_call": "functions are superseded; use tool_choice",
}
_NOT_PASSED_ON = _OURS | {*_LIMITS, "n", *_UNSUPPORTED}
# The keys of ``response_format`` that are honoured here; any other is refused, never dropped.
_FORMAT_KEYS = {
    "text": {"type"},
    "json_object": {"type", "schema"},
    "json_schema": {"type", "json_schema", "schema"},
}
_SCHEMA_KEYS = {"name", "description", "strict", "schema"}


class ErrorReply(Exception):
    """An answer that is an error; ``kind`` is its ``type``, ``headers`` go with it."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        kind: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.code = code
        self.kind = kind
        self.headers = dict(headers or {})

    def as_json(self) -> dict[str, Any]:
        """``{"error": {"message", "type", "param", "code"}}``."""
        ours = self.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        otherwise = "server_error" if ours else "invalid_request_error"
        return {
            "error": {
                "message": self.message,
                "type": self.kind or _TYPES.get(self.status, otherwise),
                "param": self.param,
                "code": self.code,
            }
        }


def error_reply(error: ReflexError) -> ErrorReply:
    """What a caller gets for ``error``, which no other backend could make good.

    An agent acts on a server's own code, type and param: it compacts on
    ``context_length_exceeded``, and stops on ``insufficient_quota``. Where the status is not the
    server's, as of a key of ours that is refused, its names would mislead.
    """
    message = error.message
    if error.remedy:
        message = f"{message.rstrip('. ')}. {error.remedy}"
    if isinstance(error, BadRequest):
        status = error.status
    else:
        status = next(status for kind, status in _STATUSES if isinstance(error, kind))
    headers = {} if not isinstance(error, BadRequest | Misconfigured) else _FUTILE
    seconds = getattr(error, "retry_after_s", None)
    if status == HTTPStatus.TOO_MANY_REQUESTS and seconds is not None:
        headers = {"retry-after": f"{seconds:.0f}"}
    server = error if isinstance(error, BadRequest | RateLimited) else None
    return ErrorReply(
        status,
        message,
        param=server.param if server else None,
        code=(server.server_code if server else None) or error.code,
        kind=server.server_type if server else None,
        headers=headers,
    )


@dataclass(frozen=True, slots=True)
class ChatCall:
    """What an agent wants: the request for the router, and the form of the answer."""

    request: ChatRequest
    stream: bool
    include_usage: bool


def read_chat(given: object) -> ChatCall:
    """Read a request's body, parsed.

    Raises:
        ErrorReply: 400, as OpenAI's API would say it.
    """
    if not isinstance(given, dict):
        raise ErrorReply(400, "the request's body must be a JSON object", code="invalid_json")
    for name, why in _UNSUPPORTED.items():
        if given.get(name):
            raise ErrorReply(400, why, param=name, code="unsupported_parameter")
    if given.get("n") not in (None, 1):
        raise ErrorReply(400, "n must be 1", param="n", code="unsupported_value")
    options = _optional(given, "stream_options", dict) or {}
    limit = next((given[name] for name in _LIMITS if given.get(name) is not None), None)
    form = _optional(given, "response_format", dict)
    schema, schema_name = _schema(form or {})
    request = ChatRequest(
        _messages(given),
        schema=schema,
        schema_name=schema_name,
        max_tokens=limit,
        extra={
            name: value
            for name, value in given.items()
            if value is not None and name not in _NOT_PASSED_ON
        },
        response_format=form if schema is not None else None,
    )
    return ChatCall(
        request,
        stream=_optional(given, "stream", bool) or False,
        include_usage=options.get("include_usage") is True,
    )


def read_stage(header: str | None, default: Stage) -> Stage:
    """The stage that the header ``X-Speckit-Stage`` names; 400 where there is no such."""
    if header is None:
        return default
    try:
        return Stage(header.strip().lower())
    except ValueError:
        raise ErrorReply(
            400,
            f"unknown stage; known are {', '.join(Stage)}",
            param="X-Speckit-Stage",
            code="unknown_stage",
        ) from None


def _messages(given: Mapping[str, Any]) -> list[Any]:
    messages = given.get("messages")
    if not isinstance(messages, list) or not messages:
        raise ErrorReply(400, "messages must be a list of at least one", param="messages")
    for nth, message in enumerate(messages):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise ErrorReply(400, "must be an object with a role", param=f"messages[{nth}]")
    return messages


def _optional(given: Mapping[str, Any], name: str, kind: type) -> Any:
    value = given.get(name)
    if value is not None and not isinstance(value, kind):
        words = {bool: "true or false", dict: "an object"}
        raise ErrorReply(400, f"{name} must be {words[kind]}", param=name)
    return value


def _schema(form: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, str]:
    """The schema that the reply must meet, and its name; every key is honoured or refused."""
    if not form:
        return None, "reply"
    known = _FORMAT_KEYS.get(str(form.get("type")), set())
    named = form.get("json_schema")
    inner = named if isinstance(named, dict) else {}
    unknown = [*(form.keys() - known), *(inner.keys() - _SCHEMA_KEYS)]
    if known and unknown:
        raise _bad_format(f"response_format: {min(unknown)!r} is not supported")
    match form:
        case {"type": "text"}:
            return None, "reply"
        case {"type": "json_object", "schema": dict(schema)}:
            return {"type": "object", **schema}, "reply"
        case {"type": "json_object"} if form.get("schema") is None:
            return {"type": "object"}, "reply"
        case {"type": "json_schema", "json_schema": {"schema": dict(schema), **rest}}:
            if form.get("schema") is None:
                return schema, str(rest.get("name") or "reply")
        case {"type": "json_schema", "schema": dict(schema)} if named is None:
            return schema, "reply"
    raise _bad_format("response_format must be text, json_object, or json_schema with its schema")


def _bad_format(message: str) -> ErrorReply:
    return ErrorReply(400, message, param="response_format")


@dataclass(frozen=True, slots=True)
class ChatAnswer:
    """What all parts of one answer hold: the call's id, the time (Unix, s), the model."""

    call_id: str
    created: int
    model: str

    def whole(self, said: Answer | Reply) -> dict[str, Any]:
        """A ``chat.completion``."""
        refusal = getattr(said, "refusal", "") or None
        own = {"role": "assistant", "content": said.text or None, "refusal": refusal}
        message = {**said.fields, **own}
        if said.tool_calls:
            message["tool_calls"] = list(said.tool_calls)
        choice = {
            "index": 0,
            "message": message,
            "logprobs": None,
            "finish_reason": said.finish_reason or "stop",
        }
        whole = {**said.around, **self._head("chat.completion"), "choices": [choice]}
        usage = usage_of(said)
        return whole if usage is None else {**whole, "usage": usage}

    def beginning(self) -> bytes:
        """The first event, which gives the role."""
        return self.piece({"role": "assistant", "content": ""})

    def piece(self, delta: Mapping[str, Any]) -> bytes:
        """An event with a part of the answer."""
        return self._chunk({"index": 0, "delta": delta, "finish_reason": None})

    def ending(self, said: Answer | Reply, *, include_usage: bool) -> bytes:
        """The last events: why it ended, the counts where they were asked for, and ``[DONE]``."""
        last = self._chunk({"index": 0, "delta": {}, "finish_reason": said.finish_reason or "stop"})
        if include_usage:
            head = self._head("chat.completion.chunk")
            last += event({**head, "choices": [], "usage": usage_of(said)})
        return last + DONE

    def _chunk(self, choice: Mapping[str, Any]) -> bytes:
        return event({**self._head("chat.completion.chunk"), "choices": [choice]})

    def _head(self, kind: str) -> dict[str, Any]:
        return {
            "id": f"chatcmpl-{self.call_id}",
            "object": kind,
            "created": self.created,
            "model": self.model,
        }


def event(payload: Mapping[str, Any]) -> bytes:
    """One server-sent event; ASCII, so that half a surrogate pair does no harm."""
    return b"data: " + json.dumps(payload, separators=(",", ":")).encode() + b"\n\n"


def portions(piece: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """A long piece as several, for an agent that shows a reply as it comes."""
    text = piece.get("content")
    if not isinstance(text, str) or len(text) <= _PIECE:
        yield piece
        return
    for start in range(0, len(text), _PIECE):
        yield {"content": text[start : start + _PIECE]}
    if rest := {name: value for name, value in piece.items() if name != "content"}:
        yield rest


def usage_of(said: Answer | Reply) -> dict[str, Any] | None:
    """The server's usage with all its details; None where it reported no token counts."""
    if said.prompt_tokens is None or said.completion_tokens is None:
        return None
    total = said.prompt_tokens + said.completion_tokens
    return {"total_tokens": total, **said.usage}
