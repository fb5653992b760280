"""A record as an OpenTelemetry span: ids from its hash, times from its fields; pure.

Names follow the GenAI semantic conventions for client spans, which are still in development. What
they have no name for is sent as ``reflex.FIELD``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from core.client.apis import provider_of, server_of
from core.export.selection import RAW
from core.figures import finite
from core.plain import plain_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.capsule import Record


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Value = str | bool | int | float | Sequence[str]

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
CACHED_TOKENS = "gen_ai.usage.cache_read.input_tokens"
REASONING_TOKENS = "gen_ai.usage.reasoning.output_tokens"
FINISH_REASONS = "gen_ai.response.finish_reasons"
RESPONSE_MODEL = "gen_ai.response.model"
RESPONSE_ID = "gen_ai.response.id"
STREAM = "gen_ai.request.stream"
MAX_TOKENS = "gen_ai.request.max_tokens"
TEMPERATURE = "gen_ai.request.temperature"
SEED = "gen_ai.request.seed"
TOP_P = "gen_ai.request.top_p"
TOP_K = "gen_ai.request.top_k"
FREQUENCY_PENALTY = "gen_ai.request.frequency_penalty"
PRESENCE_PENALTY = "gen_ai.request.presence_penalty"
STOP_SEQUENCES = "gen_ai.request.stop_sequences"
CHOICES = "gen_ai.request.choice.count"
CONVERSATION = "gen_ai.conversation.id"
TTFT_S = "gen_ai.response.time_to_first_chunk"
OUTPUT_TYPE = "gen_ai.output.type"
INPUT_MESSAGES = "gen_ai.input.messages"
OUTPUT_MESSAGES = "gen_ai.output.messages"
TOOLS = "gen_ai.tool.definitions"
ERROR_TYPE = "error.type"
SERVER_ADDRESS = "server.address"
SERVER_PORT = "server.port"
EVALUATION_NAME = "gen_ai.evaluation.name"
EVALUATION_LABEL = "gen_ai.evaluation.score.label"
EVALUATION_EXPLANATION = "gen_ai.evaluation.explanation"
EVALUATION = "gen_ai.evaluation.result"
OWN = "reflex."
_EVALUATIONS = frozenset({"CallOutcome", "GateDecision"})
_UNANSWERED = "CallUnanswered"
ABANDONED = "outcome_unknown"

_INT64 = 1 << 63
_MOST_MS = 1e12  # some thirty years

CHAT = "chat"

_COUNTS = {
    "prompt_tokens": INPUT_TOKENS,
    "completion_tokens": OUTPUT_TOKENS,
    "cached_tokens": CACHED_TOKENS,
    "reasoning_tokens": REASONING_TOKENS,
}
_SAID = {"response_model": RESPONSE_MODEL, "response_id": RESPONSE_ID, "streamed": STREAM}
_ASKED = {
    "max_tokens": MAX_TOKENS,
    "temperature": TEMPERATURE,
    "seed": SEED,
    "top_p": TOP_P,
    "top_k": TOP_K,
    "frequency_penalty": FREQUENCY_PENALTY,
    "presence_penalty": PRESENCE_PENALTY,
}
_NAMED = frozenset(
    {*_COUNTS, *_SAID, "model", "endpoint", "finish_reason", "ttft_ms", "error", "session"}
)


def attributes(body: Mapping[str, Any], *, with_io: bool) -> dict[str, Value]:
    """A record's attributes; without ``with_io`` nothing raw is among them."""
    named: dict[str, Any] = {}
    if body.get("event_type") == "LLMCall":
        named = _of_call(body, with_io=with_io)
    elif body.get("event_type") == "RoutingDecision" and body.get("session"):
        named = {CONVERSATION: body["session"]}
    elif body.get("event_type") in _EVALUATIONS:
        named = _of_evaluation(body)
    elif body.get("event_type") == _UNANSWERED:
        named = {ERROR_TYPE: body.get("error"), REQUEST_MODEL: body.get("model")}
        named[CONVERSATION] = body.get("session")
        named = {name: value for name, value in named.items() if value is not None}
    for name, value in body.items():
        # A keyed hash of a request says nothing to a collector; raw ones are named above.
        if value is None or name in RAW or (OPERATION in named and name in _NAMED):
            continue
        named[OWN + name] = value
    if with_io and isinstance(message := body.get("error_message"), str):
        named[f"{OWN}error_message"] = message
    return {_text(name): _flat(value) for name, value in named.items()}


