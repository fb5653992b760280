"""A cloud that speaks Anthropic's Messages API: what it is asked, its events as chat's; no I/O."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from core.client.portable import closed, portable
from core.client.schema import in_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.client.backend import ChatRequest

PATH = "/messages"
VERSION = "2023-06-01"
_PASSED_ON = ("temperature", "top_p")
KNOWN = frozenset(
    {
        *(*_PASSED_ON, "tools", "tool_choice", "parallel_tool_calls", "stop"),
        *("reasoning_effort", "response_format"),
    }
)
_HOTTEST = 1  # OpenAI's API takes a temperature of up to 2
_MOST_TOKENS = 8192  # where the caller sets no limit, which this API wants
_REASONS = {
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}


def encoded(request: ChatRequest, model: str) -> dict[str, Any]:
    """The body of a streamed request for ``model``."""
    extra = request.extra
    turns: list[dict[str, Any]] = []
    for message in request.messages:
        _add(turns, message)
    config, rule = _form(request)
    if "reasoning_effort" in extra:
        config["effort"] = extra["reasoning_effort"]
    body: dict[str, Any] = {
        "model": model,
        "max_tokens": request.max_tokens or _MOST_TOKENS,
        "messages": turns,
        "stream": True,
        **_sampling(request),
    }
    if system := "\n\n".join(filter(None, (*map(_system, request.messages), rule))):
        body["system"] = system
    if config:
        body["output_config"] = config
    if tools := [tool for tool in extra.get("tools") or () if _inner(tool)]:
        body["tools"] = [_tool(tool) for tool in tools]
        body["tool_choice"] = _choice(extra)
    return body


def _sampling(request: ChatRequest) -> dict[str, Any]:
    extra = request.extra
    fit = {name: extra[name] for name in _PASSED_ON if name in extra}
    if request.temperature is not None:
        fit["temperature"] = request.temperature
    if isinstance(warmth := fit.get("temperature"), int | float):
        fit["temperature"] = min(warmth, _HOTTEST)
    if stop := extra.get("stop"):
        fit["stop_sequences"] = [stop] if type(stop) is str else stop
    return fit


def _form(request: ChatRequest) -> tuple[dict[str, Any], str]:
    """How the reply's form is asked for: an option, or a rule in words where none says it."""
    if request.schema is None:
        return {}, ""
    try:
        form = closed(portable(request.schema, plainly=True))
    except (ValueError, RecursionError):
        return {}, in_words(request.schema)
    return {"format": {"type": "json_schema", "schema": form}}, ""


def whole(document: Mapping[str, Any]) -> dict[str, Any]:
    """A ``message`` as a ``chat.completion``; an error's document stays what it is."""
    content = document.get("content")
    if type(content) is not list:
        return dict(document)
    texts: dict[str, list[str]] = {"content": []}
    calls = []
    for nth, block in enumerate(content):
        match block:
            case {"type": "text", "text": str(text)}:
                texts["content"].append(text)
            case {"type": "thinking", "thinking": str(text)}:
                texts.setdefault("reasoning_content", []).append(text)
            case {"type": "tool_use"}:
                calls.append(_call(nth, block, json.dumps(block.get("input") or {})))
    said = {name: "".join(parts) for name, parts in texts.items()}
    message = {"role": "assistant", **said, "tool_calls": calls}
    reader = MessagesReader()
    end = reader.ended(document, document.get("usage"))
    choice = {"index": 0, "message": message, **end["choices"][0]}
    return {"id": document.get("id"), "model": document.get("model"), **end, "choices": [choice]}


