"""Makes trials in this process: asks, applies and checks; a worker does it with the same code."""

from __future__ import annotations

import math
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

from core.errors import ReflexError
from core.harness.bakeoff.asker import PAUSES_S, Asker
from core.harness.bakeoff.checker import Checks
from core.harness.bakeoff.conclusion import environment
from core.patchloop.job import Check, CheckResult, Job
from core.patchloop.loop import repair
from core.patchloop.trial import Attempt, FailureKind, Trial
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from core.capsule.events import Event
    from core.clock import Clock
    from core.harness.bakeoff.plan import Slot
    from core.harness.bakeoff.preparation import PreparedRun
    from core.harness.report.document import Environment
    from core.router.evidence import Evidence


@dataclass(frozen=True, slots=True)
class MadeTrial:
    """A trial, the machine it was made on, and evidence that is not yet in this capsule."""

    trial: Trial
    machine: Environment
    events: Sequence[Event] = ()


class TrialMaker(Protocol):
    """Makes trials, up to ``at_once`` of them in parallel."""

    at_once: int

    async def make(self, slot: Slot, tell: Callable[[Attempt], None]) -> MadeTrial:
        """Make one, and ``tell`` each attempt when it ends, or all of them at the end.

        Raises:
            ReflexError: The run cannot go on.
        """


def broken_trial(slot: Slot, error: Exception, before: Sequence[Attempt] = ()) -> Trial:
    """A trial that failed because what came back broke our side: nested, huge, no text at all.

    Whatever a model, its code or a worker sends is that trial's failure, never the run's. The
    attempt counts as a reply of the wrong format that took for ever.
    """
    detail = plain(f"what came back could not be used: {type(error).__name__}: {error}", 500)
    broken = Attempt(
        ttft_ms=None,
        latency_ms=math.inf,
        compliant=False,
        failure=FailureKind.FORMAT,
        detail=detail,
    )
    return Trial(
        task=slot.task,
        arm=slot.arm,
        trial=slot.trial,
        attempts=(*before, broken),
        solved=False,
    )


async def _untested(files: Mapping[str, str], changed: Sequence[str]) -> CheckResult:
    """For a call that is made for its latency alone: it says nothing of the reply's worth."""
    del files, changed
    return CheckResult(passed=False, failure=FailureKind.TEST)


class LocalTrials:
    """A run's arms and checks in this process, which is a ``TrialMaker``; a context manager."""

    def __init__(
        self,
        prepared: PreparedRun,
        evidence: Evidence,
        clock: Clock,
        *,
        pauses_s: Sequence[float] = PAUSES_S,
    ) -> None:
        scope = prepared.scope
        self.at_once = scope.plan.concurrency
        self._scope = scope
        self._arms = prepared.arms
        self._tasks = {task.id: task for task in scope.tasks}
        self._checks = Checks(prepared.self_test.sandbox(), scope.settings.source.root)
        self._machine = environment()
        self._askers = {
            name: Asker(
                prepared.arms[name],
                evidence,
                clock,
                constrain=scope.settings.reflex.json_schema,
                pauses_s=pauses_s,
            )
            for name in prepared.asked
        }
        self._stack = AsyncExitStack()

    async def make(self, slot: Slot, tell: Callable[[Attempt], None]) -> MadeTrial:
        """As a ``TrialMaker``; each attempt is reported when it ends."""
        ended: list[Attempt] = []

        def keep(attempt: Attempt) -> None:
            ended.append(attempt)
            tell(attempt)

        try:
            trial = await self._made(slot, keep)
        except ReflexError:
            raise
        except Exception as error:  # noqa: BLE001  hostile input: any kind may come of it
            trial = broken_trial(slot, error, ended)
            tell(trial.attempts[-1])
        return MadeTrial(trial, self._machine)

    async def _made(self, slot: Slot, tell: Callable[[Attempt], None]) -> Trial:
        task, arm = self._tasks[slot.task], self._arms[slot.arm]
        tests, failing = await self._checks.of(task)
        check: Check = tests
        if slot.first_call:
            check = _untested
        job = Job(
            instruction=task.prompt,
            files=task.workspace,
            editable=task.editable,
            failing=failing,
            edit_format=self._scope.edit_format,
            attempts=1 if slot.first_call else self._scope.attempts,
            candidates=self._scope.candidates if arm.local else 1,
            timeout_ms=arm.backend.timeout_ms,
            seed=slot.seed,
        )
        asker = self._askers[slot.arm]
        ask = asker.on_behalf_of(f"{slot.task}, trial {slot.trial + 1}")
        try:
            result = await repair(job, ask, check, on_attempt=tell, most_replies=asker.most_replies)
        finally:
            await asker.settled()
        return Trial(
            task=slot.task,
            arm=slot.arm,
            trial=slot.trial,
            attempts=result.attempts,
            solved=result.solved,
            diff=result.diff,
        )

    async def __aenter__(self) -> Self:
        for asker in self._askers.values():
            self._stack.push_async_callback(asker.aclose)
        await self._stack.enter_async_context(self._checks)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()