def _of_call(body: Mapping[str, Any], *, with_io: bool) -> dict[str, Any]:
    host, port = server_of(str(body.get("endpoint") or ""))
    finish, compliant = body.get("finish_reason"), body.get("json_compliant")
    ttft_ms = None if body.get("streamed") is False else finite(body.get("ttft_ms"))
    named: dict[str, Any] = {
        OPERATION: CHAT,
        PROVIDER: provider_of(body.get("api")),
        CONVERSATION: body.get("session"),
        REQUEST_MODEL: str(body.get("model")),
        SERVER_ADDRESS: host,
        SERVER_PORT: port,
        OUTPUT_TYPE: "text" if compliant is None else "json",
        FINISH_REASONS: _finish_reasons(finish, failed=not body.get("success")),
        TTFT_S: None if ttft_ms is None else ttft_ms / 1000,
        ERROR_TYPE: body.get("error"),
        **{name: body.get(field) for field, name in (_COUNTS | _SAID).items()},
    }
    request = body.get("request")
    if isinstance(request, dict):  # it was kept; these hold nothing of what was said
        named |= {name: finite(request.get(field)) for field, name in _ASKED.items()}
        named[CHOICES] = None if (many := request.get("n")) == 1 else finite(many)
    if with_io:
        named[STOP_SEQUENCES] = _stops(body.get("request"))
        named[TOOLS] = _tools(body.get("request"))
        named[INPUT_MESSAGES] = _messages(body.get("request"))
        named[OUTPUT_MESSAGES] = _reply(body.get("response"), str(finish or "error"))
    return {name: value for name, value in named.items() if value is not None}


def _stops(request: object) -> list[str] | None:
    stop = request.get("stop") if isinstance(request, dict) else None
    texts = [stop] if isinstance(stop, str) else _list(stop)
    return [text for text in texts if isinstance(text, str)] or None


def _tools(request: object) -> str | None:
    """The tools that were offered; their parameters are in the event."""
    offered = _list(request.get("tools")) if isinstance(request, dict) else []
    tools = [(str(tool.get("type")), tool) for tool in offered if isinstance(tool, dict)]
    named = [
        {"type": kind, "name": inner.get("name")}
        for kind, tool in tools
        if isinstance(inner := tool.get(kind), dict)
    ]
    return _json(named) if named else None


def _finish_reasons(finish: object, *, failed: bool) -> list[str] | None:
    """The conventions want ``error`` where generation failed before the server gave a reason."""
    if finish is None:
        return ["error"] if failed else None
    return [str(finish)]


def _of_evaluation(body: Mapping[str, Any]) -> dict[str, Value]:
    """A verdict on an answer or on the model, as the conventions' ``gen_ai.evaluation.result``."""
    if body.get("event_type") == "CallOutcome":
        return {
            EVALUATION_NAME: "outcome",
            EVALUATION_LABEL: "pass" if body.get("ok") is True else "fail",
        }
    named: dict[str, Value] = {
        EVALUATION_NAME: "gate",
        EVALUATION_LABEL: str(body.get("verdict")),
    }
    if cause := body.get("cause"):
        named[EVALUATION_EXPLANATION] = str(cause)
    return named


def _messages(request: Any) -> str | None:
    """The conventions' JSON for messages; None where a hash alone was kept."""
    if not isinstance(request, dict):
        return None
    return _json([_message(message) for message in _list(request.get("messages"))])


def _message(message: Any) -> dict[str, Any]:
    if not isinstance(message, dict):
        return {"role": "user", "parts": [_part(message)]}
    content = message.get("content")
    if message.get("role") == "tool":
        answered = {"type": "tool_call_response", "id": message.get("tool_call_id")}
        return {"role": "tool", "parts": [answered | {"response": content}]}
    parts = [_part(one) for one in (content if isinstance(content, list) else [content]) if one]
    parts += _called(message.get("tool_calls"))
    return {"role": message.get("role", "user"), "parts": parts}


def _part(content: Any) -> dict[str, Any]:
    if isinstance(content, dict) and content.get("type") == "text":
        content = content.get("text")
    text = content if isinstance(content, str) else _json(content)
    return {"type": "text", "content": text}


def _reply(response: Any, finish_reason: str) -> str | None:
    if not isinstance(response, dict):
        return None
    parts = [_part(response["text"])] if response.get("text") else []
    parts += _called(response.get("tool_calls"))
    return _json([{"role": "assistant", "parts": parts, "finish_reason": finish_reason}])


def _called(tool_calls: Any) -> list[dict[str, Any]]:
    calls = [call for call in _list(tool_calls) if isinstance(call, dict)]
    return [{"type": "tool_call", "id": call.get("id"), **_named(call)} for call in calls]


