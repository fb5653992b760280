"""A reply's deltas as blocks, one open at a time: reasoning, text, a refusal, tool calls.

Both newer APIs want each block opened, filled and closed before the next. Chat's deltas may mix
them: what comes while a call still lacks some of its arguments waits for its turn. No block is
opened for nothing.
"""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from core.client.backend import Reply
    from core.router.answer import Answer

_SAID = (("reasoning", "reasoning_content"), ("text", "content"), ("refusal", "refusal"))
_PIECE = 256  # characters of a reply that is whole already
# How often a call's arguments are looked at before they have ended: each look reads all of them.
_MOST_LOOKS = 64
Kind = Literal["reasoning", "text", "refusal", "call"]


@dataclass(slots=True)
class Block:
    """One block: ``number`` counts from 0; a call has the server's ``identity`` and a ``name``.

    It ``waits`` until it is opened.
    """

    kind: Kind
    number: int = 0
    identity: str = ""
    name: str = ""
    parts: list[str] = field(default_factory=list)
    waits: bool = True
    _last: str = ""  # its last character that is not blank
    _looks: int = 0  # how often its arguments were read as they were so far
    _unfinished_parts: int = -1  # with so many, they were seen to be no whole JSON

    def add(self, text: str) -> None:
        """Take more of it."""
        self.parts.append(text)
        self._last = text.rstrip()[-1:] or self._last

    def lacks_arguments(self) -> bool:
        """Whether it is a call whose arguments are not whole yet, as far as few looks can tell."""
        if self.kind != "call":
            return False
        if self._unfinished_parts == len(self.parts):
            return True
        if self._last == "}" and self._looks < _MOST_LOOKS:
            self._looks += 1
            if _is_json(self.text):
                return False
        self._unfinished_parts = len(self.parts)
        return True

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
        self._waiting: deque[Block] = deque()

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
            yield from self._opened(self._waiting.popleft())
            yield from self._close()

    def _say(self, kind: Kind, text: str) -> Iterator[BlockStep]:
        last = self._waiting[-1] if self._waiting else self._open
        if last is None or last.kind != kind:
            last = Block(kind)
            self._waiting.append(last)
        last.add(text)
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
            block.add(text)
        if block is self._open:
            if text:
                yield BlockStep("more", block, text)
        elif block.waits:
            yield from self._next()

    def _next(self) -> Iterator[BlockStep]:
        """Open what waits, in its order, as far as what is open may be closed for it."""
        while self._waiting:
            if self._waiting[0].kind == "call" and not self._waiting[0].name:
                return
            if self._open is not None and self._open.lacks_arguments():
                return
            yield from self._close()
            yield from self._opened(self._waiting.popleft())

    def _opened(self, block: Block) -> Iterator[BlockStep]:
        block.number, block.waits = len(self.all), False
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
            block.add("{}")
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


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
