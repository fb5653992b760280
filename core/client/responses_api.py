"""A cloud that speaks OpenAI's Responses API: what it is asked, its events as chat's; no I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from core.client.backend import ChatRequest

PATH = "/responses"
_PASSED_ON = ("temperature", "top_p", "parallel_tool_calls")
KNOWN = frozenset({*_PASSED_ON, "tools", "tool_choice", "reasoning_effort", "response_format"})
_NO_PARAMETERS: Mapping[str, Any] = {"type": "object", "properties": {}}
_TEXTS = {
    "response.output_text.delta": "content",
    "response.refusal.delta": "refusal",
    "response.reasoning_text.delta": "reasoning_content",
    "response.reasoning_summary_text.delta": "reasoning_content",
}
_CUT = {"max_output_tokens": "length", "content_filter": "content_filter"}


def encoded(request: ChatRequest, model: str) -> dict[str, Any]:
    """The body of a request for ``model``, streamed and kept by nobody."""
    extra = request.extra
    freeform = frozenset(
        str(call.get("id"))
        for message in request.messages
        for call in _calls(message)
        if type(call.get("custom")) is dict
    )
    items = (item for message in request.messages for item in _items(message, freeform))
    body: dict[str, Any] = {
        "model": model,
        "input": list(items),
        "stream": True,
        "store": False,
        **{name: extra[name] for name in _PASSED_ON if name in extra},
    }
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if request.max_tokens is not None:
        body["max_output_tokens"] = request.max_tokens
    if "reasoning_effort" in extra:
        body["reasoning"] = {"effort": extra["reasoning_effort"]}
    if tools := extra.get("tools"):
        body["tools"] = [_tool(tool) for tool in tools]
        body["tool_choice"] = _choice(extra.get("tool_choice", "auto"))
    if request.schema is not None:
        body["text"] = {"format": _format(request, request.schema)}
    return body


def whole(document: Mapping[str, Any]) -> dict[str, Any]:
    """A ``response`` as a ``chat.completion``; an error's document stays what it is."""
    if "output" not in document:
        return dict(document)
    reader = ResponsesReader()
    output = document["output"] if type(document["output"]) is list else []
    items = [(nth, item) for nth, item in enumerate(output) if type(item) is dict]
    calls = [
        reader.called(nth, item, item.get("arguments") or item.get("input")) for nth, item in items
    ]
    message = {
        "role": "assistant",
        "content": "",
        **_said(item for _, item in items),
        "tool_calls": [call for call in calls if call],
    }
    end = reader.ended(document)
    choice = {"index": 0, "message": message, **end["choices"][0]}
    return {"id": document.get("id"), "model": document.get("model"), **end, "choices": [choice]}


