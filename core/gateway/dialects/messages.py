"""Anthropic's Messages API: a request read into a chat request; no I/O."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from core.client.backend import ChatRequest
from core.gateway.dialects.agent_call import AgentCall
from core.gateway.dialects.messages_events import OURS, MessageWriter, error_document
from core.gateway.dialects.refusals import ErrorReply, body_object
from core.gateway.dialects.tools import ToolName, ToolNames, function
from core.gateway.dialects.turns import Conversation, joined

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.gateway.dialects.agent_call import AnswerWriter

_PASSED_ON = ("temperature", "top_p")
_READ = frozenset(
    {
        *("model", "messages", "system", "tools", "tool_choice", "max_tokens", "stream"),
        *("stop_sequences", "output_config", *_PASSED_ON),
    }
)
# Claude Code's first block, which changes each turn and would void a server's prefix cache.
_BILLING = "x-anthropic-billing-header:"
_EFFORTS = ("minimal", "low", "medium", "high")
# Blocks that tell of work which Anthropic's servers do themselves.
_SERVERS = ("server_tool_use", "mcp_tool_use", "container_upload")
_BYTES_A_TOKEN = 3  # of source code; English has more, so that the estimate is rather high
_TOKENS_A_MESSAGE = 8
_TOKENS_AN_IMAGE = 1600


class Messages:
    """The dialect of ``POST /v1/messages``."""

    name = "messages"

    def read(self, given: object) -> AgentCall:
        """Read a request's body, parsed; ErrorReply 400, as Anthropic's API would say it."""
        limit = body_object(given).get("max_tokens")
        if type(limit) is not int or limit < 1:
            raise ErrorReply(400, "max_tokens: must be a positive integer", param="max_tokens")
        call = _Reader(body_object(given)).call()
        if not call.needs_cloud and all(one["role"] == "system" for one in call.request.messages):
            raise ErrorReply(400, "messages: all of them are empty", param="messages")
        return call

    def native(self, given: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Without thoughts of a local model, whose signature Anthropic's servers would refuse."""
        turns = [_without_our_thoughts(turn) for turn in _list(given.get("messages"))]
        return {**given, "messages": [turn for turn in turns if turn is not None]}

    def writer(self, call: AgentCall, call_id: str, created: int) -> AnswerWriter:  # noqa: ARG002  it tells no time
        """For the answer to ``call``."""
        return MessageWriter(call.tools, call_id)

    def error(self, refusal: ErrorReply) -> dict[str, Any]:
        """An error's document."""
        return error_document(refusal)


def count_tokens(given: object) -> int:
    """An estimate of a request's prompt tokens, rather too high than too low."""
    call = _Reader(body_object(given)).call()
    return estimated(call.request)


def estimated(request: ChatRequest) -> int:
    """Prompt tokens of ``request``, by its length."""
    tokens = 0
    for message in request.messages:
        content = message.get("content") or ""
        parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
        for part in parts:
            text = part.get("text")
            tokens += _tokens(text) if isinstance(text, str) else _TOKENS_AN_IMAGE
        rest = {key: value for key, value in message.items() if key != "content"}
        tokens += _tokens(json.dumps(rest, ensure_ascii=False)) + _TOKENS_A_MESSAGE
    tools = request.extra.get("tools")
    return tokens + (_tokens(json.dumps(tools, ensure_ascii=False)) if tools else 0)


