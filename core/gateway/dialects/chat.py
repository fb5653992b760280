"""OpenAI's chat completions: a request read and checked, its answer and its errors; no I/O."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from core.client.backend import ChatRequest
from core.gateway.dialects.agent_call import AgentCall
from core.gateway.dialects.refusals import ErrorReply, body_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.client.backend import Reply
    from core.gateway.dialects.agent_call import AnswerWriter
    from core.router.answer import Answer

DONE = b"data: [DONE]\n\n"
_PING = b": waiting\n\n"

# What the router sets itself. The model is the configured one, whichever the agent names.
_OURS = frozenset({"model", "messages", "stream", "stream_options", "response_format"})
_LIMITS = ("max_completion_tokens", "max_tokens")
_NUMBERS = ("temperature", "top_p", "presence_penalty", "frequency_penalty")
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
# Parts of a message that no local server is asked about, and the decision's detail.
_NOT_TEXT = {"image_url": "image_input", "input_audio": "audio_input", "file": "file_input"}
_TEXTS = ("text", "refusal")
_SCHEMA_KEYS = {"name", "description", "strict", "schema"}


class Chat:
    """The dialect of ``POST /v1/chat/completions``."""

    name = "chat"

    def read(self, given: object) -> AgentCall:
        """Read a request's body, parsed; ErrorReply 400, as OpenAI's API would say it."""
        return read_chat(given)

    def native(self, given: Mapping[str, Any]) -> Mapping[str, Any] | None:  # noqa: ARG002
        """None: a chat request is passed on as it is anyway."""
        return None

    def writer(self, call: AgentCall, call_id: str, created: int) -> AnswerWriter:
        """For the answer to ``call``."""
        return ChatWriter(call_id, created, include_usage=call.include_usage)

    def error(self, refusal: ErrorReply) -> dict[str, Any]:
        """An error's document."""
        return refusal.as_json()


def read_chat(given: object) -> AgentCall:
    """Read a request's body, parsed.

    Raises:
        ErrorReply: 400, as OpenAI's API would say it.
    """
    given = body_object(given)
    for name, why in _UNSUPPORTED.items():
        if given.get(name):
            raise ErrorReply(400, why, param=name, code="unsupported_parameter")
    if given.get("n") not in (None, 1):
        raise ErrorReply(400, "n must be 1", param="n", code="unsupported_value")
    for name in _NUMBERS:
        if type(given.get(name)) not in (type(None), int, float):
            raise ErrorReply(400, f"{name} must be a number", param=name)
    options = _optional(given, "stream_options", dict) or {}
    limit = next((_integer(given, name) for name in _LIMITS if given.get(name) is not None), None)
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
    return AgentCall(
        request,
        stream=_optional(given, "stream", bool) or False,
        include_usage=options.get("include_usage") is True,
        needs_cloud=next(filter(None, map(_needs_cloud, request.messages)), None),
    )


def _messages(given: Mapping[str, Any]) -> list[Any]:
    messages = given.get("messages")
    if not isinstance(messages, list) or not messages:
        raise ErrorReply(400, "messages must be a list of at least one", param="messages")
    for nth, message in enumerate(messages):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise ErrorReply(400, "must be an object with a role", param=f"messages[{nth}]")
        content = message.get("content")
        parts = content if isinstance(content, list) else []
        if not (content is None or (isinstance(content, str | list) and _are(parts, dict, str))):
            where = f"messages[{nth}].content"
            raise ErrorReply(400, "must be a text, or a list of parts", param=where)
        if not _are(message.get("tool_calls"), dict):
            raise ErrorReply(400, "must be a list of objects", param=f"messages[{nth}].tool_calls")
    if not _are(given.get("tools"), dict):
        raise ErrorReply(400, "must be a list of objects", param="tools")
    for nth, tool in enumerate(given.get("tools") or ()):
        function = tool.get("function")
        named = isinstance(function, dict) and isinstance(function.get("name"), str)
        if tool.get("type") == "function" and not named:
            raise ErrorReply(400, "must be an object with a name", param=f"tools[{nth}].function")
    return messages