def _named(call: Mapping[str, Any]) -> dict[str, Any]:
    inner = call.get("function")
    said = inner if isinstance(inner, dict) else {}
    return {"name": said.get("name"), "arguments": said.get("arguments")}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _flat(value: Any) -> Value:
    """A value as an attribute may be: a scalar, a list of texts, else JSON."""
    if isinstance(value, int) and not -_INT64 <= value < _INT64:
        return str(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return [_text(item) for item in value]
    return _json(value)


def _json(value: Any) -> str:
    try:
        return _text(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
    except (ValueError, RecursionError):
        return plain_json(value)


def _text(value: object) -> str:
    """Half a surrogate pair, which JSON may hold, fits no span."""
    return str(value).encode(errors="replace").decode()


_TRACE_BYTES = 16
_SPAN_BYTES = 8


@dataclass(frozen=True, slots=True)
class SpanFields:
    """What a span is made of; times in ns since 1970. ``failed`` is the error's code or None.

    The same record always gives the same ids, so that a collector which gets it twice can tell.
    All spans of one call share a trace and name the span of the call as their ``parent_id``.
    """

    name: str
    trace_id: int
    span_id: int
    start_ns: int
    end_ns: int
    is_call: bool
    failed: str | None
    attributes: dict[str, Value]
    parent_id: int | None = None


def spans_of(record: Record, *, with_io: bool) -> list[SpanFields]:
    """The record's spans: its own, and that of the call which it ends.

    That of a call ends with its answer, or with the record that nobody gave one.
    """
    own = span_of(record, with_io=with_io)
    if record.event_type == _UNANSWERED and own.parent_id is not None:
        return [_unanswered_span(record, own)]
    call = _call_span(record, own)
    return [own] if call is None else [call, own]


def _call_span(record: Record, answered: SpanFields) -> SpanFields | None:
    """The span of a whole call, from the caller's request to the answer, retries included."""
    body = record.body
    waited_ms = finite(body.get("waited_ms"))
    if not answered.is_call or answered.failed or answered.parent_id is None or waited_ms is None:
        return None
    kept = ("stage", "mode", "backend", "call_id", "run_id", "origin", "attempt", "fallback_reason")
    named = {
        REQUEST_MODEL: body.get("model"),
        RESPONSE_MODEL: body.get("response_model"),
        CONVERSATION: body.get("session"),
        **{f"{OWN}{name}": body.get(name) for name in kept},
    }
    return SpanFields(
        name=f"call {_text(body.get('stage'))}",
        trace_id=answered.trace_id,
        span_id=answered.parent_id,
        start_ns=max(0, min(answered.start_ns, answered.end_ns - _nanoseconds_of(waited_ms))),
        end_ns=answered.end_ns,
        is_call=False,
        failed=None,
        attributes={name: _flat(value) for name, value in named.items() if value is not None},
    )


def _unanswered_span(record: Record, own: SpanFields) -> SpanFields:
    """The span of a whole call that ended without an answer."""
    body = record.body
    assert own.parent_id is not None
    return replace(
        own,
        name=f"call {_text(body.get('stage'))}",
        span_id=own.parent_id,
        parent_id=None,
        start_ns=max(0, own.end_ns - _nanoseconds_of(body.get("waited_ms"))),
        failed=_text(body.get("error") or "error"),
    )


def abandoned_span(decision: Record) -> SpanFields | None:
    """The span of a whole call of which nothing but its ``decision`` tells, and no more will.

    None where it is of no call.
    """
    own = span_of(decision, with_io=False)
    if own.parent_id is None:
        return None
    return replace(
        own,
        name=f"call {_text(decision.body.get('stage'))}",
        span_id=own.parent_id,
        parent_id=None,
        failed=ABANDONED,
        attributes={**own.attributes, ERROR_TYPE: ABANDONED},
    )


def span_of(record: Record, *, with_io: bool) -> SpanFields:
    """The record's span. Without ``with_io`` it holds nothing raw."""
    body = record.body
    is_call = record.event_type == "LLMCall"
    end_ns = _nanoseconds(record.time)
    failed = is_call and not body.get("success")
    return SpanFields(
        name=_name(record),
        trace_id=_trace_id(record),
        span_id=int.from_bytes(_digest(record)[-_SPAN_BYTES:]) or 1,
        start_ns=max(0, end_ns - _took_ns(body)),
        end_ns=end_ns,
        is_call=is_call,
        failed=_text(body.get("error") or "error") if failed else None,
        attributes=attributes(body, with_io=with_io),
        parent_id=_parent_id(body),
    )


def _parent_id(body: Mapping[str, Any]) -> int | None:
    """The id of the call's own span, which all of its records give; None without a call."""
    call_id = body.get("call_id")
    if not call_id:
        return None
    return int.from_bytes(sha256(f"span {_text(call_id)}".encode()).digest()[:_SPAN_BYTES]) or 1


def _name(record: Record) -> str:
    if record.event_type == "LLMCall":
        return f"{CHAT} {_text(record.body.get('model'))}"
    return EVALUATION if record.event_type in _EVALUATIONS else record.event_type


def _trace_id(record: Record) -> int:
    call_id = record.body.get("call_id")
    digest = sha256(f"call {_text(call_id)}".encode()).digest() if call_id else _digest(record)
    return int.from_bytes(digest[:_TRACE_BYTES]) or 1


def _digest(record: Record) -> bytes:
    return bytes.fromhex(record.hash.removeprefix("sha256:"))


def _took_ns(body: Mapping[str, Any]) -> int:
    return _nanoseconds_of(body.get("latency_ms"))


def _nanoseconds_of(milliseconds: object) -> int:
    return max(0, round(min(finite(milliseconds) or 0.0, _MOST_MS) * 1e6))


def _nanoseconds(time: str) -> int:
    """0, which is 1970, for what is no time, or for one that a span has no word for."""
    try:
        found = round(datetime.fromisoformat(time).timestamp() * 1000) * 1_000_000
    except (ValueError, OverflowError):
        return 0
    return found if 0 <= found < _INT64 else 0