class _Reader:
    """Reads one request; what it cannot express in chat's words it notes on the way."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given
        self._tools = ToolNames()
        self._dropped: set[str] = set()
        self._needs_cloud: str | None = None
        self._talk = Conversation()

    def call(self) -> AgentCall:
        given = self._given
        extra = {name: given[name] for name in _PASSED_ON if given.get(name) is not None}
        if isinstance(given.get("stop_sequences"), list) and given["stop_sequences"]:
            extra["stop"] = given["stop_sequences"]
        if offered := [tool for tool in map(self._tool, _list(given.get("tools"))) if tool]:
            extra["tools"] = offered
        self._choose(given.get("tool_choice"), extra)
        config = given.get("output_config")
        effort = config.get("effort") if isinstance(config, dict) else None
        if effort in _EFFORTS:
            extra["reasoning_effort"] = effort
        elif effort:
            self._dropped.add("output_config.effort")
        self._dropped |= {key for key, value in given.items() if key not in _READ and value}
        self._talk.say("system", self._system(given.get("system")))
        self._messages(given.get("messages"))
        request = ChatRequest(
            self._talk.messages(),
            schema=_schema(config),
            max_tokens=given.get("max_tokens"),
            extra=extra,
            dialect=Messages.name,
            dropped=tuple(sorted(self._dropped)),
        )
        return AgentCall(
            request,
            stream=given.get("stream") is True,
            needs_cloud=self._needs_cloud,
            tools=self._tools,
        )

    def _system(self, system: object) -> str:
        if isinstance(system, str):
            return system
        texts = [block["text"] for block in _list(system) if _is_text(block)]
        return "\n\n".join(text for text in texts if not text.startswith(_BILLING))

    def _messages(self, messages: object) -> None:
        if not isinstance(messages, list) or not messages:
            raise ErrorReply(400, "messages: must be a list of at least one", param="messages")
        for nth, message in enumerate(messages):
            role = message.get("role") if isinstance(message, dict) else None
            match role:
                case "user":
                    self._user(message.get("content"))
                case "assistant":
                    self._assistant(message.get("content"))
                case "system":
                    self._talk.say("system", self._system(message.get("content")))
                case _:
                    raise ErrorReply(
                        400,
                        f"messages.{nth}: must be an object with the role user or assistant",
                        param="messages",
                    )

    def _user(self, content: object) -> None:
        if isinstance(content, str):
            self._talk.say("user", content)
            return
        parts: list[dict[str, Any]] = []
        for block in _list(content):
            if isinstance(block, dict) and block.get("type") == "tool_result":
                parts += self._result(block)
            elif part := self._part(block):
                parts.append(part)
        self._talk.say("user", joined(parts))

    def _result(self, block: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Take a tool's result; returns what a tool's message cannot hold."""
        content = block.get("content")
        parts = (
            [{"type": "text", "text": content}]
            if isinstance(content, str)
            else [part for part in map(self._part, _list(content)) if part]
        )
        texts = [part["text"] for part in parts if part["type"] == "text"]
        others = [part for part in parts if part["type"] != "text"]
        if others:
            texts.append("(an image or file: see below)")
        if block.get("is_error") is True:
            texts.insert(0, "[the tool failed]")
        self._talk.result(str(block.get("tool_use_id")), "\n".join(texts))
        return others

    def _assistant(self, content: object) -> None:
        if isinstance(content, str):
            self._talk.say("assistant", content)
            return
        for block in _list(content):
            kind = block.get("type") if isinstance(block, dict) else None
            match kind:
                case "text":
                    self._talk.say("assistant", str(block.get("text") or ""))
                case "thinking":
                    self._talk.reason(str(block.get("thinking") or ""))
                case "tool_use":
                    arguments = json.dumps(block.get("input") or {}, ensure_ascii=False)
                    flat = self._tools.flat(str(block.get("name")))
                    self._talk.call(str(block.get("id")), flat, arguments)
                case "redacted_thinking":
                    self._dropped.add("redacted_thinking")
                case _:
                    self._foreign(kind)

    def _part(self, block: object) -> dict[str, Any] | None:
        kind = block.get("type") if isinstance(block, dict) else None
        source = block.get("source") if isinstance(block, dict) else None
        if _is_text(block):
            assert isinstance(block, dict)
            return {"type": "text", "text": block["text"]}
        if kind == "image" and (url := _url(source)):
            self._needs_cloud = self._needs_cloud or "image_input"
            return {"type": "image_url", "image_url": {"url": url}}
        if isinstance(block, dict) and (text := _told(block)) is not None:
            return {"type": "text", "text": text}
        if kind == "document" and _is_base64(source) and (url := _url(source)):
            self._needs_cloud = self._needs_cloud or "file_input"
            assert isinstance(block, dict)
            name = str(block.get("title") or "document.pdf")
            return {"type": "file", "file": {"filename": name, "file_data": url}}
        self._foreign(kind)
        return None

    def _foreign(self, kind: object) -> None:
        name = str(kind)[:60]
        served = name in _SERVERS or name.endswith("_tool_result")
        self._needs_cloud = self._needs_cloud or ("server_tool" if served else "unknown_content")
        self._dropped.add(f"content.{name}")

    def _tool(self, tool: object) -> dict[str, Any] | None:
        if not isinstance(tool, dict) or not isinstance(tool.get("name"), str):
            raise ErrorReply(400, "tools: each must be an object with a name", param="tools")
        if tool.get("type") not in (None, "custom"):
            self._dropped.add(f"tools.{str(tool['type'])[:60]}")  # of Anthropic's servers
            return None
        flat = self._tools.add(ToolName(tool["name"]))
        return function(flat, tool.get("description"), tool.get("input_schema"), tool.get("strict"))

    def _choose(self, choice: object, extra: dict[str, Any]) -> None:
        """Put ``tool_choice`` into chat's words; a tool that only a server has needs the cloud."""
        if not isinstance(choice, dict):
            return
        match choice.get("type"):
            case "tool":
                flat = self._tools.flat(str(choice.get("name")))
                if flat in self._tools.by_flat:
                    extra["tool_choice"] = {"type": "function", "function": {"name": flat}}
                else:
                    self._needs_cloud = "server_tool"
                    self._dropped.add("tool_choice")
            case "any" if "tools" in extra:
                extra["tool_choice"] = "required"
            case "any" if self._given.get("tools"):  # a server's own ones alone
                self._needs_cloud = "server_tool"
                self._dropped.add("tool_choice")
            case "auto" | "none" as kind if "tools" in extra:
                extra["tool_choice"] = kind
        if choice.get("disable_parallel_tool_use") is True and "tools" in extra:
            extra["parallel_tool_calls"] = False


