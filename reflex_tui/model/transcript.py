"""What was asked and answered in an attempt, as text: what the capsule stores of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.plain import plain, plain_block

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOST_MESSAGES = 200
_MOST_CHARS = 20_000


def transcript(body: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Who said it and what, in order; the reply is the last.

    What was not stored is said in words, with the setting that decides it.
    """
    mode = plain(body.get("capture_mode") or "?", 40)
    not_stored = f"not stored: capture_mode is {mode}"
    request, response = body.get("request"), body.get("response")
    messages = request.get("messages") if isinstance(request, dict) else None
    said = [("prompt", not_stored)]
    if isinstance(messages, list):
        said = [_message(each) for each in messages[:_MOST_MESSAGES]]
    if error := body.get("error"):
        reply = f"✖ {plain(error, 200)}: {plain(body.get('error_message') or 'no reply', 1000)}"
    elif mode == "full_io":
        reply = _text(response)
    else:
        reply = not_stored
    return [*said, ("reply", reply)]


def _message(message: object) -> tuple[str, str]:
    if not isinstance(message, dict):
        return "?", _text(message)
    return plain(message.get("role") or "?", 40), _text(message.get("content"))


def _text(content: object) -> str:
    """Text as it is, parts of a message one below the other, anything else in brief."""
    if isinstance(content, str):
        return plain_block(content, _MOST_CHARS)
    if isinstance(content, dict):
        found = content.get("text", content.get("content"))
        return _text(found) if found is not None else plain(content, _MOST_CHARS)
    if isinstance(content, list):
        return "\n".join(_text(each) for each in content[:_MOST_MESSAGES])
    return "" if content is None else plain(content, _MOST_CHARS)
