"""Several replies at once: the first that passes wins, and every one is on record."""

from __future__ import annotations

import asyncio
import json
import math
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from core.client.backend import Reply
from core.errors import AttemptTimeout, BackendError, ConnectFailed, NotCompliant, SandboxError
from core.patchloop.loop import repair
from core.patchloop.trial import FailureKind
from core.router.evidence import Outcome
from tests.support.patchloop.loop import BROKEN, GOOD, WRONG, Answers, Wants42, job, whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from core.client.backend import ChatRequest
    from core.client.several import Ending
    from core.patchloop.job import CheckResult

LONG_S = 30.0


async def test_the_first_to_pass_wins_and_the_rest_are_cancelled() -> None:
    """The latency is the winner's; the one that never came says so."""
    ask = Answers((whole(WRONG), 10.0, 0), (whole(GOOD), 25.0, 0), (whole(GOOD), 900.0, LONG_S))
    result = await repair(job(candidates=3), ask, Wants42())
    assert result.solved
    (attempt,) = result.attempts
    assert attempt.latency_ms == 25.0
    assert attempt.failure is None
    assert ask.cancelled == 1
    wrong, good, never = attempt.candidates
    assert (wrong.index, wrong.compliant, wrong.passed, wrong.latency_ms) == (0, True, False, 10.0)
    assert (good.index, good.compliant, good.passed, good.latency_ms) == (1, True, True, 25.0)
    assert (never.compliant, never.passed, never.latency_ms) == (None, False, math.inf)
    assert never.completion_tokens is None


async def test_candidates_are_one_attempt() -> None:
    """Four wrong replies use up one attempt; the one that came furthest is fed back."""
    bad = ("no JSON", whole("def answer(:"), whole(WRONG), "no JSON either")
    ask = Answers(*bad, *("no JSON",) * 3, whole(WRONG), whole(GOOD))
    result = await repair(job(candidates=4, attempts=3), ask, Wants42())
    assert result.solved
    assert len(result.attempts) == 3
    assert result.attempts[0].failure is FailureKind.TEST
    assert [one.compliant for one in result.attempts[0].candidates] == [False, True, True, False]
    feedback = list(ask.requests[8].messages)
    assert feedback[-2] == {"role": "assistant", "content": whole(WRONG)}
    assert "it is not 42" in feedback[-1]["content"]


async def test_candidates_differ_by_what_they_are_asked() -> None:
    """Not by the temperature alone: four copies would be one."""
    ask = Answers(whole(WRONG))
    await repair(job(candidates=4, attempts=2), ask, Wants42())
    asked = [request.messages[-1]["content"] for request in ask.requests]
    assert len(set(asked)) == len(asked)


async def test_a_failed_attempt_lasts_until_its_last_reply() -> None:
    """Only then is it known to have failed; what never came makes it last for ever."""
    ask = Answers((whole(WRONG), 10.0, 0), (whole(WRONG), 70.0, 0))
    result = await repair(job(candidates=2, attempts=1), ask, Wants42())
    assert result.attempts[0].latency_ms == 70.0

    ask = Answers((whole(WRONG), 10.0, 0), (AttemptTimeout("late"), 4000.0, 0))
    result = await repair(job(candidates=2, attempts=1), ask, Wants42())
    assert result.attempts[0].latency_ms == math.inf
    assert result.attempts[0].failure is FailureKind.TEST

    ask = Answers((whole(WRONG), 10.0, 0), (ConnectFailed("refused"), 2.0, 0))
    result = await repair(job(candidates=2, attempts=1), ask, Wants42())
    assert result.attempts[0].latency_ms == 10.0


async def test_a_late_winner_is_none() -> None:
    """Nobody waits longer for the one of several than for the only one."""
    ask = Answers((whole(WRONG), 10.0, 0), (whole(GOOD), 2000.0, 0))
    result = await repair(job(candidates=2, attempts=1, timeout_ms=1000.0), ask, Wants42())
    assert not result.solved
    assert [one.passed for one in result.attempts[0].candidates] == [False, False]


async def test_an_error_of_one_ends_the_others() -> None:
    """A sandbox that cannot be set up ends the loop, and leaves nothing running."""

    async def check(files: Mapping[str, str], changed: Sequence[str]) -> CheckResult:
        raise SandboxError("no sandbox")

    ask = Answers((whole(GOOD), 10.0, 0), (whole(GOOD), 10.0, LONG_S))
    with pytest.raises(SandboxError):
        await repair(job(candidates=2), ask, check)
    assert ask.cancelled == 1


