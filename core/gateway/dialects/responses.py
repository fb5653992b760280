"""OpenAI's Responses API: a request read into a chat request; no I/O.

Items become messages, tools of every kind become functions where they can, and what only OpenAI's
own servers can do is left to a cloud: named in ``dropped``, or a reason why no local server may
answer.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from core.client.backend import ChatRequest
from core.gateway.dialects.agent_call import AgentCall
from core.gateway.dialects.refusals import ErrorReply, body_object
from core.gateway.dialects.responses_events import OURS, ResponseWriter
from core.gateway.dialects.tools import ToolName, ToolNames, freeform, function
from core.gateway.dialects.turns import Conversation, joined

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.gateway.dialects.agent_call import AnswerWriter

_PASSED_ON = ("temperature", "top_p", "parallel_tool_calls")
_READ = frozenset(
    {
        *("model", "input", "instructions", "tools", "tool_choice", "max_output_tokens"),
        *("stream", "text", "reasoning", *_PASSED_ON),
    }
)
# Only the servers that keep conversations know what these refer to.
_KEPT_ELSEWHERE = ("previous_response_id", "conversation", "prompt")
_ITEMS_KEPT_ELSEWHERE = ("item_reference", "compaction", "compaction_summary")
# A tuple: what an agent sends as a type may be anything, also a list, which no set can look up.
_TEXTS = ("input_text", "output_text", "text", "summary_text", "reasoning_text")
_ROLES = {"developer": "system", "system": "system", "user": "user", "assistant": "assistant"}


class Responses:
    """The dialect of ``POST /v1/responses``."""

    name = "responses"

    def read(self, given: object) -> AgentCall:
        """Read a request's body, parsed; ErrorReply 400, as OpenAI's API would say it."""
        return _Reader(body_object(given)).call()

    def native(self, given: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Without reasoning of a local model, which OpenAI's servers do not find."""
        items = given.get("input")
        if not isinstance(items, list):
            return given
        return {**given, "input": [item for item in items if not _is_our_reasoning(item)]}

    def writer(self, call: AgentCall, call_id: str, created: int) -> AnswerWriter:
        """For the answer to ``call``."""
        return ResponseWriter(call.tools, call_id, created)

    def error(self, refusal: ErrorReply) -> dict[str, Any]:
        """An error's document."""
        return refusal.as_json()


