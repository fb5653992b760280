"""A chat completion request as an agent sends it, read and checked; no I/O."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.client.backend import ChatRequest
from core.gateway.refusal import Refusal
from core.stages import Stage

if TYPE_CHECKING:
    from collections.abc import Mapping

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


@dataclass(frozen=True, slots=True)
class Asking:
    """What an agent asks: the request for the router, and how it wants the answer."""

    request: ChatRequest
    stream: bool
    include_usage: bool


def read_asking(body: bytes) -> Asking:
    """Read a request's body.

    Raises:
        Refusal: 400, as OpenAI's API would say it.
    """
    given = _object(body)
    for name, why in _UNSUPPORTED.items():
        if given.get(name):
            raise Refusal(400, why, param=name, code="unsupported_parameter")
    if given.get("n") not in (None, 1):
        raise Refusal(400, "n must be 1", param="n", code="unsupported_value")
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
    return Asking(
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
        raise Refusal(
            400,
            f"unknown stage; known are {', '.join(Stage)}",
            param="X-Speckit-Stage",
            code="unknown_stage",
        ) from None


def _object(body: bytes) -> dict[str, Any]:
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        raise Refusal(400, "the request's body is not JSON", code="invalid_json") from None
    if not isinstance(given, dict):
        raise Refusal(400, "the request's body must be a JSON object", code="invalid_json")
    return given


def _messages(given: Mapping[str, Any]) -> list[Any]:
    messages = given.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Refusal(400, "messages must be a list of at least one", param="messages")
    for nth, message in enumerate(messages):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise Refusal(400, "must be an object with a role", param=f"messages[{nth}]")
    return messages


def _optional(given: Mapping[str, Any], name: str, kind: type) -> Any:
    value = given.get(name)
    if value is not None and not isinstance(value, kind):
        words = {bool: "true or false", dict: "an object"}
        raise Refusal(400, f"{name} must be {words[kind]}", param=name)
    return value


def _schema(form: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, str]:
    match form:
        case {"type": "json_schema", "json_schema": {"schema": dict(schema), **rest}}:
            return schema, str(rest.get("name") or "reply")
        case {"type": "json_object"}:
            return {"type": "object"}, "reply"
        case {"type": "text"}:
            return None, "reply"
    if not form:
        return None, "reply"
    raise Refusal(
        400,
        "response_format must be text, json_object, or json_schema with its schema",
        param="response_format",
    )
