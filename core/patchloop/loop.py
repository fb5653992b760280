"""The patch loop: ask for an edit, apply it, compile, check; on failure ask in another way.

Each attempt's edit is made on the files as they were given, never on an earlier attempt's, so a
model that errs twice has not erred on top of its error. How each attempt asks is the ladder's to
say (``core.patchloop.ladder``). Whoever asks and whoever checks are given: a bakeoff asks one
backend and runs a suite's tests, ``implement`` asks the router and runs the user's own command.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from core.client.backend import ChatRequest
from core.patchloop.attempt import Try
from core.patchloop.formats import MASKABLE, EditFormat, resolve, schema
from core.patchloop.grammar import fence_for, fence_grammar
from core.patchloop.ladder import FailedAttempt, Rung, next_rung
from core.patchloop.masking import focused, masked
from core.patchloop.prompt import hints, info_of, opening, reply_tokens, retry
from core.patchloop.trial import MOST_DIFF, UNANSWERED, Attempt, Candidate, FailureKind
from core.plain import plain, plain_block

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from core.client.backend import Message
    from core.patchloop.job import Ask, Check, Job
    from core.router.evidence import Outcome


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
    on_attempt: Callable[[Attempt], bool | None] | None = None,
) -> Repair:
    """Work on ``job`` until a check passes, its attempts are used up or all has been asked.

    ``on_attempt`` is called with each attempt that ended. When it returns True another backend is
    asked from now on: the ladder begins again, with what was tried so far.

    Raises:
        ValueError: No file may be edited.
        ReflexError: What ``ask`` or ``check`` raise.
    """
    questions = _Questions(job)
    attempts: list[Attempt] = []
    for number in range(job.attempts):
        rung = questions.next_rung()
        if rung is None:
            break
        requests = questions.candidates(rung, number)
        tries = [Try(job, questions.edit_format, each) for each in requests]
        winner = await _first_to_pass(tries, ask, check)
        chosen = winner or max(tries, key=lambda one: one.came_as_far_as)
        attempt = _attempt(chosen, tries, rung, solved=winner is not None)
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


def fewest_questions() -> int:
    """How many different questions there are for any job; then it is another backend's turn."""
    return 2 + len(hints())


class _Questions:
    """What is asked about a job, from attempt to attempt."""

    def __init__(self, job: Job) -> None:
        texts = {path: job.files.get(path, "") for path in job.editable}
        self.edit_format = resolve(job.edit_format, texts)
        self._job = job
        self._files, self._masked = job.files, None
        if self.edit_format is EditFormat.FUNCTION:
            self._files = focused(job.files, job.editable, job.failing)
        if self.edit_format in MASKABLE:
            self._masked = masked(self._files, job.editable, job.failing)
        fenced = self.edit_format is EditFormat.FENCE
        self._request = ChatRequest(
            messages=(),
            schema=None if fenced else schema(self.edit_format, job.editable),
            schema_name="edits",
            grammar=fence_grammar(
                job.editable, info=info_of(job.editable), fence=fence_for(texts.values())
            )
            if fenced
            else None,
            max_tokens=reply_tokens(self.edit_format, list(texts.values())),
        )
        self._past: list[FailedAttempt] = []
        self._tried: list[FailedAttempt] = []

    def next_rung(self) -> Rung | None:
        return next_rung(self._past, can_mask=self._masked is not None, hints=len(hints()))

    def failed(self, rung: Rung, chosen: Try) -> None:
        """Remember an attempt whose reply came; one without is asked again as it was."""
        if chosen.failure is None or chosen.failure in UNANSWERED | {FailureKind.TIMEOUT}:
            return
        diff = chosen.applied.diff if chosen.applied else ""
        self._past.append(FailedAttempt(rung, chosen.failure, chosen.detail, chosen.text, diff))

    def begin_again(self) -> None:
        self._tried += self._past
        self._past = []

    def candidates(self, rung: Rung, number: int) -> list[ChatRequest]:
        """The attempt's requests: the question that is due first, then variants, sampled."""
        first = None if self._job.seed is None else self._job.seed + number * _SEEDS_AN_ATTEMPT
        variants = sum(one.rung is Rung.VARIANT for one in self._past)
        return [
            replace(
                self._request,
                messages=self._variant(number * self._job.candidates + index)
                if index
                else self._messages(rung, variants),
                temperature=OTHER_TEMPERATURE if index else FIRST_TEMPERATURE,
                seed=None if first is None else (first + index) % _MOST_SEED,
            )
            for index in range(self._job.candidates)
        ]

    def _messages(self, rung: Rung, variants: int) -> tuple[Message, ...]:
        if rung is Rung.VARIANT:
            return self._variant(variants)
        if rung is Rung.FEEDBACK:
            last = self._past[-1]
            return (*self._opening(), *retry(last.reply, last.failure, last.detail))
        return self._opening(mask=rung is Rung.MASK)

    def _variant(self, number: int) -> tuple[Message, ...]:
        """With and without bodies in turn, and with another hint after each pair."""
        masks = self._masked is not None
        hint = hints()[number // (2 if masks else 1) % len(hints())]
        return self._opening(mask=masks and number % 2 == 1, hint=hint)

    def _opening(self, *, mask: bool = False, hint: str = "") -> tuple[Message, ...]:
        job = self._job
        return opening(
            job.instruction,
            self._files,
            job.editable,
            self.edit_format,
            job.failing,
            masked=self._masked if mask else None,
            tried=self._tried,
            hint=hint,
        )


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


def _attempt(chosen: Try, tries: Sequence[Try], rung: Rung, *, solved: bool) -> Attempt:
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
        rung=rung,
        diff="" if solved or not chosen.applied else plain_block(chosen.applied.diff)[:MOST_DIFF],
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
