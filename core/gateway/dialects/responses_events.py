"""An answer as OpenAI's Responses API gives it: one document, or its whole sequence of events.

Agents go by ``response.output_item.done``, which holds the whole item, and by
``response.completed``; everything official is sent all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.client.toolcalls import id_for_agent
from core.gateway.dialects.blocks import Blocks, blocks_of, event_of
from core.gateway.dialects.refusals import CONTEXT_EXCEEDED
from core.gateway.dialects.tools import freeform_input

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from core.client.backend import Reply
    from core.gateway.dialects.blocks import Block, BlockStep
    from core.gateway.dialects.refusals import ErrorReply
    from core.gateway.dialects.tools import ToolNames
    from core.router.answer import Answer

OURS = "reflex"
"""Part of the ids of items that are ours: no cloud knows them."""
_PREFIXES = {"reasoning": "rs", "text": "msg", "refusal": "msg"}
# Codes that agents act on, and that pass as they are.
_CODES = frozenset({CONTEXT_EXCEEDED, "insufficient_quota", "invalid_prompt", "usage_not_included"})
_RATE_LIMITED = 429


class ResponseWriter:
    """Writes one answer; numbers its events."""

    def __init__(self, tools: ToolNames, call_id: str, created: int) -> None:
        self.model = ""
        self._tools = tools
        self._call_id = call_id
        self._created = created
        self._blocks = Blocks()
        self._sequence = 0
        self._begun = False

    def whole(self, said: Answer | Reply) -> dict[str, Any]:
        """A ``response``."""
        return self._response(said, [self._item(block) for block in blocks_of(said)])

    def beginning(self, said: Answer | None = None) -> bytes:  # noqa: ARG002  told at the end
        """``response.created`` and ``response.in_progress``, once."""
        if self._begun:
            return b""
        self._begun = True
        return self._status("response.created") + self._status("response.in_progress")

    def piece(self, delta: Mapping[str, Any]) -> bytes:
        """The events of a part of the answer."""
        return self._steps(self._blocks.take(delta))

    def ping(self) -> bytes:
        """``response.in_progress`` once more: comments do not keep an agent waiting."""
        return self.beginning() or self._status("response.in_progress")

    def ending(self, said: Answer | Reply) -> bytes:
        """What is open is closed; ``response.completed``, or ``incomplete`` where it was cut."""
        last = self._steps(self._blocks.finish())
        output = [self._item(block) for block in self._blocks.all]
        response = self._response(said, output)
        return last + self._event(f"response.{response['status']}", response=response)

    def failure(self, refusal: ErrorReply) -> bytes:
        """``response.failed``, with the code that an agent goes by."""
        error = {"code": _code(refusal), "message": refusal.message}
        failed = self._head("failed") | {"error": error}
        return self.beginning() + self._event("response.failed", response=failed)

    def _steps(self, steps: Iterable[BlockStep]) -> bytes:
        return b"".join(event for step in steps for event in self._step(step))

    def _step(self, step: BlockStep) -> Iterator[bytes]:
        block = step.block
        place = {"item_id": self._identity(block), "output_index": block.number}
        inner = place | {"content_index": 0}
        if step.act == "open":
            item = self._item(block, begun=True)
            yield self._event("response.output_item.added", output_index=block.number, item=item)
            if block.kind in ("text", "refusal"):
                part = _part(block.kind, "")
                yield self._event("response.content_part.added", **inner, part=part)
            return
        name, done = self._named(block)
        if step.act == "more":
            if block.kind == "call":
                if not self._tools.of(block.name).custom:
                    yield self._event(f"response.{name}.delta", **place, delta=step.text)
                return
            logprobs: dict[str, Any] = {"logprobs": []} if block.kind == "text" else {}
            yield self._event(f"response.{name}.delta", **inner, delta=step.text, **logprobs)
            return
        if block.kind == "call":
            if self._tools.of(block.name).custom:
                yield self._event(f"response.{name}.delta", **place, delta=done["input"])
            yield self._event(f"response.{name}.done", **place, **done)
        else:
            yield self._event(f"response.{name}.done", **inner, **done)
        if block.kind in ("text", "refusal"):
            part = _part(block.kind, block.text)
            yield self._event("response.content_part.done", **inner, part=part)
        item = self._item(block)
        yield self._event("response.output_item.done", output_index=block.number, item=item)

    def _named(self, block: Block) -> tuple[str, dict[str, Any]]:
        """How the events of a block's content are called, and what the last of them holds."""
        match block.kind:
            case "reasoning":
                return "reasoning_text", {"text": block.text}
            case "text":
                return "output_text", {"text": block.text, "logprobs": []}
            case "refusal":
                return "refusal", {"refusal": block.text}
            case "call":
                tool = self._tools.of(block.name)
                if tool.custom:
                    return "custom_tool_call_input", {"input": freeform_input(block.text)}
                return "function_call_arguments", {"name": tool.name, "arguments": block.text}

    def _identity(self, block: Block) -> str:
        custom = block.kind == "call" and self._tools.of(block.name).custom
        prefix = _PREFIXES.get(block.kind) or ("ctc" if custom else "fc")
        return f"{prefix}_{OURS}{self._call_id}{block.number}"

    def _item(self, block: Block, *, begun: bool = False) -> dict[str, Any]:
        """A block as an item of the output; ``begun``: before anything of it has come."""
        status = "in_progress" if begun else "completed"
        text = "" if begun else block.text
        item: dict[str, Any] = {"id": self._identity(block), "status": status}
        match block.kind:
            case "reasoning":
                content = [] if begun else [{"type": "reasoning_text", "text": text}]
                return item | {"type": "reasoning", "summary": [], "content": content}
            case "text" | "refusal":
                content = [] if begun else [_part(block.kind, text)]
                return item | {"type": "message", "role": "assistant", "content": content}
            case "call":
                return item | self._call(block, text)

    def _call(self, block: Block, text: str) -> dict[str, Any]:
        tool = self._tools.of(block.name)
        nth = f"call_{self._call_id[:24]}{block.number}"
        call: dict[str, Any] = {"call_id": id_for_agent(block.identity, nth), "name": tool.name}
        if tool.namespace:
            call["namespace"] = tool.namespace
        if tool.custom:
            return call | {"type": "custom_tool_call", "input": freeform_input(text)}
        return call | {"type": "function_call", "arguments": text}

    def _status(self, kind: str) -> bytes:
        return self._event(kind, response=self._head("in_progress"))

    def _event(self, kind: str, **payload: Any) -> bytes:
        sequence, self._sequence = self._sequence, self._sequence + 1
        return event_of(kind, {**payload, "sequence_number": sequence})

    def _response(self, said: Answer | Reply, output: list[dict[str, Any]]) -> dict[str, Any]:
        why = {"length": "max_output_tokens", "content_filter": "content_filter"}
        cut = why.get(said.finish_reason)
        head = self._head("incomplete" if cut else "completed")
        details = {"reason": cut} if cut else None
        return head | {"output": output, "incomplete_details": details, "usage": usage_of(said)}

    def _head(self, status: str) -> dict[str, Any]:
        return {
            "id": f"resp_{self._call_id}",
            "object": "response",
            "created_at": self._created,
            "status": status,
            "error": None,
            "incomplete_details": None,
            "instructions": None,
            "metadata": {},
            "model": self.model,
            "output": [],
            "parallel_tool_calls": True,
            "temperature": None,
            "tool_choice": "auto",
            "tools": [],
            "top_p": None,
            "usage": None,
        }


def usage_of(said: Answer | Reply) -> dict[str, Any] | None:
    """Tokens with their details; None where the server reported none."""
    if said.prompt_tokens is None or said.completion_tokens is None:
        return None
    details = said.usage.get("completion_tokens_details")
    reasoning = details.get("reasoning_tokens") if isinstance(details, dict) else None
    return {
        "input_tokens": said.prompt_tokens,
        "input_tokens_details": {
            "cached_tokens": said.cached_tokens or 0,
            "cache_write_tokens": 0,
        },
        "output_tokens": said.completion_tokens,
        "output_tokens_details": {
            "reasoning_tokens": reasoning if isinstance(reasoning, int) else 0
        },
        "total_tokens": said.prompt_tokens + said.completion_tokens,
    }


def _part(kind: str, text: str) -> dict[str, Any]:
    if kind == "refusal":
        return {"type": "refusal", "refusal": text}
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _code(refusal: ErrorReply) -> str:
    if refusal.over_context:
        return CONTEXT_EXCEEDED
    if refusal.code in _CODES:
        return str(refusal.code)
    return "rate_limit_exceeded" if refusal.status == _RATE_LIMITED else "server_error"
