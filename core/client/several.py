"""One request that asks for several replies (``n``): each put together by its index and judged.

Engines that share a prompt among the replies read it once. The call is one all the same: it has one
latency, and has failed when none of its replies is whole and valid.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from core.client.bounded import parse_json_now
from core.client.replies import Assembly, counted, incomplete, malformed, no_json
from core.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence

    from core.client.backend import Backend, Reply
    from core.client.faults import Quote
    from core.errors import StatusError

    Ending = Reply | BackendError | None


class Choices:
    """Whoever waits for the replies of one request: told of each valid one as soon as it has ended.

    ``close`` says that no more are needed; then the server is asked for no further token.
    """

    def __init__(self, on_reply: Callable[[int, Reply], None]) -> None:
        self.on_reply = on_reply
        self._enough = asyncio.Event()

    def close(self) -> None:
        """End the request: one of its replies is all that was wanted."""
        self._enough.set()

    async def closed(self) -> None:
        """Return once nobody needs more."""
        await self._enough.wait()


class SeveralAssembly:
    """What the replies of one request have said so far; an ``Assembly`` for each.

    ``whole_call`` holds what belongs to all: the counts, the model, the first content's moment.
    ``ended_at`` is when each reply ended, by its index. A reply of which there is no sign is not in
    ``begun``; a server may give fewer than it was asked for.
    """

    def __init__(self, backend: Backend, quote: Quote, count: int) -> None:
        self.whole_call = Assembly(backend, quote)
        self.each = tuple(Assembly(backend, quote) for _ in range(count))
        self.begun: set[int] = set()
        self.ended_at: dict[int, float] = {}
        self.on_ended: Callable[[int], None] = lambda _: None
        self.asked_stream: bool | None = None
        self.schema_sent: str | None = None
        self.first_content_at: float | None = None
        self._last_ended: int | None = None
        self._usages: dict[int, dict[str, Any]] = {}
        self._counts_each, self._counts_all = False, True

    @property
    def first_chunk_at(self) -> float | None:
        """When anything of the call came."""
        return self.whole_call.first_chunk_at

    @property
    def finish_reason(self) -> str | None:
        """Why the last reply ended; None until all have."""
        reasons = [one.finish_reason for one in self.each]
        return None if None in reasons else reasons[-1]

    @property
    def completion_tokens(self) -> int | None:
        """As the server counted: for all at once, or the sum of its counts of those that ended.

        llama.cpp counts each, at its end; SGLang and vLLM all of them, at the end of the call. What
        it counts in an answer that is no stream is its first reply alone.
        """
        if self._counts_each:
            counts = [self.tokens_of(index) for index in self._usages]
            return sum(count for count in counts if count is not None)
        return self.whole_call.completion_tokens if self._counts_all else None

    def tokens_of(self, index: int) -> int | None:
        """As the server counted one reply; None where it counts all of them together."""
        usage = self._usages.get(index) if self._counts_each else None
        return counted(usage.get("completion_tokens")) if usage else None

    def chunk(self, text: str, at: float) -> None:
        """Take one streamed chunk's JSON; raises as ``Assembly.chunk``."""
        try:
            payload = parse_json_now(text)
        except ValueError as error:
            raise no_json() from error
        self._take(payload, "delta", at)

    def body(self, payload: Any, at: float) -> None:
        """Take a whole ``chat.completion``; raises as ``Assembly.body``."""
        choices = self.whole_call.around_choices(payload, at, whole=True)
        self._choices(choices, "message", at)
        self._counts_all = False

    def error(self, text: str) -> StatusError:
        """The error that an event named ``error`` reports."""
        return self.whole_call.error(text)

    def _take(self, payload: Any, key: str, at: float) -> None:
        before = self.whole_call.usage
        self._choices(self.whole_call.around_choices(payload, at), key, at)
        if self.whole_call.usage is not before and self._last_ended is not None:
            self._usages[self._last_ended] = self.whole_call.usage
            self._counts_each |= len(self.ended_at) < len(self.each)

    def _choices(self, choices: Sequence[dict[str, Any]], key: str, at: float) -> None:
        for choice in choices:
            index = choice.get("index", 0)
            if type(index) is not int or not 0 <= index < len(self.each):
                raise malformed("index")
            if index not in self.ended_at:
                self._choice(index, choice, key, at)

    def _choice(self, index: int, choice: dict[str, Any], key: str, at: float) -> None:
        said = self.each[index]
        self.begun.add(index)
        if said.first_chunk_at is None:
            said.first_chunk_at = at
            said.model, said.id = self.whole_call.model, self.whole_call.id
        said.choice(choice, key, at)
        if self.first_content_at is None:
            self.first_content_at = said.first_content_at
        if said.finish_reason is not None:
            self.ended_at[index], self._last_ended = at, index
            self.on_ended(index)