class AtOnce(Answers):
    """An ``Ask`` whose further candidates come by one request, ``say`` being told of each."""

    def __init__(self, first: str, *others: str | BackendError | None) -> None:
        super().__init__(first)
        self._others = others
        self.closed = False

    async def __call__(self, request: ChatRequest) -> Outcome:
        if request.n == 1:
            return await super().__call__(request)
        self.requests.append(request)
        assert request.choices
        endings: list[Ending] = []
        for index, other in enumerate(self._others[: request.n]):
            await asyncio.sleep(0.01)
            one = other if other is None or isinstance(other, BackendError) else said(other, index)
            endings.append(one)
            if isinstance(one, Reply):
                request.choices.on_reply(index, one)
        with suppress(TimeoutError):
            await asyncio.wait_for(request.choices.closed(), 0.5)
            self.closed = True
        whole_ones = [one for one in endings if isinstance(one, Reply)]
        if whole_ones:
            reply = replace(whole_ones[0], choices=tuple(endings))
            return Outcome(70.0, reply=reply, call_id="call")
        error = next(one for one in endings if isinstance(one, BackendError))
        error.choices = tuple(endings)
        return Outcome(70.0, error=error)


def said(text: str, index: int) -> Reply:
    """A reply, later the higher its index."""
    latency_ms = 20.0 + 10 * index
    return Reply(text, "stop", latency_ms, 5.0, 5.0, data=json.loads(text), completion_tokens=7)


async def three() -> int:
    """How many one request may ask for."""
    return 3


async def test_one_request_asks_for_the_others_and_the_first_that_passes_ends_it() -> None:
    """The reply that never ended is none, and the winner names the call."""
    ask = AtOnce(whole(WRONG), whole(WRONG), whole(GOOD), None)
    result = await repair(job(candidates=4), ask, Wants42(), most_replies=three)
    assert result.solved
    assert ask.closed
    assert [request.n for request in ask.requests] == [1, 3]
    assert result.outcome is not None
    assert result.outcome.call_id == "call"
    (attempt,) = result.attempts
    assert attempt.latency_ms == 30.0
    assert [(one.compliant, one.passed) for one in attempt.candidates] == [
        *((True, False), (True, False), (True, True), (None, False))
    ]
    assert attempt.tokens_of_all == len(whole(WRONG)) + 7


async def test_replies_that_are_wrong_count_as_such() -> None:
    """Each for itself, and the attempt ends when all have."""
    ask = AtOnce(whole(WRONG), NotCompliant("no JSON"), whole(WRONG), whole("def answer(:"))
    result = await repair(job(candidates=4, attempts=1), ask, Wants42(), most_replies=three)
    (attempt,) = result.attempts
    assert not ask.closed
    assert attempt.replies == (True, False, True, True)
    assert attempt.failure is FailureKind.TEST
    assert attempt.latency_ms == 70.0


async def test_a_call_that_failed_failed_for_each() -> None:
    """The server is gone: no candidate came."""
    ask = AtOnce(whole(WRONG), *(ConnectFailed("refused"),) * 3)
    result = await repair(job(candidates=4, attempts=1), ask, Wants42(), most_replies=three)
    assert [one.compliant for one in result.attempts[0].candidates] == [True, None, None, None]


async def test_a_server_that_gives_one_reply_after_all_gives_one_candidate() -> None:
    """It has refused several, and was asked for one."""
    ask = Answers(whole(WRONG), whole(GOOD))
    result = await repair(job(candidates=4), ask, Wants42(), most_replies=three)
    assert result.solved
    assert [one.passed for one in result.attempts[0].candidates] == [False, True, False, False]


async def test_more_than_one_request_may_ask_for_are_several_requests() -> None:
    """A llama.cpp of three slots is asked for three at a time, by other words each time."""
    ask = AtOnce(whole(WRONG), *(whole(WRONG),) * 3)
    await repair(job(candidates=6, attempts=1), ask, Wants42(), most_replies=three)
    assert [request.n for request in ask.requests] == [1, 3, 2]
    assert len({request.messages[-1]["content"] for request in ask.requests}) == 3


async def test_a_check_that_breaks_ends_the_request() -> None:
    """A sandbox that cannot be set up ends the loop, as with a request each."""
    ask = AtOnce(whole(BROKEN), *(whole(GOOD),) * 3)

    async def check(files: Mapping[str, str], changed: Sequence[str]) -> CheckResult:
        raise SandboxError("no sandbox")

    with pytest.raises(SandboxError):
        await repair(job(candidates=4), ask, check, most_replies=three)
    assert ask.closed
