"""One request of an attempt: sent, and each of its replies judged as soon as it has ended."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from core.client.several import Choices
from core.errors import BackendError
from core.router.evidence import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.client.backend import ChatRequest, Reply
    from core.client.several import Ending
    from core.patchloop.attempt import Try
    from core.patchloop.job import Ask, Check


class Asking:
    """A request, and a try for each reply that it asks for.

    ``outcome`` is how the call ended, None until it has.
    """

    def __init__(self, request: ChatRequest, tries: Sequence[Try]) -> None:
        self._request = request
        self.tries = tuple(tries)
        self.outcome: Outcome | None = None

    async def run(self, ask: Ask, check: Check) -> Try | None:
        """Ask and judge; returns the reply that passed, after which no more are read."""
        if len(self.tries) > 1:
            await self._several(ask, check)
        else:
            self.outcome = await ask(self._request)
            await self.tries[0].judge(self.outcome, check)
        passed = [one for one in self.tries if one.passed]
        return min(passed, key=lambda one: one.latency_ms, default=None)

    async def _several(self, ask: Ask, check: Check) -> None:
        judging: dict[int, asyncio.Task[bool]] = {}

        async def judge(index: int, reply: Reply) -> bool:
            enough = True  # so it is when the check itself breaks
            try:
                outcome = Outcome(reply.latency_ms, reply=reply)
                enough = await self.tries[index].judge(outcome, check)
            finally:
                if enough:
                    choices.close()
            return enough

        def ended(index: int, reply: Reply) -> None:
            judging[index] = asyncio.create_task(judge(index, reply))

        choices = Choices(ended)
        try:
            self.outcome = await ask(replace(self._request, n=len(self.tries), choices=choices))
            endings = _endings(self.outcome, len(self.tries))
            for one, ending in zip(self.tries, endings, strict=True):
                if ending is not None and (ending.error or not self.outcome.choices):
                    await one.judge(ending, check)
            for next_one in asyncio.as_completed(judging.values()):
                if await next_one:
                    break
        finally:
            for task in judging.values():
                task.cancel()
            await asyncio.gather(*judging.values(), return_exceptions=True)
        for index in judging:
            self.tries[index].outcome = endings[index]


def _endings(call: Outcome, count: int) -> list[Outcome | None]:
    """How each reply ended; where one alone was asked for after all, there are no others."""
    if not call.choices:
        return [call, *([None if call.reply else call] * (count - 1))]
    return [_ending(one, call) for one in call.choices] + [None] * (count - len(call.choices))


def _ending(one: Ending, call: Outcome) -> Outcome | None:
    if one is None:
        return None
    if isinstance(one, BackendError):
        return Outcome(call.latency_ms, error=one, call_id=call.call_id)
    return Outcome(one.latency_ms, reply=one, call_id=call.call_id)
