"""Tool calls: put together from their parts, and checked against the tools that were offered.

A reply with a tool call is whole only when the call can be carried out: a tool that was offered,
arguments that are JSON and meet its parameters. Anything else would fail in the agent's hands.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from core.client.bounded import parse_json_now
from core.client.json_text import Growing
from core.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Mapping

# What models write where their server does not know their form of a tool call.
_MARKS = (
    "<tool_call>",
    "<|tool_call",
    "<function_call>",
    "<function=",
    "<tool_calls>",
    "<invoke ",
    "[TOOL_CALLS]",
    "<|python_tag|>",
    "<|tool▁call",
)
_FENCE = "```"
ANY_API = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""How a call's id may look that agents are given."""
_LEAST_UNIQUE = 9  # as long as Mistral's are, the shortest that are random
CLOUDS = {
    "chat": re.compile(r".{1,40}", re.DOTALL),
    "responses": re.compile(r".{1,64}", re.DOTALL),
    "messages": ANY_API,
}
"""How an id may look that a cloud of each API is sent: it refuses others."""
MOST_CALLS = 1000
"""More in one reply is no answer: each takes work, and the event loop serves others too."""
_MOST_OPEN = 64
# How often arguments are looked at before they have ended: each look reads all of them.
_MOST_LOOKS = 256


class ToolCalls:
    """The calls of one reply so far.

    Parts say by ``index`` or ``id`` which call they belong to. Servers leave out the index, send
    null, or the same for all, or give all calls one id: an id or a name that differs from the
    call's begins another call, and so does its own name once its arguments are complete.
    """

    def __init__(self) -> None:
        self._calls: list[_ToolCall] = []
        self._by_index: dict[int, _ToolCall] = {}
        self._looks = 0

    def __bool__(self) -> bool:
        return bool(self._calls)

    def whole(self) -> tuple[dict[str, Any], ...]:
        """All calls in OpenAI's form, in the order in which they began."""
        return tuple(call.whole() for call in self._calls)

    def add(self, part: Any, *, streamed: bool) -> dict[str, Any]:
        """Take a part, or a whole call unless ``streamed``; returns it with its call's number.

        Raises:
            ProtocolError: it is no part of a tool call, or of one call too many.
        """
        if type(part) is not dict:
            raise _malformed()
        index = part.get("index")
        if index is not None and type(index) is not int:
            raise _malformed()
        call = self._call_of(part, index) if streamed else None
        if call is None:
            if len(self._calls) >= MOST_CALLS:
                raise ProtocolError(f"the reply has more than {MOST_CALLS:,} tool calls")
            call = _ToolCall(len(self._calls))
            self._calls.append(call)
        if index is not None:
            self._by_index[index] = call
            call.index = index
        call.add(part)
        return {**part, "index": call.number}

    def _call_of(self, part: dict[str, Any], index: int | None) -> _ToolCall | None:
        """The call that ``part`` continues; None when it begins one."""
        identity, name = part.get("id"), _inner(part)[1].get("name")
        current = self._by_index.get(index) if index is not None else None
        if identity:
            likely = [*self._calls[-_MOST_OPEN:], *([current] if current else [])]
            same = next((one for one in reversed(likely) if one.identity == identity), None)
            if same is not None:
                moved = index is not None and same.index not in (None, index)
                said_again = name == same.name and not has_arguments(part)
                begins = moved or (not said_again and self._begins(same, name))
                return None if name and begins else same
        if current is None and index is None and self._calls:
            current = self._calls[-1]
        if current is None or (identity and current.identity):
            return None
        return None if name and self._begins(current, name) else current

    def _begins(self, call: _ToolCall, name: object) -> bool:
        """Whether a part with this ``name`` begins another call after ``call``."""
        if not call.name or name != call.name or self._looks >= _MOST_LOOKS:
            return bool(call.name) and name != call.name
        self._looks += 1
        return call.is_complete()


class _ToolCall:
    def __init__(self, number: int) -> None:
        self.number = number
        self.index: int | None = None
        self.identity = ""
        self.name = ""
        self._section = "function"
        self._arguments: list[str] = []
        self._around: dict[str, Growing] = {}
        self._inside: dict[str, Growing] = {}

    def add(self, part: dict[str, Any]) -> None:
        section, inner = _inner(part)
        if inner:
            self._section = section
        payload = "input" if section == "custom" else "arguments"
        self.identity = self.identity or _text(part.get("id"))
        self.name = self.name or _text(inner.get("name"))
        if said := _text(inner.get(payload)):
            self._arguments.append(said)
        _collect(self._around, part, {"index", "id", "type", "function", "custom"})
        _collect(self._inside, inner, {"name", payload})

    def is_complete(self) -> bool:
        """Whether its arguments are a JSON document already."""
        if not self._arguments or not self._arguments[-1].rstrip().endswith("}"):
            return False
        try:
            parse_json_now("".join(self._arguments))
        except ValueError:
            return False
        return True

    def whole(self) -> dict[str, Any]:
        payload = "input" if self._section == "custom" else "arguments"
        inner = {**_collected(self._inside), "name": self.name, payload: "".join(self._arguments)}
        own = {"id": self.identity, "type": self._section, self._section: inner}
        return {**_collected(self._around), **own}


