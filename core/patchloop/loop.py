"""The patch loop: ask for an edit, apply it, compile, check; on failure ask in another way.

Each attempt's edit is made on the files as they were given, never on an earlier attempt's, so a
model that errs twice has not erred on top of its error. How each attempt asks is the ladder's to
say (``core.patchloop.ladder``). Whoever asks and whoever checks are given: a bakeoff asks one
backend and runs a suite's tests, ``implement`` asks the router and runs the user's own command.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core.patchloop.questions import Questions
from core.patchloop.trial import MOST_DIFF, Attempt, Candidate
from core.plain import plain, plain_block

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from core.patchloop.asking import Asking
    from core.patchloop.attempt import Try
    from core.patchloop.job import Ask, Check, Job
    from core.patchloop.ladder import Rung
    from core.router.evidence import Outcome


@dataclass(frozen=True, slots=True)
class Repair:
    """How the loop ended; ``files`` and ``diff`` are the solution's, or as they were and empty.

    ``outcome`` is the call that the solution came from.
    """

    attempts: tuple[Attempt, ...]
    solved: bool
    files: Mapping[str, str] = field(repr=False)
    diff: str = ""
    outcome: Outcome | None = field(default=None, repr=False)


# The question that is due goes by itself, so that two candidates have nothing to share.
_FEWEST_TO_SHARE = 2


async def _one() -> int:
    return 1


async def repair(
    job: Job,
    ask: Ask,
    check: Check,
    *,
    on_attempt: Callable[[Attempt], bool | None] | None = None,
    most_replies: Callable[[], Awaitable[int]] = _one,
) -> Repair:
    """Work on ``job`` until a check passes, its attempts are used up or all has been asked.

    ``on_attempt`` is called with each attempt that ended. When it returns True another backend is
    asked from now on: the ladder begins again, with what was tried so far. ``most_replies`` says
    how many replies one request may ask for; further candidates are asked for so many at once.

    Raises:
        ValueError: No file may be edited.
        ReflexError: What ``ask`` or ``check`` raise.
    """
    questions = Questions(job)
    attempts: list[Attempt] = []
    for number in range(job.attempts):
        rung = questions.next_rung()
        if rung is None:
            break
        at_once = await most_replies() if job.candidates > _FEWEST_TO_SHARE else 1
        askings = questions.requests(rung, number, at_once)
        winner = await _first_to_pass(askings, ask, check)
        tries = [one for asking in askings for one in asking.tries]
        chosen = winner or max(tries, key=lambda one: one.came_as_far_as)
        attempt = _attempt(chosen, askings, rung, solved=winner is not None)
        attempts.append(attempt)
        elsewhere = on_attempt(attempt) if on_attempt else None
        if winner and winner.applied:
            return Repair(
                tuple(attempts),
                solved=True,
                files=winner.applied.files,
                diff=winner.applied.diff,
                outcome=winner.outcome,
            )
        questions.failed(rung, chosen)
        if elsewhere:
            questions.begin_again()
    return Repair(tuple(attempts), solved=False, files=dict(job.files))


async def _first_to_pass(askings: Sequence[Asking], ask: Ask, check: Check) -> Try | None:
    """Run all at once; the first that passes ends the others."""
    tasks = {asyncio.create_task(one.run(ask, check)) for one in askings}
    pending = set(tasks)
    try:
        while pending:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            passed = [winner for task in done if (winner := task.result())]
            if passed:
                return min(passed, key=lambda one: one.latency_ms)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return None


def _attempt(chosen: Try, askings: Sequence[Asking], rung: Rung, *, solved: bool) -> Attempt:
    """What is recorded: the winner's figures, or those of the try that came furthest.

    A failed attempt lasted until its last reply had come.
    """
    tries = [one for asking in askings for one in asking.tries]
    several = len(tries) > 1
    latency_ms = chosen.latency_ms
    if several and not solved:
        latency_ms = max(one.waited_ms for one in tries)
    reply = chosen.outcome.reply if chosen.outcome else None
    return Attempt(
        ttft_ms=chosen.ttft_ms,
        latency_ms=latency_ms,
        late=chosen.late,
        compliant=chosen.compliant,
        failure=chosen.failure,
        detail=plain(chosen.detail, 2000),
        prompt_tokens=reply.prompt_tokens if reply else None,
        completion_tokens=reply.completion_tokens if reply else None,
        cached_tokens=reply.cached_tokens if reply else None,
        fences_stripped=chosen.applied.fences_stripped if chosen.applied else 0,
        lines_changed=chosen.applied.lines_changed if chosen.applied else None,
        lint_passed=chosen.lint_passed,
        tokens_of_all=_tokens(askings) if len(askings) < len(tries) else None,
        rung=rung,
        edit_format=chosen.edit_format.value,
        diff="" if solved or not chosen.applied else plain_block(chosen.applied.diff)[:MOST_DIFF],
        candidates=tuple(_candidate(index, one) for index, one in enumerate(tries))
        if several
        else (),
    )


def _tokens(askings: Sequence[Asking]) -> int | None:
    """What the servers counted of all replies together; None where they counted nothing."""
    replies = [one.outcome.reply for one in askings if one.outcome]
    counts = [one.completion_tokens for one in replies if one and one.completion_tokens is not None]
    return sum(counts) if counts else None


def _candidate(index: int, one: Try) -> Candidate:
    reply = one.outcome.reply if one.outcome else None
    return Candidate(
        index=index,
        compliant=one.compliant,
        passed=one.passed,
        latency_ms=one.latency_ms,
        completion_tokens=reply.completion_tokens if reply else None,
    )
