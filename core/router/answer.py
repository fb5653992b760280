"""What a caller gets back: an ``Answer``, or a ``Stream`` of its pieces and then the Answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from core.client.backend import NativePiece

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from core.client.replies import OnDelta
    from core.client.several import Ending
    from core.stages import Mode, Reason


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete, valid reply and who gave it why.

    ``data`` is the parsed, validated object when a schema was given. ``latency_ms`` and ``ttft_ms``
    are the answering attempt's; ``total_ms`` is the whole call's, deciding and failed attempts
    included. ``attempts`` counts HTTP requests. ``warnings`` says what could not be recorded.
    ``fields`` are the message's further fields, such as ``reasoning_content``; ``usage`` is the
    server's own, with all details; ``around`` holds its fields beside ``choices``,
    ``in_choice`` those beside the message.
    ``stop_sequence`` is the caller's own text that ended it, where the server tells. Where several
    replies were asked for at once, ``choices`` are all of them, as the client's ``Reply`` has them.
    """

    text: str
    data: Any
    mode: Mode
    reason: Reason
    detail: str | None
    backend: str
    model: str
    finish_reason: str
    ttft_ms: float | None
    latency_ms: float
    total_ms: float
    attempts: int
    call_id: str
    run_id: str
    is_fallback: bool
    tool_calls: tuple[Mapping[str, Any], ...] = ()
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    usage: Mapping[str, Any] = field(default_factory=dict)
    around: Mapping[str, Any] = field(default_factory=dict)
    in_choice: Mapping[str, Any] = field(default_factory=dict)
    stop_sequence: str | None = None
    choices: tuple[Ending, ...] = ()
    warnings: tuple[str, ...] = ()


Piece = Mapping[str, Any]
"""A ``delta`` in OpenAI's form that says something: content, tool calls, a refusal, reasoning."""


class Stream:
    """One call's answer, piece by piece.

    Entering waits until the first piece may be shown: a cloud's first content, or the whole and
    valid reply of a local server. Iterate once for the pieces; then ``answer`` holds. Leaving early
    calls the request off.

        async with call.stream() as stream:
            async for piece in stream:
                print(piece.get("content", ""), end="")
        stream.answer.mode

    Raises, on entering and while iterating: what ``RoutedCall.answer`` raises.
    """

    def __init__(self, answering: Callable[[OnDelta], Coroutine[Any, Any, Answer]]) -> None:
        self._answering = answering
        # Unbounded: the client bounds a reply's size, and a slow listener must not hold up the
        # server's deadline.
        self._pieces: asyncio.Queue[Piece | None] = asyncio.Queue()
        self._task: asyncio.Task[Answer] | None = None
        self._first: Piece | None = None

    @property
    def answer(self) -> Answer:
        """The answer, once all pieces have come."""
        assert self._task is not None
        return self._task.result()

    @property
    def known(self) -> Answer | None:
        """The answer where it is whole already, as a local server's is from the beginning."""
        task = self._task
        done = task is not None and task.done() and not task.cancelled()
        return task.result() if task and done and not task.exception() else None

    async def __aenter__(self) -> Self:
        pieces = self._pieces
        self._task = asyncio.create_task(self._answering(pieces.put_nowait))
        self._task.add_done_callback(lambda _: pieces.put_nowait(None))
        try:
            self._first = await pieces.get()
            if self._first is None:
                self._first = _whole(self.answer)
                pieces.put_nowait(None)
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._end()

    async def __aiter__(self) -> AsyncIterator[Piece]:
        piece = self._first
        while piece is not None:
            yield piece
            piece = await self._pieces.get()
        _ = self.answer  # raises where it failed in the middle

    async def _end(self) -> None:
        assert self._task is not None
        if not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task])
        if not self._task.cancelled():
            self._task.exception()  # seen: whoever listened has had it


def piece_of(delta: Mapping[str, Any]) -> dict[str, Any]:
    """What a chunk's delta says, without role and empty fields; empty when that is nothing.

    Bytes in the caller's own dialect stay what they are.
    """
    if isinstance(delta, NativePiece):
        return delta
    piece = {name: value for name, value in delta.items() if value and name != "role"}
    if isinstance(calls := piece.get("tool_calls"), list):
        # Whole messages number no calls, and some servers no deltas.
        piece["tool_calls"] = [{"index": nth, **call} for nth, call in enumerate(calls)]
    return piece


def _whole(answer: Answer) -> dict[str, Any]:
    own = {"content": answer.text, "tool_calls": list(answer.tool_calls)}
    return piece_of({**answer.fields, **own})
