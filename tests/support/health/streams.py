"""Chat streams as a server sends them, whole."""

from __future__ import annotations

import json
from typing import Any

from tests.support.health.servers import Reply

ANSWER = json.dumps({"answer": "yes", "numbers": [1, 2, 3, 4, 5, 6, 7, 8]})


def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    """One event of a chat stream."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"object": "chat.completion.chunk", "model": "m", "choices": [choice]}


def stream(text: str, finish: str = "stop") -> Reply:
    """A chat stream with this text in two pieces, 22 tokens of which 3 were cached."""
    usage = {
        "prompt_tokens": 9,
        "completion_tokens": 22,
        "total_tokens": 31,
        "prompt_tokens_details": {"cached_tokens": 3},
    }
    events = [
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": text[:9]}),
        chunk({"content": text[9:]}),
        chunk({}, finish),
        {"object": "chat.completion.chunk", "model": "m", "choices": [], "usage": usage},
    ]
    lines = [f"data: {json.dumps(event)}\n\n" for event in events]
    return Reply(
        body="".join([*lines, "data: [DONE]\n\n"]).encode(), content_type="text/event-stream"
    )
