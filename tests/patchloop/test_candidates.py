"""Several replies at once: the first that passes wins, and every one is on record."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from core.errors import AttemptTimeout, ConnectFailed, SandboxError
from core.patchloop.loop import repair
from core.patchloop.trial import FailureKind
from tests.support.patchloop.loop import GOOD, WRONG, Answers, Wants42, job, whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
