"""The trials of a bakeoff, some at a time, each from its prompt to the journal."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from core.harness.bakeoff.arms import changed_server
from core.harness.bakeoff.checker import Checks
from core.harness.bakeoff.conclusion import verdict_over
from core.harness.bakeoff.interleave import interleave
from core.harness.bakeoff.progress import AttemptEnded, Progress, Started, TrialEnded, TrialStarted
from core.harness.gate.trial import Trial
from core.harness.patchloop.loop import Job, repair

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.harness.bakeoff.asker import Asker
    from core.harness.bakeoff.interleave import Slot
    from core.harness.bakeoff.journal import Journal
    from core.harness.bakeoff.preparation import Prepared
    from core.harness.gate.judge import GateResult
    from core.harness.gate.trial import Attempt
    from core.policy import PolicySnapshot

INTERRUPTED = "interrupted"
_LOOK_AT_SERVERS_S = 15.0


class Run:
    """The trials of one run, ``concurrency`` at a time; ``events`` ends with None."""

    def __init__(
        self,
        prepared: Prepared,
        journal: Journal,
        policy: PolicySnapshot,
        askers: Mapping[str, Asker],
    ) -> None:
        self.events: asyncio.Queue[Progress | None] = asyncio.Queue()
        self._prepared = prepared
        self._scope = prepared.scope
        self._journal = journal
        self._policy = policy
        self._askers = askers
        self._asked = [prepared.arms[name] for name in prepared.asked]
        self._tasks = {task.id: task for task in prepared.scope.tasks}
        taken = {_slot_of(one) for one in prepared.reused_trials}
        slots = [
            slot
            for slot in interleave(
                list(self._tasks),
                list(prepared.arms),
                prepared.scope.plan.trials,
                journal.beginning.seed,
            )
            if (slot.task, slot.arm, slot.trial) not in taken
        ]
        done = set(map(_slot_of, journal.trials))
        self._total = len(slots)
        self._slots = deque(one for one in slots if (one.task, one.arm, one.trial) not in done)

    def started(self) -> Started:
        """The run's first event."""
        beginning = self._journal.beginning
        return Started(
            run_id=beginning.run_id,
            suite=self._scope.suite.name,
            tasks=tuple(self._tasks),
            arms=tuple(self._prepared.arms),
            trials=self._scope.plan.trials,
            seed=beginning.seed,
            total=self._total,
            done=len(self._journal.trials),
        )

    async def work(self, stop: asyncio.Event) -> str:
        """Go on until all is done; returns why it ended before that, or nothing.

        Raises:
            ReflexError: The run cannot go on.
        """
        try:
            async with AsyncExitStack() as stack:
                for asker in self._askers.values():
                    stack.push_async_callback(asker.aclose)
                sandbox = self._prepared.self_test.sandbox()
                checks = await stack.enter_async_context(Checks(sandbox))
                return await self._until_done(checks, stop)
        finally:
            self.events.put_nowait(None)

    async def _until_done(self, checks: Checks, stop: asyncio.Event) -> str:
        number = min(self._scope.plan.concurrency, len(self._slots))
        workers = {asyncio.create_task(self._worker(checks)) for _ in range(number)}
        stopping = asyncio.create_task(stop.wait())
        looking = asyncio.create_task(self._until_server_changes())
        try:
            pending = set(workers)
            while pending:
                done, _ = await asyncio.wait(
                    {*pending, stopping, looking}, return_when=asyncio.FIRST_COMPLETED
                )
                for task in done & pending:
                    task.result()
                pending -= done
                if pending and stopping in done:
                    return INTERRUPTED
                if looking in done:
                    return looking.result()
            return await changed_server(self._asked) or ""
        finally:
            for task in (*workers, stopping, looking):
                task.cancel()
            await asyncio.gather(*workers, stopping, looking, return_exceptions=True)

    async def _until_server_changes(self) -> str:
        while True:
            await asyncio.sleep(_LOOK_AT_SERVERS_S)
            if changed := await changed_server(self._asked):
                return changed

    async def _worker(self, checks: Checks) -> None:
        while self._slots:
            await self._trial(self._slots.popleft(), checks)

    async def _trial(self, slot: Slot, checks: Checks) -> None:
        """One arm's go at one task, from the prompt to the journal."""
        task, arm = self._tasks[slot.task], self._prepared.arms[slot.arm]
        self.events.put_nowait(TrialStarted(slot.task, slot.arm, slot.trial))
        check, failing = await checks.of(task)

        def tell(attempt: Attempt) -> None:
            self.events.put_nowait(AttemptEnded(slot.task, slot.arm, slot.trial, attempt))

        job = Job(
            instruction=task.prompt,
            files=task.workspace,
            editable=task.editable,
            failing=failing,
            edit_format=self._scope.edit_format,
            attempts=self._scope.attempts,
            candidates=self._scope.candidates if arm.local else 1,
            timeout_ms=arm.backend.timeout_ms,
            seed=slot.seed,
        )
        ask = self._askers[slot.arm].on_behalf_of(f"{slot.task}, trial {slot.trial + 1}")
        result = await repair(job, ask, check, on_attempt=tell)
        trial = Trial(
            task=slot.task,
            arm=slot.arm,
            trial=slot.trial,
            attempts=result.attempts,
            solved=result.solved,
            diff=result.diff,
        )
        self._journal.add(trial)
        done = len(self._journal.trials)
        self.events.put_nowait(TrialEnded(trial, done, self._total, self._verdict_now(trial)))

    def _verdict_now(self, newest: Trial) -> GateResult | None:
        """The gate so far; None until the task's other arm is through as well."""
        trials = [*self._journal.trials, *self._prepared.reused_trials]
        pair = [one for one in trials if (one.task, one.trial) == (newest.task, newest.trial)]
        if len(pair) < len(self._prepared.arms):
            return None
        return verdict_over(trials, self._prepared, self._policy)


def _slot_of(trial: Trial) -> tuple[str, str, int]:
    return trial.task, trial.arm, trial.trial