class MessagesReader:
    """Puts one stream's events into chat's words."""

    def __init__(self) -> None:
        self._usage: dict[str, Any] = {}
        # Some servers give a call's whole input where it begins, and no part of it later.
        self._inputs: dict[int, dict[str, Any]] = {}

    def chunks(self, event: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The chat chunks that say what ``event`` says."""
        at = event.get("index")
        at = at if type(at) is int else 0
        match event:
            case {"type": "message_start", "message": dict(message)}:
                self._count(message.get("usage"))
                return [{"id": message.get("id"), "model": message.get("model"), "choices": []}]
            case {"type": "content_block_start", "content_block": dict(block)}:
                return self._begun(at, block)
            case {"type": "content_block_delta", "delta": dict(delta)}:
                if delta.get("partial_json"):
                    self._inputs.pop(at, None)
                return _said(at, delta)
            case {"type": "message_delta", "delta": dict(delta)}:
                return [*self._given(), self.ended(delta, event.get("usage"))]
            case {"type": "error"}:
                return [{"error": event.get("error") or {"message": "an error without words"}}]
        return []

    def _begun(self, at: int, block: Mapping[str, Any]) -> list[dict[str, Any]]:
        if block.get("type") == "tool_use":
            if block.get("input") and type(block["input"]) is dict:
                self._inputs[at] = block["input"]
            return _delta(tool_calls=[_call(at, block, "")])
        return _delta(content=block["text"]) if block.get("text") else []

    def _given(self) -> list[dict[str, Any]]:
        """The inputs that no part came of."""
        inputs, self._inputs = self._inputs, {}
        parts = (
            {"index": at, "function": {"arguments": json.dumps(one)}} for at, one in inputs.items()
        )
        return [chunk for part in parts for chunk in _delta(tool_calls=[part])]

    def ended(self, end: Mapping[str, Any], usage: object) -> dict[str, Any]:
        """The chunk that tells why it ended, and what it took."""
        self._count(usage)
        reason = _REASONS.get(str(end.get("stop_reason")), "stop")
        choice = {"index": 0, "delta": {}, "finish_reason": reason}
        return {
            "choices": [{**choice, "stop_reason": end.get("stop_sequence")}],
            "usage": self._told(),
        }

    def _count(self, usage: object) -> None:
        if type(usage) is dict:
            self._usage |= {name: value for name, value in usage.items() if type(value) is int}

    def _told(self) -> dict[str, Any]:
        used = self._usage
        cached = used.get("cache_read_input_tokens", 0)
        prompt = used.get("input_tokens", 0) + cached + used.get("cache_creation_input_tokens", 0)
        output = used.get("output_tokens", 0)
        return {
            "prompt_tokens": prompt,
            "completion_tokens": output,
            "total_tokens": prompt + output,
            "prompt_tokens_details": {"cached_tokens": cached},
        }


def _said(at: int, delta: Mapping[str, Any]) -> list[dict[str, Any]]:
    match delta:
        case {"type": "text_delta", "text": str(text)}:
            return _delta(content=text)
        case {"type": "thinking_delta", "thinking": str(text)}:
            return _delta(reasoning_content=text)
        case {"type": "input_json_delta", "partial_json": str(text)}:
            return _delta(tool_calls=[{"index": at, "function": {"arguments": text}}])
    return []


def _delta(**said: Any) -> list[dict[str, Any]]:
    return [{"choices": [{"index": 0, "delta": said, "finish_reason": None}]}]


def _call(at: int, block: Mapping[str, Any], arguments: str) -> dict[str, Any]:
    inner = {"name": block.get("name"), "arguments": arguments}
    return {"index": at, "id": block.get("id"), "type": "function", "function": inner}


def _system(message: Mapping[str, Any]) -> str:
    if message.get("role") not in ("system", "developer"):
        return ""
    return "\n\n".join(
        block["text"] for block in _blocks(message.get("content")) if "text" in block
    )


def _add(turns: list[dict[str, Any]], message: Mapping[str, Any]) -> None:
    """Add a message to the turns, which alternate."""
    role = str(message.get("role"))
    if role in ("system", "developer"):
        return
    blocks = _blocks(message.get("content"))
    if role == "tool":
        result = {"tool_use_id": message.get("tool_call_id"), "content": blocks}
        blocks = [{"type": "tool_result", **result}]
    for call in message.get("tool_calls") or ():
        inner, custom = _inner(call), call.get("custom")
        if type(custom) is dict:  # freeform
            inner = {**custom, "arguments": json.dumps({"input": custom.get("input")})}
        made = {"id": call.get("id"), "name": inner.get("name")}
        blocks.append({"type": "tool_use", **made, "input": _object(inner.get("arguments"))})
    role = "assistant" if role == "assistant" else "user"
    if turns and turns[-1]["role"] == role:
        turns[-1]["content"] += blocks
    elif blocks:
        turns.append({"role": role, "content": blocks})


def _blocks(content: object) -> list[dict[str, Any]]:
    if type(content) is not list:
        content = [content]
    return [block for block in map(_block, content) if block]


def _block(part: object) -> dict[str, Any] | None:
    match part:
        case {"type": "image_url", "image_url": {"url": str(url)}}:
            return {"type": "image", "source": _source(url)}
        case {"type": "file", "file": {"file_data": str(url)}}:
            return {"type": "document", "source": _source(url)}
        case {"text": str(text)} | {"refusal": str(text)} | str(text) if text.strip():
            return {"type": "text", "text": text}  # one of blanks alone would be refused
    return None


def _inner(named: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a tool, or a call of one, says of its function."""
    inner = named.get("function")
    return inner if type(inner) is dict else {}


def _source(url: str) -> dict[str, Any]:
    head, comma, data = url.partition(";base64,")
    if head.startswith("data:") and comma:
        return {"type": "base64", "media_type": head.removeprefix("data:"), "data": data}
    return {"type": "url", "url": url}


def _object(arguments: object) -> dict[str, Any]:
    try:
        value = json.loads(str(arguments or "{}"))
    except (ValueError, RecursionError):
        return {}
    return value if type(value) is dict else {}


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    inner = _inner(tool)
    schema = inner.get("parameters")
    whole = {"type": "object", **(schema if type(schema) is dict else {})}
    made = {"name": inner.get("name"), "input_schema": whole}
    return {**made, "description": inner["description"]} if "description" in inner else made


def _choice(extra: Mapping[str, Any]) -> dict[str, Any]:
    choice: dict[str, Any] = {"type": "auto"}
    match extra.get("tool_choice"):
        case {"function": {"name": str(name)}}:
            choice = {"type": "tool", "name": name}
        case "required":
            choice = {"type": "any"}
        case "none":
            return {"type": "none"}
    if extra.get("parallel_tool_calls") is False:
        choice["disable_parallel_tool_use"] = True
    return choice
