"""A reply's deltas as blocks, one open at a time: reasoning, text, a refusal, tool calls.

Both newer APIs want each block opened, filled and closed before the next. Chat's deltas may mix
them: what comes while a call still lacks some of its arguments waits for its turn. No block is
opened for nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from core.client.backend import Reply
    from core.router.answer import Answer

_SAID = (("reasoning", "reasoning_content"), ("text", "content"), ("refusal", "refusal"))
_PIECE = 256  # characters of a reply that is whole already
Kind = Literal["reasoning", "text", "refusal", "call"]


@dataclass(slots=True)
class Block:
    """One block: ``number`` counts from 0; a call has the server's ``identity`` and a ``name``."""

    kind: Kind
    number: int = 0
    identity: str = ""
    name: str = ""
    parts: list[str] = field(default_factory=list)
    unfinished_parts: int = -1  # with so many, its arguments were seen to be no whole JSON

    @property
    def text(self) -> str:
        """What it says so far; of a call, its arguments."""
        return "".join(self.parts)


class BlockStep(NamedTuple):
    """``open``, ``more`` (with its text) or ``close`` of a block."""

    act: Literal["open", "more", "close"]
    block: Block
    text: str = ""


class Blocks:
    """The blocks of one reply; ``all`` are those that were opened."""

    def __init__(self) -> None:
        self.all: list[Block] = []
        self._open: Block | None = None
        self._calls: dict[int, Block] = {}
        self._waiting: list[Block] = []

    def take(self, delta: Mapping[str, Any]) -> Iterator[BlockStep]:
        """The steps that a delta in OpenAI's form makes."""
        for kind, name in _SAID:
            text = delta.get(name)
            if name == "reasoning_content" and not text:
                text = delta.get("reasoning")
            if isinstance(text, str) and text:
                yield from self._say(kind, text)  # type: ignore[arg-type]
        for part in delta.get("tool_calls") or ():
            yield from self._call(part)

    def finish(self) -> Iterator[BlockStep]:
        """The steps that close what is open, and bring what waits."""
        yield from self._close()
        while self._waiting:
            yield from self._opened(self._waiting.pop(0))
            yield from self._close()

    def _say(self, kind: Kind, text: str) -> Iterator[BlockStep]:
        last = self._waiting[-1] if self._waiting else self._open
        if last is None or last.kind != kind:
            last = Block(kind)
            self._waiting.append(last)
        last.parts.append(text)
        if last is self._open:
            yield BlockStep("more", last, text)
        else:
            yield from self._next()

    def _call(self, part: Mapping[str, Any]) -> Iterator[BlockStep]:
        inner = part.get("function") or part.get("custom") or {}
        index = part.get("index", len(self._calls))
        block = self._calls.get(index)
        if block is None:
            block = self._calls[index] = Block("call")
            self._waiting.append(block)
        block.identity = block.identity or part.get("id") or ""
        block.name = block.name or inner.get("name") or ""
        text = inner.get("arguments") or inner.get("input") or ""
        if text:
            block.parts.append(text)
        if block is self._open:
            if text:
                yield BlockStep("more", block, text)
        elif block in self._waiting:
            yield from self._next()

    def _next(self) -> Iterator[BlockStep]:
        """Open what waits, in its order, as far as what is open may be closed for it."""
        while self._waiting:
            if self._waiting[0].kind == "call" and not self._waiting[0].name:
                return
            if self._open is not None and _lacks_arguments(self._open):
                return
            yield from self._close()
            yield from self._opened(self._waiting.pop(0))

    def _opened(self, block: Block) -> Iterator[BlockStep]:
        block.number = len(self.all)
        self.all.append(block)
        self._open = block
        yield BlockStep("open", block)
        if block.parts:
            yield BlockStep("more", block, block.text)

    def _close(self) -> Iterator[BlockStep]:
        block, self._open = self._open, None
        if block is None:
            return
        if block.kind == "call" and not block.parts:
            block.parts.append("{}")
            yield BlockStep("more", block, "{}")
        yield BlockStep("close", block)


def blocks_of(said: Answer | Reply) -> list[Block]:
    """The blocks of a whole reply."""
    blocks = Blocks()
    calls = [{**call, "index": nth} for nth, call in enumerate(said.tool_calls)]
    own = {"content": said.text, "refusal": getattr(said, "refusal", ""), "tool_calls": calls}
    for _ in blocks.take({**said.fields, **own}):
        pass
    for _ in blocks.finish():
        pass
    return blocks.all


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


def event_of(kind: str, payload: Mapping[str, Any]) -> bytes:
    """A server-sent event with its name, which stands in its data as well; ASCII."""
    document = json.dumps({"type": kind, **payload}, separators=(",", ":"))
    return f"event: {kind}\ndata: {document}\n\n".encode()


def _lacks_arguments(block: Block) -> bool:
    """Whether it is a call whose arguments are not whole yet."""
    if block.kind != "call":
        return False
    if block.unfinished_parts == len(block.parts):
        return True
    if _is_json(block.text):
        return False
    block.unfinished_parts = len(block.parts)
    return True


def _is_json(text: str) -> bool:
    if not text.rstrip().endswith("}"):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