def _without_our_thoughts(turn: object) -> object:
    """The turn; None where nothing else was in it, since an empty one is refused."""
    content = turn.get("content") if isinstance(turn, dict) else None
    if not isinstance(turn, dict) or not isinstance(content, list):
        return turn
    kept = [block for block in content if not _is_our_thought(block)]
    if len(kept) == len(content):
        return turn
    return {**turn, "content": kept} if kept else None


def _is_our_thought(block: object) -> bool:
    if not isinstance(block, dict) or block.get("type") != "thinking":
        return False
    return str(block.get("signature")).startswith(OURS)


def _schema(config: object) -> Mapping[str, Any] | None:
    form = config.get("format") if isinstance(config, dict) else None
    if not isinstance(form, dict):
        return None
    if form.get("type") != "json_schema" or not isinstance(form.get("schema"), dict):
        raise ErrorReply(400, "output_config.format: must be a json_schema", param="output_config")
    schema: Mapping[str, Any] = form["schema"]
    return schema


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [{"type": "text", "text": value}] if value else []


def _is_text(block: object) -> bool:
    return (
        isinstance(block, dict)
        and block.get("type") == "text"
        and isinstance(block.get("text"), str)
    )


def _told(block: Mapping[str, Any]) -> str | None:
    """What a block says in text that is more than a text; None where it is no text."""
    match block:
        case {"type": "document", "source": {"type": "text", "data": str(text)}}:
            return text
        case {"type": "document", "source": {"type": "content", "content": content}}:
            return _titled(block, content) if all(map(_is_text, _list(content))) else None
        case {"type": "search_result"}:
            return _titled(block, block.get("content"))
        case {"type": "tool_reference"}:
            return f"tool: {block.get('tool_name')}"
    return None


def _titled(block: Mapping[str, Any], content: object) -> str:
    """A document's or a search result's texts under its title and where it is from."""
    heads = [block[name] for name in ("title", "source") if isinstance(block.get(name), str)]
    texts = [one["text"] for one in _list(content) if _is_text(one)]
    return "\n".join([*heads, *texts])


def _is_base64(source: object) -> bool:
    return isinstance(source, dict) and source.get("type") == "base64"


def _url(source: object) -> str | None:
    match source:
        case {"type": "base64", "media_type": str(kind), "data": str(data)}:
            return f"data:{kind};base64,{data}"
        case {"type": "url", "url": str(url)}:
            return url
    return None


def _tokens(text: str) -> int:
    return -(-len(text.encode("utf-8", "replace")) // _BYTES_A_TOKEN)
