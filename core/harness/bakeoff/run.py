"""Runs a bakeoff: the same repair tasks for both arms, judged, reported and recorded.

``run_bakeoff`` prepares, runs ``TrialRunner`` and concludes; each finished trial goes to the
journal at once, so that an interrupted run can be resumed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from core.capsule import EventLog
from core.capsule.events import BakeoffStartedEvent
from core.capsule.keys import user_key
from core.clock import Clock, SystemClock
from core.errors import ReflexError
from core.harness.bakeoff.arms import changed_server
from core.harness.bakeoff.asker import PAUSES_S
from core.harness.bakeoff.conclusion import Conclusion, verdict_over
from core.harness.bakeoff.executors import RemoteTrials, connected
from core.harness.bakeoff.journal import JournalSeal, journal_to_resume, new_journal, resumed
from core.harness.bakeoff.local import LocalTrials
from core.harness.bakeoff.orders import worker_settings
from core.harness.bakeoff.plan import eval_directory, interleave
from core.harness.bakeoff.preparation import prepare
from core.harness.bakeoff.progress import AttemptEnded, Progress, Started, TrialEnded, TrialStarted
from core.router.evidence import Evidence
from core.settings.policy import PolicySnapshot

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence
    from pathlib import Path

    from core.harness.bakeoff.journal import Journal
    from core.harness.bakeoff.local import TrialMaker
    from core.harness.bakeoff.plan import Plan, Slot
    from core.harness.bakeoff.preparation import PreparedRun
    from core.harness.gate.judge import GateResult
    from core.patchloop.trial import Attempt, Trial
    from core.settings import Settings


INTERRUPTED = "interrupted"
_CHECK_SERVERS_S = 15.0


class TrialRunner:
    """The trials of one run, as many at a time as the maker takes; ``events`` ends with None.

    ``server_changed`` says in words which arm's server became another while it ran, if one did.
    """

    def __init__(
        self,
        prepared: PreparedRun,
        journal: Journal,
        policy: PolicySnapshot,
        evidence: Evidence,
    ) -> None:
        self.events: asyncio.Queue[Progress | None] = asyncio.Queue()
        self.server_changed = ""
        self._prepared = prepared
        self._scope = prepared.scope
        self._journal = journal
        self._policy = policy
        self._evidence = evidence
        self._asked = [prepared.arms[name] for name in prepared.asked]
        self._tasks = {task.id: task for task in prepared.scope.tasks}
        taken = {_slot_of(one) for one in prepared.reused_trials}
        slots = [
            slot
            for slot in interleave(
                list(self._tasks),
                list(prepared.arms),
                prepared.scope.plan.trials,
                journal.header.seed,
            )
            if (slot.task, slot.arm, slot.trial) not in taken
        ]
        done = set(map(_slot_of, journal.trials))
        self._total = len(slots)
        self._slots = deque(one for one in slots if (one.task, one.arm, one.trial) not in done)

    def started(self) -> Started:
        """The run's first event."""
        header = self._journal.header
        return Started(
            run_id=header.run_id,
            suite=self._scope.suite.name,
            tasks=tuple(self._tasks),
            arms=tuple(self._prepared.arms),
            trials=self._scope.plan.trials,
            seed=header.seed,
            total=self._total,
            done=len(self._journal.trials),
            kept=(*self._journal.trials, *self._prepared.reused_trials),
            left_out=self._scope.unusable,
            notices=self._prepared.notices,
        )

    async def work(self, maker: TrialMaker, stop: asyncio.Event) -> str:
        """Work until all is done; returns why it ended early, or nothing.

        Raises:
            ReflexError: The run cannot go on.
        """
        try:
            return await self._until_done(maker, stop)
        finally:
            self.events.put_nowait(None)

    async def _until_done(self, maker: TrialMaker, stop: asyncio.Event) -> str:
        number = min(maker.at_once, len(self._slots))
        workers = {asyncio.create_task(self._worker(maker)) for _ in range(number)}
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
                    self.server_changed = looking.result()
                    return self.server_changed
            self.server_changed = await changed_server(self._asked) or ""
            return self.server_changed
        finally:
            for task in (*workers, stopping, looking):
                task.cancel()
            await asyncio.gather(*workers, stopping, looking, return_exceptions=True)

    async def _until_server_changes(self) -> str:
        while True:
            await asyncio.sleep(_CHECK_SERVERS_S)
            if changed := await changed_server(self._asked):
                return changed

    async def _worker(self, maker: TrialMaker) -> None:
        while self._slots:
            await self._trial(self._slots.popleft(), maker)

    async def _trial(self, slot: Slot, maker: TrialMaker) -> None:
        """One trial, from its start to the journal."""
        self.events.put_nowait(TrialStarted(slot.task, slot.arm, slot.trial))

        def tell(attempt: Attempt) -> None:
            self.events.put_nowait(AttemptEnded(slot.task, slot.arm, slot.trial, attempt))

        made = await maker.make(slot, tell)
        for event in made.events:
            await self._evidence.append(event)
        self._journal.add(made.trial, made.machine)
        trial = made.trial
        done = len(self._journal.trials)
        self.events.put_nowait(TrialEnded(trial, done, self._total, self._verdict_now(trial)))

    def _verdict_now(self, newest: Trial) -> GateResult | None:
        """The gate so far; None until the other arm has finished the same trial."""
        trials = [*self._journal.trials, *self._prepared.reused_trials]
        pair = [one for one in trials if (one.task, one.trial) == (newest.task, newest.trial)]
        if len(pair) < len(self._prepared.arms):
            return None
        return verdict_over(trials, self._prepared, self._policy)


