"""An answer as OpenAI's API gives it: in one piece, or as server-sent events; no I/O."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from core.client.backend import Reply
    from core.router.answer import Answer

DONE = b"data: [DONE]\n\n"
_PIECE = 256  # characters of a reply that is whole already


@dataclass(frozen=True, slots=True)
class Telling:
    """What all parts of one answer say: the call's id, the time (Unix, s), the model that spoke."""

    call_id: str
    created: int
    model: str

    def whole(self, said: Answer | Reply) -> dict[str, Any]:
        """A ``chat.completion``."""
        refusal = getattr(said, "refusal", "") or None
        message = {"role": "assistant", "content": said.text or None, "refusal": refusal}
        if said.tool_calls:
            message["tool_calls"] = list(said.tool_calls)
        choice = {
            "index": 0,
            "message": message,
            "logprobs": None,
            "finish_reason": finish_of(said),
        }
        whole = {**self._head("chat.completion"), "choices": [choice]}
        usage = usage_of(said)
        return whole if usage is None else {**whole, "usage": usage}

    def beginning(self) -> bytes:
        """The first event, which says who speaks."""
        return self.piece({"role": "assistant", "content": ""})

    def piece(self, delta: Mapping[str, Any]) -> bytes:
        """An event with a part of the answer."""
        return self._chunk({"index": 0, "delta": delta, "finish_reason": None})

    def ending(self, said: Answer | Reply, *, include_usage: bool) -> bytes:
        """The last events: why it ended, the counts where they were asked for, and ``[DONE]``."""
        last = self._chunk({"index": 0, "delta": {}, "finish_reason": finish_of(said)})
        if include_usage:
            head = self._head("chat.completion.chunk")
            last += event({**head, "choices": [], "usage": usage_of(said)})
        return last + DONE

    def _chunk(self, choice: Mapping[str, Any]) -> bytes:
        return event({**self._head("chat.completion.chunk"), "choices": [choice]})

    def _head(self, kind: str) -> dict[str, Any]:
        return {
            "id": f"chatcmpl-{self.call_id}",
            "object": kind,
            "created": self.created,
            "model": self.model,
        }


def event(payload: Mapping[str, Any]) -> bytes:
    """One server-sent event; ASCII, so that half a surrogate pair does no harm."""
    return b"data: " + json.dumps(payload, separators=(",", ":")).encode() + b"\n\n"


def portions(piece: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """A long piece as several, for an agent that shows a reply as it comes."""
    text = piece.get("content")
    if not isinstance(text, str) or len(text) <= _PIECE:
        yield piece
        return
    for start in range(0, len(text), _PIECE):
        yield {"content": text[start : start + _PIECE]}
    if rest := {name: value for name, value in piece.items() if name != "content"}:
        yield rest


def finish_of(said: Answer | Reply) -> str:
    """Why it ended; a refusal ends like any other reply."""
    return said.finish_reason or "stop"


def usage_of(said: Answer | Reply) -> dict[str, Any] | None:
    """The token counts; None where the server reported none."""
    if said.prompt_tokens is None or said.completion_tokens is None:
        return None
    usage: dict[str, Any] = {
        "prompt_tokens": said.prompt_tokens,
        "completion_tokens": said.completion_tokens,
        "total_tokens": said.prompt_tokens + said.completion_tokens,
    }
    if said.cached_tokens is not None:
        usage["prompt_tokens_details"] = {"cached_tokens": said.cached_tokens}
    return usage
