"""The patch loop: ask for an edit, apply it, compile, check; on failure say why and ask again.

Each attempt's edit is made on the files as they were given, never on an earlier attempt's, so a
model that errs twice has not erred on top of its error. Whoever asks and whoever checks are
given: a bakeoff asks one backend and runs a suite's tests, ``implement`` asks the router and runs
the user's own command.

What the patch loop is given: the job, who is asked, and who checks.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from core.client.backend import ChatRequest
from core.patchloop.attempt import Try
from core.patchloop.formats import EditFormat, resolve, schema
from core.patchloop.prompt import opening, reply_tokens, retry
from core.patchloop.trial import Attempt, Candidate, FailureKind
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from core.client.backend import Message
    from core.router.evidence import Outcome


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be done.

    ``files`` (path to text) are shown, ``editable`` of them may be changed; ``failing`` is what
    the check says before any change. ``candidates`` replies are asked for at once in each of at
    most ``attempts`` attempts. A reply later than ``timeout_ms`` fails its attempt. ``seed``, when
    given, makes each request's own.
    """

    instruction: str
    files: Mapping[str, str]
    editable: tuple[str, ...]
    failing: str = ""
    edit_format: EditFormat = EditFormat.AUTO
    attempts: int = 3
    candidates: int = 1
    timeout_ms: float = math.inf
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check found; ``feedback`` is for the model, ``lint_passed`` None where not looked at.

    Code that passes its tests is solved, whatever its lint: that is recorded, as a person would
    rather have a working patch with an unused import than none.
    """

    passed: bool
    feedback: str = ""
    failure: FailureKind | None = None
    lint_passed: bool | None = None


class Ask(Protocol):
    """One question to whoever answers."""

    async def __call__(self, request: ChatRequest) -> Outcome:
        """How it ended: a whole, valid reply or a BackendError, and when.

        Raises only what must end the loop, such as evidence that cannot be written.
        """


class Check(Protocol):
    """Whether files do what they should."""

    async def __call__(self, files: Mapping[str, str], changed: Sequence[str]) -> CheckResult:
        """Look at all ``files``, of which those ``changed`` differ from the job's."""


FIRST_TEMPERATURE = 0.0
OTHER_TEMPERATURE = 0.8
# Seeds of an attempt's candidates lie side by side; no attempt has more of them.
_SEEDS_AN_ATTEMPT = 64
_MOST_SEED = 1 << 31


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


async def repair(
    job: Job,
    ask: Ask,
    check: Check,
    *,
    on_attempt: Callable[[Attempt], None] | None = None,
) -> Repair:
    """Work on ``job`` until a check passes or its attempts are used up.

    Raises:
        ValueError: No file may be edited.
        ReflexError: What ``ask`` or ``check`` raise.
    """
    texts = {path: job.files.get(path, "") for path in job.editable}
    edit_format = resolve(job.edit_format, texts)
    talk = opening(job.instruction, job.files, job.editable, edit_format, job.failing)
    request = ChatRequest(
        messages=talk,
        schema=schema(edit_format, job.editable),
        schema_name="edits",
        max_tokens=reply_tokens(edit_format, list(texts.values())),
    )
    attempts: list[Attempt] = []
    for number in range(job.attempts):
        requests = _candidates(request, job, number)
        tries = [Try(job, edit_format, each) for each in requests]
        winner = await _first_to_pass(tries, ask, check)
        chosen = winner or max(tries, key=lambda one: one.came_as_far_as)
        attempt = _attempt(chosen, tries, solved=winner is not None)
        attempts.append(attempt)
        if on_attempt:
            on_attempt(attempt)
        if winner and winner.applied:
            return Repair(
                tuple(attempts),
                solved=True,
                files=winner.applied.files,
                diff=winner.applied.diff,
                outcome=winner.outcome,
            )
        request = replace(request, messages=(*request.messages, *_turns(chosen)))
    return Repair(tuple(attempts), solved=False, files=dict(job.files))


def _candidates(request: ChatRequest, job: Job, number: int) -> list[ChatRequest]:
    """The attempt's requests: the likeliest reply first, then others."""
    first = None if job.seed is None else job.seed + number * _SEEDS_AN_ATTEMPT
    return [
        replace(
            request,
            temperature=OTHER_TEMPERATURE if index else FIRST_TEMPERATURE,
            seed=None if first is None else (first + index) % _MOST_SEED,
        )
        for index in range(job.candidates)
    ]


async def _first_to_pass(tries: Sequence[Try], ask: Ask, check: Check) -> Try | None:
    """Run all at once; the first that passes ends the others."""
    tasks = {asyncio.create_task(one.run(ask, check)): one for one in tries}
    pending = set(tasks)
    try:
        while pending:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            passed = [tasks[task] for task in done if task.result()]
            if passed:
                return min(passed, key=lambda one: one.latency_ms)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return None


def _attempt(chosen: Try, tries: Sequence[Try], *, solved: bool) -> Attempt:
    """What is recorded: the winner's figures, or those of the try that came furthest.

    A failed attempt lasted until its last reply had come.
    """
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
        candidates=tuple(_candidate(index, one) for index, one in enumerate(tries))
        if several
        else (),
    )


def _candidate(index: int, one: Try) -> Candidate:
    reply = one.outcome.reply if one.outcome else None
    return Candidate(
        index=index,
        compliant=one.compliant,
        passed=one.passed,
        latency_ms=one.latency_ms,
        completion_tokens=reply.completion_tokens if reply else None,
    )


def _turns(chosen: Try) -> tuple[Message, ...]:
    """What the next attempt reads of this one; nothing where no reply came in time."""
    if chosen.failure in {FailureKind.TRANSPORT, FailureKind.TIMEOUT, None}:
        return ()
    # Chat templates want turns to alternate, so a reply that was cut off is stood in for.
    return retry(chosen.text or "…", chosen.failure, chosen.detail)