class ResponsesReader:
    """Puts one stream's events into chat's words."""

    def __init__(self) -> None:
        self._calls: set[int] = set()
        self._filled: set[int] = set()

    def chunks(self, event: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The chat chunks that say what ``event`` says."""
        kind, response = str(event.get("type")), event.get("response")
        if name := _TEXTS.get(kind):
            self._filled.add(_place(event))
            return _delta(**{name: event.get("delta")})
        if type(response) is dict:
            return self._told(kind, response)
        if kind == "error":
            return [{"error": event.get("error") or dict(event)}]
        if kind == "response.output_item.done" and type(event.get("item")) is dict:
            return self._whole_item(_place(event), event["item"])
        call = self._call(kind, event)
        return _delta(tool_calls=[call]) if call else []

    def _told(self, kind: str, response: Mapping[str, Any]) -> list[dict[str, Any]]:
        """What an event says that holds the response as a whole."""
        match kind:
            case "response.created":
                return [{"id": response.get("id"), "model": response.get("model"), "choices": []}]
            case "response.completed" | "response.incomplete":
                return [*self._unsaid(response.get("output")), self.ended(response)]
            case "response.failed":
                return [{"error": response.get("error") or {"message": "the response failed"}}]
        return []

    def _unsaid(self, output: object) -> list[dict[str, Any]]:
        """The whole output, where no event before has told any of it."""
        if self._filled or self._calls or type(output) is not list:
            return []
        items = [(at, item) for at, item in enumerate(output) if type(item) is dict]
        return [chunk for at, item in items for chunk in self._whole_item(at, item)]

    def _call(self, kind: str, event: Mapping[str, Any]) -> dict[str, Any] | None:
        """The part of a tool call that an event holds."""
        at, item = _place(event), event.get("item")
        match kind:
            case "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta":
                self._filled.add(at)
                return _part(at, "custom" if "custom" in kind else "function", event.get("delta"))
            case "response.output_item.added" if type(item) is dict:
                return self.called(at, item, "")
        return None

    def _whole_item(self, at: int, item: Mapping[str, Any]) -> list[dict[str, Any]]:
        """An item that has ended, where nothing of it came before, as of some servers."""
        if at in self._filled:
            return []
        self._filled.add(at)
        if call := self.called(at, item, item.get("arguments") or item.get("input")):
            return _delta(tool_calls=[call])
        said = _said([item])
        return _delta(**said) if said else []

    def called(self, at: int, item: Mapping[str, Any], text: object) -> dict[str, Any] | None:
        """The call that an item is; None where it is none that an agent carries out."""
        kind = item.get("type")
        if kind not in ("function_call", "custom_tool_call"):
            return None
        self._calls.add(at)
        part = _part(at, "custom" if kind == "custom_tool_call" else "function", text)
        part[part["type"]]["name"] = item.get("name")
        return {**part, "id": item.get("call_id")}

    def ended(self, response: Mapping[str, Any]) -> dict[str, Any]:
        """The chunk that tells why it ended, and what it took."""
        details = response.get("incomplete_details")
        cut = details.get("reason") if type(details) is dict else None
        reason = _CUT.get(str(cut)) or ("tool_calls" if self._calls else "stop")
        usage = response.get("usage")
        return {
            "choices": [{"index": 0, "delta": {}, "finish_reason": reason}],
            "usage": _usage(usage) if type(usage) is dict else None,
        }


def _place(event: Mapping[str, Any]) -> int:
    at = event.get("output_index")
    return at if type(at) is int else 0


def _said(items: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """What items say that are messages or thoughts, by chat's names."""
    said: dict[str, list[str]] = {}
    for item in items:
        thinks = item.get("type") == "reasoning"
        content = item.get("content")
        parts = content if type(content) is list else []
        if thinks and not parts:
            parts = item["summary"] if type(item.get("summary")) is list else []
        for part in parts:
            match part:
                case {"text": str(text)}:
                    said.setdefault("reasoning_content" if thinks else "content", []).append(text)
                case {"type": "refusal", "refusal": str(text)}:
                    said.setdefault("refusal", []).append(text)
    return {name: "".join(texts) for name, texts in said.items()}


def _usage(usage: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.get("input_tokens"),
        "completion_tokens": usage.get("output_tokens"),
        "total_tokens": usage.get("total_tokens"),
        "prompt_tokens_details": usage.get("input_tokens_details") or {},
        "completion_tokens_details": usage.get("output_tokens_details") or {},
    }


def _delta(**said: Any) -> list[dict[str, Any]]:
    return [{"choices": [{"index": 0, "delta": said, "finish_reason": None}]}]


def _part(at: int, section: str, text: object) -> dict[str, Any]:
    payload = "input" if section == "custom" else "arguments"
    return {"index": at, "type": section, section: {payload: text}}


def _calls(message: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return message.get("tool_calls") or ()


def _items(message: Mapping[str, Any], freeform: frozenset[str]) -> list[dict[str, Any]]:
    """A message as items; ``freeform`` are the ids of calls whose input is no JSON."""
    role, content = str(message.get("role")), message.get("content")
    if role == "tool":
        identity = message.get("tool_call_id")
        kind = "custom_tool_call_output" if str(identity) in freeform else "function_call_output"
        return [{"type": kind, "call_id": identity, "output": _text(content)}]
    items: list[dict[str, Any]] = []
    if content:
        kind = "output_text" if role == "assistant" else "input_text"
        parts = content if type(content) is list else [{"type": "text", "text": content}]
        items.append(
            {"type": "message", "role": role, "content": [_content(kind, p) for p in parts]}
        )
    for call in _calls(message):
        identity, inner = {"call_id": call.get("id")}, _inner(call)
        if type(custom := call.get("custom")) is dict:
            said = {"name": custom.get("name"), "input": custom.get("input") or ""}
            items.append({"type": "custom_tool_call", **identity, **said})
        else:
            said = {"name": inner.get("name"), "arguments": inner.get("arguments") or "{}"}
            items.append({"type": "function_call", **identity, **said})
    return items


def _content(kind: str, part: Mapping[str, Any] | str) -> dict[str, Any]:
    match part:
        case {"type": "image_url", "image_url": {"url": str(url)}}:
            return {"type": "input_image", "image_url": url, "detail": "auto"}
        case {"type": "file", "file": dict(file)}:
            return {"type": "input_file", **file}
        case str():
            return {"type": kind, "text": part}
        case {"refusal": str(words)} if kind == "output_text":
            return {"type": "refusal", "refusal": words}
    return {"type": kind, "text": str(part.get("text") or "")}


def _text(content: object) -> str:
    if type(content) is list:
        return "\n".join(_content("", part).get("text", "") for part in content)
    return str(content or "")


def _choice(choice: object) -> object:
    match choice:
        case {"type": "function" as kind, "function": dict(named)}:
            return {"type": kind, "name": named.get("name")}
        case {"type": "custom" as kind, "custom": dict(named)}:
            return {"type": kind, "name": named.get("name")}
    return choice


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    custom = tool.get("custom")
    if type(custom) is not dict:
        inner = {"parameters": _NO_PARAMETERS, "strict": False, **_inner(tool)}
        return {"type": "function", **inner}
    made = {"type": "custom", **custom}
    match custom.get("format"):
        case {"type": "grammar", "grammar": dict(grammar)}:
            made["format"] = {"type": "grammar", **grammar}
    return made


def _format(request: ChatRequest, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The reply's form; strictly where the caller says so."""
    asked = request.response_format or {}
    if asked.get("type") == "json_object" and not asked.get("schema"):
        return {"type": "json_object"}
    named = asked.get("json_schema")
    strict = type(named) is dict and named.get("strict") is True
    form = {"type": "json_schema", "name": request.schema_name, "schema": schema}
    return {**form, "strict": strict}


def _inner(tool: Mapping[str, Any]) -> dict[str, Any]:
    inner = tool.get("function")
    return inner if type(inner) is dict else {}