class _Reader:
    """Reads one request; what it cannot express in chat's words it notes on the way."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given
        self._tools = ToolNames()
        self._dropped: set[str] = set()
        self._needs_cloud: str | None = None
        self._kept_elsewhere = next((key for key in _KEPT_ELSEWHERE if given.get(key)), None)
        self._talk = Conversation()

    def call(self) -> AgentCall:
        given = self._given
        if given.get("background"):
            raise ErrorReply(400, "background is not supported", param="background")
        offered = self._offered([*_list(given.get("tools")), *_added(given.get("input"))])
        extra = {name: given[name] for name in _PASSED_ON if given.get(name) is not None}
        if offered:
            extra["tools"] = offered
        else:
            extra.pop("parallel_tool_calls", None)
        self._choose(given.get("tool_choice"), extra)
        schema, name = self._text(_table(given, "text"))
        effort = _table(given, "reasoning").get("effort")
        if isinstance(effort, str):
            extra["reasoning_effort"] = effort
        self._dropped |= {key for key, value in given.items() if key not in _READ and value}
        if isinstance(given.get("instructions"), str):
            self._talk.say("system", given["instructions"])
        self._items(given.get("input"))
        native = self._kept_elsewhere
        if not (self._talk.messages() or native or self._needs_cloud):
            raise ErrorReply(400, "input must be a text, or a list of items", param="input")
        request = ChatRequest(
            self._talk.messages(),
            schema=schema,
            schema_name=name,
            max_tokens=_limit(given.get("max_output_tokens")),
            extra=extra,
            dialect=Responses.name,
            dropped=tuple(sorted(self._dropped)),
        )
        return AgentCall(
            request,
            stream=given.get("stream") is True,
            needs_cloud=native or self._needs_cloud,
            native_only=native,
            tools=self._tools,
        )

    def _items(self, items: object) -> None:
        if isinstance(items, str):
            self._talk.say("user", items)
        elif isinstance(items, list):
            for nth, item in enumerate(items):
                if not isinstance(item, dict):
                    raise ErrorReply(400, "must be an object", param=f"input[{nth}]")
                self._item(item)

    def _item(self, item: Mapping[str, Any]) -> None:
        kind = item.get("type") or ("message" if "role" in item else "")
        match kind:
            case "message":
                role = _ROLES.get(str(item.get("role")))
                if role is None:
                    raise ErrorReply(400, "unknown role", param="input")
                self._talk.say(role, self._content(item.get("content")))
            case "reasoning":
                self._reasoning(item)
            case "function_call" | "custom_tool_call":
                self._called(kind, item)
            case "function_call_output" | "custom_tool_call_output":
                self._result(item)
            case "additional_tools":
                pass  # offered already
            case str() if kind in _ITEMS_KEPT_ELSEWHERE:
                self._kept_elsewhere = self._kept_elsewhere or kind
            case _:
                # Of a tool that a server carries out itself, or sealed for it.
                self._note("server_tool", f"input.{str(kind)[:60]}")

    def _reasoning(self, item: Mapping[str, Any]) -> None:
        parts = [*_list(item.get("content")), *_list(item.get("summary"))]
        texts = [part["text"] for part in parts if _is_text(part)]
        self._talk.reason("\n".join(texts))
        if item.get("encrypted_content"):
            self._dropped.add("reasoning.encrypted_content")

    def _called(self, kind: str, item: Mapping[str, Any]) -> None:
        flat = self._tools.flat(str(item.get("name")), _namespace(item))
        if kind == "custom_tool_call":
            arguments = json.dumps({"input": str(item.get("input") or "")}, ensure_ascii=False)
        else:
            arguments = str(item.get("arguments") or "{}")
        self._talk.call(_identity(item), flat, arguments)

    def _result(self, item: Mapping[str, Any]) -> None:
        given = item.get("output")
        if isinstance(given, dict):  # not as the API has it, but what a tool said is kept
            given = json.dumps(given, ensure_ascii=False)
        output = self._content(given)
        if isinstance(output, str):
            self._talk.result(_identity(item), output)
            return
        # A tool's message holds text alone: images follow as the user's.
        texts = [part["text"] for part in output if part["type"] == "text"]
        self._talk.result(_identity(item), "\n".join([*texts, "(an image or file: see below)"]))
        self._talk.say("user", [part for part in output if part["type"] != "text"])

    def _content(self, content: object) -> str | list[dict[str, Any]]:
        if isinstance(content, str):
            return content
        return joined([part for part in map(self._part, _list(content)) if part])

    def _part(self, part: Any) -> dict[str, Any] | None:
        match part:
            case {"type": kind, "text": str(text)} if kind in _TEXTS:
                return {"type": "text", "text": text}
            case {"type": "refusal"}:
                return {"type": "text", "text": str(part.get("refusal") or "")}
            case {"type": "input_image", "image_url": str(url)}:
                self._note("image_input")
                detail = part.get("detail")
                image = {"url": url, **({"detail": detail} if isinstance(detail, str) else {})}
                fit = {"type": "image_url", "image_url": image}
            case {"type": "input_file", "file_data": str(data)}:
                self._note("file_input")
                name = str(part.get("filename") or "file")
                fit = {"type": "file", "file": {"filename": name, "file_data": data}}
            case {"type": "input_audio", "input_audio": dict(sound)}:
                self._note("audio_input")
                fit = {"type": "input_audio", "input_audio": sound}
            case dict():
                self._note("unknown_content", f"content.{str(part.get('type'))[:60]}")
                return None
            case _:
                return None
        return fit

    def _note(self, reason: str, dropped: str | None = None) -> None:
        self._needs_cloud = self._needs_cloud or reason
        if dropped:
            self._dropped.add(dropped)

    def _offered(self, tools: object) -> list[dict[str, Any]]:
        offered = []
        for tool in _list(tools):
            if not isinstance(tool, dict):
                raise ErrorReply(400, "must be an object", param="tools")
            if tool.get("type") == "namespace":
                inner = [one for one in _list(tool.get("tools")) if isinstance(one, dict)]
                offered += [self._tool(one, str(tool.get("name"))) for one in inner]
            else:
                offered.append(self._tool(tool))
        return [tool for tool in offered if tool]

    def _tool(self, tool: Mapping[str, Any], namespace: str | None = None) -> dict[str, Any] | None:
        kind, name = tool.get("type"), tool.get("name")
        if kind not in ("function", "custom") or not isinstance(name, str):
            self._dropped.add(f"tools.{str(kind)[:60]}")
            return None
        flat = self._tools.add(ToolName(name, namespace, custom=kind == "custom"))
        if kind == "custom":
            return freeform(flat, tool)
        return function(flat, tool.get("description"), tool.get("parameters"), tool.get("strict"))

    def _choose(self, choice: object, extra: dict[str, Any]) -> None:
        """Put ``tool_choice`` into chat's words; a tool that only a server has needs the cloud."""
        offered = extra.get("tools", [])
        if isinstance(choice, str) and offered:
            extra["tool_choice"] = choice
        elif choice == "required" and self._given.get("tools"):  # a server's own ones alone
            self._note("server_tool", "tool_choice.required")
        elif isinstance(choice, dict):
            match choice.get("type"):
                case "function" | "custom":
                    if offered:
                        flat = self._flat_of(choice)
                        extra["tool_choice"] = {"type": "function", "function": {"name": flat}}
                case "allowed_tools":
                    allowed = {self._flat_of(one) for one in _list(choice.get("tools"))}
                    kept = [tool for tool in offered if tool["function"]["name"] in allowed]
                    self._allow(kept, choice.get("mode"), extra)
                case kind:
                    self._note("server_tool", f"tool_choice.{str(kind)[:60]}")

    def _allow(self, kept: list[dict[str, Any]], mode: object, extra: dict[str, Any]) -> None:
        """Offer these tools alone; where none is left, only a server's own may be called."""
        if kept:
            extra["tools"] = kept
            extra["tool_choice"] = mode if isinstance(mode, str) else "auto"
            return
        extra.pop("tools", None)
        extra.pop("parallel_tool_calls", None)
        if mode == "required":
            self._note("server_tool", "tool_choice.allowed_tools")

    def _flat_of(self, choice: object) -> str:
        named = choice if isinstance(choice, dict) else {}
        return self._tools.flat(str(named.get("name")), _namespace(named))

    def _text(self, text: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, str]:
        """The schema that ``text.format`` asks for, and its name."""
        if text.get("verbosity"):
            self._dropped.add("text.verbosity")
        form = text.get("format")
        match form:
            case None | {"type": "text"}:
                return None, "reply"
            case {"type": "json_object"}:
                return {"type": "object"}, "reply"
            case {"type": "json_schema", "schema": dict(schema)}:
                return schema, str(form.get("name") or "reply")
        raise ErrorReply(400, "must be text, json_object or json_schema", param="text.format")


