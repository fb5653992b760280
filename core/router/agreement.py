"""Whether two models said the same to one request."""

from __future__ import annotations

import json
import unicodedata
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from core.client.backend import Reply
    from core.router.answer import Answer

Compared = Literal["data", "text", "tool_calls"]


def compared_by(answer: Answer, *, has_schema: bool) -> Compared:
    """What of the cloud's answer another must equal."""
    if answer.tool_calls:
        return "tool_calls"
    return "data" if has_schema else "text"


def agrees(answer: Answer, reply: Reply, *, has_schema: bool) -> bool:
    """Whether ``reply`` says what ``answer`` says.

    Tool calls agree by name and arguments in their order, replies to a schema by the parsed value,
    others by the text, for which Unicode forms and the amount of white space do not matter.
    """
    if bool(answer.tool_calls) != bool(reply.tool_calls):
        return False
    match compared_by(answer, has_schema=has_schema):
        case "tool_calls":
            return _calls(answer.tool_calls) == _calls(reply.tool_calls)
        case "data":
            return _canonical(answer.data) == _canonical(reply.data)
        case "text":
            return _plain(answer.text) == _plain(reply.text)


def _calls(calls: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    return [(call["function"]["name"], _arguments(call["function"]["arguments"])) for call in calls]


def _arguments(text: str) -> str:
    try:
        return _canonical(json.loads(text))
    except (ValueError, RecursionError):
        return text


def _canonical(value: Any) -> str:
    # As text, since Python holds True and 1 to be equal.
    return json.dumps(value, sort_keys=True)


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())