async def heard(
    said: SeveralAssembly,
    choices: Choices,
    reading: Coroutine[Any, Any, None],
    judge: Callable[[int], Awaitable[Reply]],
) -> tuple[tuple[Ending, ...], BackendError | None]:
    """How each reply ended, and what broke the call off; ``reading`` feeds ``said``.

    Each reply is judged as soon as it has ended. Once ``choices`` is closed no more is read, and
    what has not ended by then is None, as is a reply that the server did not give.
    """
    judging: dict[int, asyncio.Task[Ending]] = {}

    async def judged(index: int) -> Ending:
        try:
            reply = await judge(index)
        except BackendError as error:
            return error
        choices.on_reply(index, reply)
        return reply

    def ended(index: int) -> None:
        judging[index] = asyncio.create_task(judged(index))

    said.on_ended = ended
    read = asyncio.create_task(reading)
    enough = asyncio.create_task(choices.closed())
    try:
        await asyncio.wait({read, enough}, return_when=asyncio.FIRST_COMPLETED)
        closed = not read.done()
        read.cancel()
        await asyncio.wait({read})
        broke = None if read.cancelled() else read.exception()
        if broke is not None and not isinstance(broke, BackendError):
            raise broke
        endings: list[Ending] = []
        for index in range(len(said.each)):
            if index in judging:
                endings.append(await judging[index])
            elif closed or broke is not None or index not in said.begun:
                endings.append(None if closed else broke)
            else:
                endings.append(await judged(index))
        return tuple(endings), broke
    finally:
        tasks = (read, enough, *judging.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def as_one_call(
    said: SeveralAssembly,
    endings: tuple[Ending, ...],
    broke: BackendError | None,
    since_sent_ms: Callable[[float | None], float | None],
) -> Reply:
    """The first reply that was whole and valid, with the call's figures and all ``choices``.

    Its latency lasts until the last reply that ended.

    Raises:
        BackendError: None was; what broke the call off, else the first that is wrong with one.
    """
    prompt_tokens = said.whole_call.prompt_tokens
    choices = tuple(
        one
        if one is None or isinstance(one, BackendError)
        else replace(one, prompt_tokens=prompt_tokens, completion_tokens=said.tokens_of(index))
        for index, one in enumerate(endings)
    )
    in_order = (choices[index] for index in sorted(said.ended_at, key=lambda i: said.ended_at[i]))
    first = next((one for one in in_order if one and not isinstance(one, BackendError)), None)
    if first is not None:
        return replace(
            first,
            choices=choices,
            latency_ms=since_sent_ms(max(said.ended_at.values())) or 0.0,
            ttft_ms=since_sent_ms(said.first_content_at),
            first_chunk_ms=since_sent_ms(said.first_chunk_at),
            completion_tokens=said.completion_tokens,
            cached_tokens=said.whole_call.cached_tokens,
        )
    faults = (one for one in choices if isinstance(one, BackendError))
    error = broke or next(faults, None) or incomplete()
    error.choices = choices
    if error.partial is not None:
        error.partial = replace(error.partial, choices=choices)
    raise error
