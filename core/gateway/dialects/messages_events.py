"""An answer as Anthropic's Messages API gives it: one document, or its sequence of events."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from core.client.toolcalls import id_for_agent
from core.gateway.dialects.blocks import Blocks, blocks_of, event_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from core.client.backend import Reply
    from core.gateway.dialects.blocks import Block, BlockStep
    from core.gateway.dialects.refusals import ErrorReply
    from core.gateway.dialects.tools import ToolNames
    from core.router.answer import Answer

OURS = "reflex:"
"""How the signature of a thinking block begins that is ours: no cloud would take it back."""
_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_SERVER_ERRORS = 500


class MessageWriter:
    """Writes one answer."""

    def __init__(self, tools: ToolNames, call_id: str) -> None:
        self.model = ""
        self._tools = tools
        self._call_id = call_id
        self._blocks = Blocks()
        self._begun = False

    def whole(self, said: Answer | Reply) -> dict[str, Any]:
        """A ``message``."""
        blocks = blocks_of(said)
        content = [self._content(block) for block in blocks]
        ended = {"stop_reason": _stop_reason(said, blocks), "stop_sequence": said.stop_sequence}
        return self._message(content, usage_of(said)) | ended

    def beginning(self, said: Answer | None = None) -> bytes:
        """``message_start``, with the prompt's tokens where they are known."""
        if self._begun:
            return b""
        self._begun = True
        known = usage_of(said) if said else usage_of(None)
        message = self._message([], {**known, "output_tokens": 0})
        return event_of("message_start", {"message": message})

    def piece(self, delta: Mapping[str, Any]) -> bytes:
        """The events of a part of the answer."""
        return self._steps(self._blocks.take(delta))

    def ping(self) -> bytes:
        """``ping``, which may come at any time."""
        return event_of("ping", {})

    def ending(self, said: Answer | Reply) -> bytes:
        """What is open is closed; then why it ended, and what it took."""
        last = self._steps(self._blocks.finish())
        reason = _stop_reason(said, self._blocks.all)
        delta = {"stop_reason": reason, "stop_sequence": said.stop_sequence}
        ended = event_of("message_delta", {"delta": delta, "usage": usage_of(said)})
        return last + ended + event_of("message_stop", {})

    def failure(self, refusal: ErrorReply) -> bytes:
        """``error``."""
        document = error_document(refusal)
        return event_of("error", {"error": document["error"]})

    def _steps(self, steps: Iterable[BlockStep]) -> bytes:
        return b"".join(event for step in steps for event in self._step(step))

    def _step(self, step: BlockStep) -> Iterator[bytes]:
        index = {"index": step.block.number}
        match step.act:
            case "open":
                block = self._content(step.block, begun=True)
                yield event_of("content_block_start", {**index, "content_block": block})
            case "more":
                delta = _delta(step.block, step.text)
                yield event_of("content_block_delta", {**index, "delta": delta})
            case "close":
                if step.block.kind == "reasoning":
                    signed = {"type": "signature_delta", "signature": self._signature()}
                    yield event_of("content_block_delta", {**index, "delta": signed})
                yield event_of("content_block_stop", index)

    def _content(self, block: Block, *, begun: bool = False) -> dict[str, Any]:
        """A block of the message; ``begun``: before anything of it has come."""
        text = "" if begun else block.text
        match block.kind:
            case "reasoning":
                signature = "" if begun else self._signature()
                return {"type": "thinking", "thinking": text, "signature": signature}
            case "text" | "refusal":
                return {"type": "text", "text": text}
            case "call":
                nth = f"toolu_{self._call_id[:24]}{block.number}"
                return {
                    "type": "tool_use",
                    "id": id_for_agent(block.identity, nth),
                    "name": self._tools.of(block.name).name,
                    "input": _arguments(text),
                }

    def _signature(self) -> str:
        return f"{OURS}{self._call_id}"

    def _message(self, content: list[dict[str, Any]], usage: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "id": f"msg_{self._call_id}",
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": content,
            "stop_reason": None,
            "stop_sequence": None,
            "usage": dict(usage),
        }


def error_document(refusal: ErrorReply) -> dict[str, Any]:
    """``{"type": "error", "error": {"type", "message"}}``; what overflows, in the known words."""
    otherwise = "api_error" if refusal.status >= _SERVER_ERRORS else "invalid_request_error"
    kind, message = _TYPES.get(refusal.status, otherwise), refusal.message
    if refusal.over_context:
        figures = refusal.context_figures
        known = f": {figures[0]} tokens > {figures[1]} maximum" if figures else ""
        message = f"prompt is too long{known}. {message}"
    return {"type": "error", "error": {"type": kind, "message": message}}


def usage_of(said: Answer | Reply | None) -> dict[str, int]:
    """Tokens as Anthropic counts them: those from the cache are not among ``input_tokens``."""
    prompt = (said.prompt_tokens if said else None) or 0
    cached = min((said.cached_tokens if said else None) or 0, prompt)
    return {
        "input_tokens": prompt - cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": cached,
        "output_tokens": (said.completion_tokens if said else None) or 0,
    }


def _stop_reason(said: Answer | Reply, blocks: Iterable[Block]) -> str:
    kinds = {block.kind for block in blocks}
    if said.finish_reason == "length":
        return "max_tokens"
    if "call" in kinds:
        return "tool_use"
    if "refusal" in kinds or said.finish_reason == "content_filter":
        return "refusal"
    return "stop_sequence" if said.stop_sequence else "end_turn"


def _delta(block: Block, text: str) -> dict[str, Any]:
    match block.kind:
        case "reasoning":
            return {"type": "thinking_delta", "thinking": text}
        case "text" | "refusal":
            return {"type": "text_delta", "text": text}
        case "call":
            return {"type": "input_json_delta", "partial_json": text}


def _arguments(text: str) -> dict[str, Any]:
    """The call's input; empty where the reply was cut inside it."""
    try:
        value = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