def _is_our_reasoning(item: object) -> bool:
    if not isinstance(item, dict) or item.get("type") != "reasoning":
        return False
    return str(item.get("id")).startswith(f"rs_{OURS}")


def _table(given: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = given.get(name)
    if value is not None and not isinstance(value, dict):
        raise ErrorReply(400, "must be an object", param=name)
    return value or {}


def _added(items: object) -> list[Any]:
    """Tools in the input: Codex puts them there for newer models, and none into ``tools``."""
    added = [one for one in _list(items) if isinstance(one, dict)]
    return [
        tool
        for item in added
        if item.get("type") == "additional_tools"
        for tool in _list(item.get("tools"))
    ]


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _is_text(part: object) -> bool:
    return (
        isinstance(part, dict) and part.get("type") in _TEXTS and isinstance(part.get("text"), str)
    )


def _identity(item: Mapping[str, Any]) -> str:
    identity = item.get("call_id")
    if not isinstance(identity, str) or not identity:
        raise ErrorReply(400, "a tool's call and its output need a call_id", param="input")
    return identity


def _namespace(named: Mapping[str, Any]) -> str | None:
    namespace = named.get("namespace")
    return namespace if isinstance(namespace, str) and namespace else None


def _limit(value: object) -> int | None:
    if value is not None and type(value) is not int:
        raise ErrorReply(400, "must be an integer", param="max_output_tokens")
    return value
