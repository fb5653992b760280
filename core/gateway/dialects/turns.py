"""A conversation as chat servers take it: each tool call followed by its result, in order.

Agents send results out of order, later than other messages, or not at all, and a chat server
refuses all three.
"""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.client.backend import Message

_NO_RESULT = "(no result: the call was not carried out)"


class Conversation:
    """Messages in the order in which an agent gives them; ``messages`` puts them right."""

    def __init__(self) -> None:
        self._messages: list[dict[str, Any]] = []
        self._reasoning: list[str] = []

    def say(self, role: str, content: Any) -> None:
        """A message; an empty one is left out."""
        if not content:
            return
        if role == "assistant":
            self._open_turn()["content"] += [content] if isinstance(content, str) else []
        else:
            self._messages.append({"role": role, "content": content})

    def reason(self, text: str) -> None:
        """What the assistant thought before its next message."""
        if text:
            self._reasoning.append(text)

    def call(self, identity: str, name: str, arguments: str) -> None:
        """A tool call of the assistant."""
        inner = {"name": name, "arguments": arguments}
        made = {"id": identity, "type": "function", "function": inner}
        self._open_turn().setdefault("tool_calls", []).append(made)

    def result(self, identity: str, text: str) -> None:
        """What a tool answered."""
        self._messages.append({"role": "tool", "tool_call_id": identity, "content": text})

    def messages(self) -> list[Message]:
        """All of them, each call followed by its result."""
        # Some servers give each turn's calls the same ids, so there may be several of one.
        results: dict[str, deque[dict[str, Any]]] = defaultdict(deque)
        for one in self._messages:
            if one["role"] == "tool":
                results[one["tool_call_id"]].append(one)
        called = {call["id"] for one in self._messages for call in one.get("tool_calls", ())}
        ordered: list[dict[str, Any]] = []
        for message in self._messages:
            if message["role"] != "tool":
                ordered.append(_put_together(message))
                called_now = [call["id"] for call in message.get("tool_calls", ())]
                ordered += [_result_of(identity, results[identity]) for identity in called_now]
            elif message["tool_call_id"] not in called:
                # A result whose call was compacted away still says something.
                text = f"[result of an earlier tool call]\n{message['content']}"
                ordered.append({"role": "user", "content": text})
        return cast("list[Message]", ordered)

    def _open_turn(self) -> dict[str, Any]:
        """The assistant's message that is being put together, from lists of its texts."""
        last = self._messages[-1] if self._messages else None
        if last is None or last["role"] != "assistant":
            last = {"role": "assistant", "content": []}
            self._messages.append(last)
        if self._reasoning:
            last.setdefault("reasoning_content", []).append("\n".join(self._reasoning))
            self._reasoning = []
        return last


def _put_together(message: dict[str, Any]) -> dict[str, Any]:
    """An assistant's message with its texts as one each; joining them one by one takes long."""
    if message["role"] != "assistant":
        return message
    whole = {**message, "content": "\n\n".join(message["content"]) or None}
    if "reasoning_content" in message:
        whole["reasoning_content"] = "".join(message["reasoning_content"])
    return whole


def _result_of(identity: str, results: deque[dict[str, Any]]) -> dict[str, Any]:
    if results:
        return results.popleft()
    return {"role": "tool", "tool_call_id": identity, "content": _NO_RESULT}


def joined(parts: Sequence[dict[str, Any]]) -> str | list[dict[str, Any]]:
    """A message's parts as one text, where all are text; else as they are."""
    if all(part.get("type") == "text" for part in parts):
        return "\n\n".join(part["text"] for part in parts if part["text"])
    return list(parts)