def _slot_of(trial: Trial) -> tuple[str, str, int]:
    return trial.task, trial.arm, trial.trial


async def run_bakeoff(
    settings: Settings,
    plan: Plan,
    *,
    stop: asyncio.Event | None = None,
    clock: Clock | None = None,
    environ: Mapping[str, str] | None = None,
    key_directory: Path | None = None,
    pauses_s: Sequence[float] = PAUSES_S,
) -> AsyncGenerator[Progress, None]:
    """Run ``plan`` and yield its progress: ``Started``, trials and attempts, then ``Finished``.

    Setting ``stop`` ends it at once: running trials are cancelled; finished ones are reported as
    partial and stay on disk for ``plan.resume``. ``pauses_s`` are the waits before a cloud that
    refused is asked again.

    Raises:
        ConfigError: The plan, or an arm's configuration, cannot be used.
        HarnessError: The suite, the sandbox or a report is at fault.
        ReflexError: An arm is unhealthy at the start.
        BackendError: An arm can no longer be asked; ``Finished`` came before, with what was done.
        CapsuleError: A call could not be put on record; likewise.
    """
    clock, stop = clock or SystemClock(), stop or asyncio.Event()
    key = user_key(directory=key_directory)
    sealing = JournalSeal(settings.source.root, key)
    policy = PolicySnapshot.capture(settings, clock)
    async with AsyncExitStack() as stack:
        earlier = (
            journal_to_resume(eval_directory(plan, settings), sealing) if plan.resume else None
        )
        if earlier:
            stack.callback(earlier.close)
        pool = await stack.enter_async_context(connected(plan.executor)) if plan.executor else None
        prepared = await prepare(
            settings, plan, clock=clock, environ=environ, key_directory=key_directory
        )
        if pool:
            await pool.agree(worker_settings(prepared, policy, pauses_s, run_id=""))
        if stop.is_set():
            return
        journal = resumed(earlier, prepared) if earlier else new_journal(prepared, sealing, clock)
        stack.callback(journal.close)
        log = EventLog(settings.state_dir / "capsule", clock=clock)
        stack.callback(log.close)
        keys = tuple(arm.backend.api_key for arm in prepared.arms.values() if arm.backend.api_key)
        evidence = Evidence(log, policy, journal.header.run_id, key=key, secrets=keys)
        await evidence.record_policy(settings)
        await evidence.append(_started(prepared, journal, policy))
        conclusion = Conclusion(
            prepared,
            policy=policy,
            journal=journal,
            evidence=evidence,
            log=log,
            key_directory=key_directory,
            clock=clock,
        )
        run = TrialRunner(prepared, journal, policy, evidence)
        maker: TrialMaker
        if pool:
            terms = worker_settings(prepared, policy, pauses_s, journal.header.run_id)
            maker = RemoteTrials(pool, terms, plan.concurrency)
        else:
            trials = LocalTrials(prepared, evidence, clock, pauses_s=pauses_s)
            maker = await stack.enter_async_context(trials)
        yield run.started()
        working = asyncio.create_task(run.work(maker, stop))
        failure: ReflexError | None = None
        try:
            while (event := await run.events.get()) is not None:
                yield event
            stopped = await working
        except ReflexError as error:
            failure, stopped = error, error.message
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
        yield await conclusion.draw(stopped, server_changed=bool(run.server_changed))
        if failure:
            raise failure


def _started(
    prepared: PreparedRun, journal: Journal, policy: PolicySnapshot
) -> BakeoffStartedEvent:
    scope = prepared.scope
    return BakeoffStartedEvent(
        run_id=journal.header.run_id,
        policy_hash=policy.policy_hash,
        suite=scope.suite.name,
        suite_hash=scope.suite_hash,
        arms=list(prepared.arms),
        tasks=len(scope.tasks),
        trials=scope.plan.trials,
        seed=journal.header.seed,
    )