def legal_id(identity: str, otherwise: str, form: re.Pattern[str] = ANY_API) -> str:
    """A call's id that an API takes; always the same for the same ``identity``.

    ``otherwise`` is for one without any.
    """
    if not identity:
        return otherwise
    if form.fullmatch(identity):
        return identity
    return f"call_{hashlib.sha256(identity.encode('utf-8', 'replace')).hexdigest()[:24]}"


def id_for_agent(identity: str, otherwise: str) -> str:
    """The id under which an agent is told of a call.

    ``otherwise`` where the server's own is so short that it may come again in a later turn, as
    ``call_0`` does; a cloud would refuse the conversation then.
    """
    return legal_id(identity, otherwise) if len(identity) >= _LEAST_UNIQUE else otherwise


def narrowed(extra: Mapping[str, Any]) -> Mapping[str, Any]:
    """``extra`` with the allowed tools alone, where ``tool_choice`` names some of those offered.

    Few servers besides OpenAI's know that form of it.
    """
    choice, tools = extra.get("tool_choice"), extra.get("tools")
    if not isinstance(choice, dict) or choice.get("type") != "allowed_tools":
        return extra
    named = choice.get("allowed_tools")
    inside = named if isinstance(named, dict) else {}
    listed = inside.get("tools")
    allowed = {_name_of(one) for one in listed} if isinstance(listed, list) else set()
    kept = [one for one in tools if _name_of(one) in allowed] if isinstance(tools, list) else []
    rest = {name: one for name, one in extra.items() if name not in ("tools", "tool_choice")}
    return {**rest, "tools": kept, "tool_choice": inside.get("mode") or "auto"} if kept else rest


def _name_of(tool: object) -> str | None:
    name = _inner(tool)[1].get("name") if isinstance(tool, dict) else None
    return name if isinstance(name, str) else None


def offered(extra: Mapping[str, Any]) -> dict[str, Mapping[str, Any] | None]:
    """The tools that a request offers: names, and the schemas of their parameters if they have any.

    Empty where it offers none; what is no tool in OpenAI's form is passed over.
    """
    tools = extra.get("tools")
    if extra.get("tool_choice") == "none" or not isinstance(tools, list | tuple):
        return {}
    found: dict[str, Mapping[str, Any] | None] = {}
    for tool in tools:
        inner = _inner(tool)[1] if isinstance(tool, dict) else {}
        if isinstance(name := inner.get("name"), str):
            schema = inner.get("parameters")
            found[name] = schema if isinstance(schema, dict) and schema else None
    return found


def fault_of(call: Mapping[str, Any], tools: Mapping[str, Any]) -> str | None:
    """What is wrong with a call before its arguments are looked at."""
    _, inner = _inner(call)
    if not inner.get("name"):
        return "a tool call names no tool"
    if inner["name"] not in tools:
        return f"the tool {inner['name']!r} was not offered"
    return None


def arguments_of(call: Mapping[str, Any]) -> str | None:
    """The arguments as text, an empty object where there are none; None for a custom tool."""
    section, inner = _inner(call)
    return None if section == "custom" else str(inner.get("arguments") or "").strip() or "{}"


def has_arguments(part: Mapping[str, Any]) -> bool:
    """Whether a part of a call holds some of its arguments."""
    section, inner = _inner(part)
    return bool(inner.get("input" if section == "custom" else "arguments"))


def is_unparsed_call(text: str, tools: Mapping[str, Any]) -> bool:
    """Whether ``text`` is a tool call that the server has not understood as one."""
    stripped = text.strip()
    for mark in _MARKS:
        at = stripped.find(mark)
        # At a line's beginning, and not in a code block that tells of such a call.
        if at >= 0 and stripped[:at].count(_FENCE) % 2 == 0:
            before = stripped[:at].rstrip(" \t")
            if not before or before.endswith(("\n", ">")):
                return True
    return _is_bare_call(stripped, tools)


def _is_bare_call(text: str, tools: Mapping[str, Any]) -> bool:
    if text.startswith(_FENCE) and text.endswith(_FENCE):
        text = text[len(_FENCE) : -len(_FENCE)].removeprefix("json").strip()
    if not text.startswith(("{", "[")):
        return False
    try:
        value = parse_json_now(text)
    except ValueError:
        return False
    # Where a call is required, SGLang without a parser makes the model write a list of them.
    first = value[0] if isinstance(value, list) and value else value
    named = isinstance(first, dict) and first.get("name")
    return (
        isinstance(named, str) and named in tools and bool({"arguments", "parameters"} & {*first})
    )


def _inner(call: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    section = "custom" if call.get("custom") else "function"
    inner = call.get(section) or {}
    if type(inner) is not dict:
        raise _malformed()
    return section, inner


def _text(value: Any) -> str:
    if value and type(value) is not str:
        raise _malformed()
    return value or ""


def _collect(into: dict[str, Growing], source: dict[str, Any], known: set[str]) -> None:
    for name in source.keys() - known:
        into.setdefault(name, Growing()).add(source[name])


def _collected(parts: Mapping[str, Growing]) -> dict[str, Any]:
    return {name: value.whole() for name, value in parts.items()}


def _malformed() -> ProtocolError:
    return ProtocolError("the server sent a chunk whose tool_calls is not as OpenAI's API has it")