def _are(values: object, *kinds: type) -> bool:
    """Whether it is a list of such values, or nothing at all."""
    if values is None:
        return True
    return isinstance(values, list) and all(isinstance(value, kinds) for value in values)


def _needs_cloud(message: Mapping[str, Any]) -> str | None:
    """What of a message is not text, and so for the cloud."""
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    for part in parts:
        kind = part.get("type", "text") if isinstance(part, dict) else "text"
        if kind not in _TEXTS:
            return _NOT_TEXT.get(str(kind), "unknown_content")
    return None


def _optional(given: Mapping[str, Any], name: str, kind: type) -> Any:
    value = given.get(name)
    if value is not None and not isinstance(value, kind):
        words = {bool: "true or false", dict: "an object"}
        raise ErrorReply(400, f"{name} must be {words[kind]}", param=name)
    return value


def _integer(given: Mapping[str, Any], name: str) -> int:
    value = given[name]
    if type(value) is not int:
        raise ErrorReply(400, f"{name} must be an integer", param=name)
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


_written = json.JSONEncoder(separators=(",", ":")).encode
_NOTHING: Mapping[str, Any] = {}


class ChatWriter:
    """Writes one answer: the call's id, the time (Unix, s) and the model are in all its parts."""

    def __init__(self, call_id: str, created: int, *, include_usage: bool) -> None:
        self.model = ""
        self._call_id = call_id
        self._created = created
        self._include_usage = include_usage
        self._begun = False

    def whole(self, said: Answer | Reply) -> dict[str, Any]:
        """A ``chat.completion``."""
        refusal = getattr(said, "refusal", "") or None
        own = {"role": "assistant", "content": said.text or None, "refusal": refusal}
        message = {**said.fields, **own}
        if said.tool_calls:
            message["tool_calls"] = list(said.tool_calls)
        choice = {
            **said.in_choice,
            "index": 0,
            "message": message,
            "logprobs": None,
            "finish_reason": said.finish_reason or "stop",
        }
        whole = {**said.around, **self._head("chat.completion"), "choices": [choice]}
        usage = usage_of(said)
        return whole if usage is None else {**whole, "usage": usage}

    def beginning(self, said: Answer | None = None) -> bytes:  # noqa: ARG002  told at the end
        """The first event, which gives the role, once."""
        if self._begun:
            return b""
        self._begun = True
        return self.piece({"role": "assistant", "content": ""})

    def piece(self, delta: Mapping[str, Any]) -> bytes:
        """An event with a part of the answer."""
        return self._chunk({"index": 0, "delta": delta, "finish_reason": None})

    def ping(self) -> bytes:
        """A comment."""
        return _PING

    def ending(self, said: Answer | Reply) -> bytes:
        """The last events: why it ended, the counts where they were asked for, and ``[DONE]``."""
        end = {"index": 0, "delta": {}, "finish_reason": said.finish_reason or "stop"}
        last = self._chunk({**said.in_choice, **end}, said.around)
        if self._include_usage:
            head = self._head("chat.completion.chunk")
            last += event({**head, "choices": [], "usage": usage_of(said)})
        return last + DONE

    def failure(self, refusal: ErrorReply) -> bytes:
        """An event with the error, and no ``[DONE]``."""
        return event(refusal.as_json())

    def _chunk(self, choice: Mapping[str, Any], around: Mapping[str, Any] = _NOTHING) -> bytes:
        return event({**around, **self._head("chat.completion.chunk"), "choices": [choice]})

    def _head(self, kind: str) -> dict[str, Any]:
        return {
            "id": f"chatcmpl-{self._call_id}",
            "object": kind,
            "created": self._created,
            "model": self.model,
        }


def event(payload: Mapping[str, Any]) -> bytes:
    """One server-sent event; ASCII, so that half a surrogate pair does no harm."""
    return b"data: " + _written(payload).encode() + b"\n\n"


def usage_of(said: Answer | Reply) -> dict[str, Any] | None:
    """The server's usage with all its details; None where it reported no token counts."""
    if said.prompt_tokens is None or said.completion_tokens is None:
        return None
    total = said.prompt_tokens + said.completion_tokens
    return {"total_tokens": total, **said.usage}
