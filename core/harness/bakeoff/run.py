"""Runs a bakeoff: the same repair tasks for both arms, judged, reported and recorded.

``run_bakeoff`` prepares, runs ``TrialRunner`` and concludes; each finished trial goes to the
journal at once, so that an interrupted run can be resumed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING
from uuid import uuid4

from core.capsule import EventLog
from core.capsule.events import BakeoffStartedEvent
from core.capsule.keys import user_key
from core.clock import Clock, SystemClock
from core.errors import ReflexError
from core.harness.bakeoff.arms import changed_server
from core.harness.bakeoff.asker import PAUSES_S
from core.harness.bakeoff.conclusion import Conclusion, verdict_over
from core.harness.bakeoff.counting import (
    EarlierRuns,
    earlier_runs,
    fingerprint,
    planned,
    sealed_event,
)
from core.harness.bakeoff.executors import RemoteTrials, connected
from core.harness.bakeoff.further import latency_limit, unconfirmed
from core.harness.bakeoff.in_process import LocalTrials
from core.harness.bakeoff.journal import (
    JournalSeal,
    journal_to_resume,
    new_journal,
    new_seed,
    resumed,
)
from core.harness.bakeoff.orders import worker_settings
from core.harness.bakeoff.plan import Slot, eval_directory, slot_seed, stages
from core.harness.bakeoff.preparation import prepare
from core.harness.bakeoff.progress import (
    AttemptEnded,
    LatencyCall,
    LookTaken,
    Progress,
    Started,
    TrialEnded,
    TrialStarted,
)
from core.harness.gate.golden import TRIALS as GOLDEN_TRIALS
from core.router.evidence import Evidence
from core.settings.policy import PolicySnapshot

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from core.harness.bakeoff.in_process import TrialMaker
    from core.harness.bakeoff.journal import Journal
    from core.harness.bakeoff.plan import Plan
    from core.harness.bakeoff.preparation import PreparedRun
    from core.harness.gate.judge import GateResult
    from core.harness.gate.looks import GatePlan
    from core.patchloop.trial import Attempt, Trial
    from core.settings import Settings


INTERRUPTED = "interrupted"
_CHECK_SERVERS_S = 15.0


class TrialRunner:
    """The trials of one run, as many at a time as the maker takes; ``events`` ends with None.

    It works through its stages: for each planned look reflex's trials, then the cloud's. When a
    look has decided, what is left is not run, except what a pass still needs: golden tasks, and
    calls for latency. ``decided`` says that this happened, ``server_changed`` in words which arm's
    server became another while it ran, if one did.
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
        self.decided = False
        self._prepared = prepared
        self._scope = prepared.scope
        self._journal = journal
        self._policy = policy
        self._evidence = evidence
        self._asked = [prepared.arms[name] for name in prepared.asked]
        self._slots: deque[Slot] = deque()
        self._looks_told = self._latency_most = 0
        self._total = sum(map(len, self._stages())) + len(journal.trials)
        self._done_before = len(journal.trials)

    def started(self) -> Started:
        """The run's first event."""
        header = self._journal.header
        taken = self._verdict().looks
        self._looks_told = len(taken)
        return Started(
            run_id=header.run_id,
            suite=self._scope.suite.name,
            tasks=tuple(task.id for task in self._scope.tasks),
            arms=tuple(self._prepared.arms),
            trials=self._scope.plan.trials,
            seed=header.seed,
            total=self._total,
            done=self._done_before,
            kept=(*self._journal.trials, *self._prepared.reused_trials),
            left_out=self._scope.unusable,
            notices=self._prepared.notices,
            looks=header.plan.looks,
            taken=taken,
            run=header.plan.run if header.plan.fingerprint else 0,
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
        working = asyncio.create_task(self._all(maker))
        stopping = asyncio.create_task(stop.wait())
        looking = asyncio.create_task(self._until_server_changes())
        try:
            done, _ = await asyncio.wait(
                {working, stopping, looking}, return_when=asyncio.FIRST_COMPLETED
            )
            if working in done:
                working.result()
            elif stopping in done:
                return INTERRUPTED
            if looking in done:
                self.server_changed = looking.result()
            else:
                self.server_changed = await changed_server(self._asked) or ""
            return self.server_changed
        finally:
            for task in (working, stopping, looking):
                task.cancel()
            await asyncio.gather(working, stopping, looking, return_exceptions=True)

    async def _until_server_changes(self) -> str:
        while True:
            await asyncio.sleep(_CHECK_SERVERS_S)
            if changed := await changed_server(self._asked):
                return changed

    async def _all(self, maker: TrialMaker) -> None:
        for slots in self._stages():
            if self._look():
                break
            await self._stage(slots, maker)
        else:
            self._look()
        if self._verdict().criteria[1].misses:
            return
        for slots in self._golden_stages():
            await self._stage(slots, maker)
        await self._latency(maker)

    def _stages(self) -> list[list[Slot]]:
        """What is still to be run, stage by stage."""
        header = self._journal.header
        had = self._had()
        return [
            [slot for slot in slots if (slot.task, slot.arm, slot.trial) not in had]
            for slots in stages(header.plan, list(self._prepared.arms), header.seed)
        ]

    def _had(self) -> set[tuple[str, str, int]]:
        return set(map(_slot_of, (*self._journal.trials, *self._prepared.reused_trials)))

    def _look(self) -> bool:
        """Tell the looks that can newly be taken; whether they end the run."""
        looks = self._verdict().looks
        ends = bool(looks) and looks[-1].outcome != "open" and self._scope.stops_early
        planned = self._journal.header.plan.looks
        for number, look in enumerate(looks[self._looks_told :], self._looks_told + 1):
            last = number == len(looks)
            self.events.put_nowait(LookTaken(number, len(planned), look, ends and last))
        self._looks_told = len(looks)
        self.decided = self.decided or ends
        return ends

    def _golden_stages(self) -> Iterator[list[Slot]]:
        """Golden tasks that an early end left out, then a second trial of what reflex lost."""
        golden, plan = self._scope.golden, self._journal.header.plan
        if not golden or self._scope.plan.aa:
            return
        for trial in range(plan.trials):
            yield self._of_both(golden, trial)
        if plan.trials < GOLDEN_TRIALS:
            yield self._of_both(unconfirmed(golden, self._trials(), self._prepared), plan.trials)

    def _of_both(self, tasks: Sequence[str], trial: int) -> list[Slot]:
        seed, had = self._journal.header.seed, self._had()
        return [
            Slot(task, arm, trial, slot_seed(seed, task, trial))
            for arm in self._prepared.arms
            for task in tasks
            if (task, arm, trial) not in had
        ]

    async def _latency(self, maker: TrialMaker) -> None:
        """First calls of the candidate alone, while they can still decide on its latency."""
        most = latency_limit(self._prepared, self._verdict())
        candidate, plan = self._prepared.candidate.name, self._journal.header.plan
        asked = {one.task for one in self._journal.trials if one.arm == candidate}
        # A prompt that the server has seen is answered faster, so new ones come first.
        order = sorted(plan.order, key=lambda task: task in asked)
        while True:
            made = len(self._journal.latency_calls)
            own = [one for one in self._journal.trials if one.arm == candidate and one.attempts]
            left = most - len(own) - made
            if left <= 0 or not order or latency_limit(self._prepared, self._verdict()) == 0:
                return
            batch = range(made, made + min(left, maker.at_once))
            seed = self._journal.header.seed
            slots = [
                Slot(
                    order[number % len(order)],
                    candidate,
                    plan.trials + number // len(order),
                    slot_seed(seed, order[number % len(order)], plan.trials + number),
                    first_call=True,
                )
                for number in batch
            ]
            self._latency_most = most
            await self._stage(slots, maker)

    async def _stage(self, slots: Sequence[Slot], maker: TrialMaker) -> None:
        """Make these trials, as many in parallel as the maker takes."""
        self._slots = deque(slots)
        number = min(maker.at_once, len(slots))
        workers = [asyncio.create_task(self._worker(maker)) for _ in range(number)]
        try:
            await asyncio.gather(*workers)
        finally:
            for task in workers:
                task.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def _worker(self, maker: TrialMaker) -> None:
        while self._slots:
            await self._trial(self._slots.popleft(), maker)

    async def _trial(self, slot: Slot, maker: TrialMaker) -> None:
        """One trial, from its start to the journal."""
        quiet = slot.first_call
        if not quiet:
            self.events.put_nowait(TrialStarted(slot.task, slot.arm, slot.trial))

        def tell(attempt: Attempt) -> None:
            if not quiet:
                self.events.put_nowait(AttemptEnded(slot.task, slot.arm, slot.trial, attempt))

        made = await maker.make(slot, tell)
        for event in made.events:
            await self._evidence.append(event)
        self._journal.add(made.trial, made.machine, first_call=quiet)
        self.events.put_nowait(self._latency_told() if quiet else self._ended(made.trial))

    def _ended(self, trial: Trial) -> TrialEnded:
        done = len(self._journal.trials)
        self._total = max(self._total, done)
        return TrialEnded(trial, done, self._total, self._verdict_now(trial))

    def _latency_told(self) -> LatencyCall:
        candidate = self._prepared.candidate.name
        own = [one for one in self._journal.trials if one.arm == candidate]
        firsts = [one for one in (*own, *self._journal.latency_calls) if one.attempts]
        limit = self._policy.reflex.thresholds.p95_latency_ms
        slow = sum(1 for one in firsts if one.attempts[0].answered_ms >= limit)
        return LatencyCall(len(firsts), self._latency_most, slow)

    def _trials(self) -> list[Trial]:
        return [*self._journal.trials, *self._prepared.reused_trials]

    def _verdict(self) -> GateResult:
        return verdict_over(
            self._trials(),
            self._prepared,
            self._policy,
            plan=self._journal.header.plan,
            latency_calls=self._journal.latency_calls,
        )

    def _verdict_now(self, newest: Trial) -> GateResult | None:
        """The gate so far; None until the other arm has finished the same trial."""
        pair = [
            one for one in self._trials() if (one.task, one.trial) == (newest.task, newest.trial)
        ]
        return None if len(pair) < len(self._prepared.arms) else self._verdict()


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
        log = EventLog(settings.state_dir / "capsule", clock=clock)
        stack.callback(log.close)
        if earlier:
            resumed(earlier, prepared)
        run_id = earlier.header.run_id if earlier else uuid4().hex
        seed = earlier.header.seed if earlier else new_seed(prepared)
        keys = tuple(arm.backend.api_key for arm in prepared.arms.values() if arm.backend.api_key)
        evidence = Evidence(log, policy, run_id, key=key, secrets=keys)
        await evidence.record_policy(settings)
        judged_by, before = await _begun(
            prepared, evidence, log, run_id=run_id, seed=seed, key=key, now=clock.now()
        )
        journal = earlier or new_journal(
            prepared, sealing, clock, run_id=run_id, seed=seed, plan=judged_by
        )
        stack.callback(journal.close)
        conclusion = Conclusion(
            prepared,
            policy=policy,
            journal=journal,
            evidence=evidence,
            log=log,
            key_directory=key_directory,
            clock=clock,
            pass_holds=before.pass_holds,
        )
        run = TrialRunner(prepared, journal, policy, evidence)
        trials = LocalTrials(prepared, evidence, clock, pauses_s=pauses_s)
        terms = worker_settings(prepared, policy, pauses_s, run_id)
        maker: TrialMaker = (
            RemoteTrials(pool, terms, plan.concurrency)
            if pool
            else await stack.enter_async_context(trials)
        )
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
        yield await conclusion.draw(
            stopped, server_changed=bool(run.server_changed), decided=run.decided
        )
        if failure:
            raise failure


async def _begun(
    prepared: PreparedRun,
    evidence: Evidence,
    log: EventLog,
    *,
    run_id: str,
    seed: int,
    key: bytes,
    now: datetime,
) -> tuple[GatePlan, EarlierRuns]:
    """Put the run on record; returns how it is judged, and what was before it.

    First on record, then counted: of two that start at once only one finds itself the first.
    """
    scope = prepared.scope
    root = scope.settings.source.root
    counted_by = fingerprint(prepared)
    started = BakeoffStartedEvent(
        run_id=run_id,
        policy_hash=evidence.policy_hash,
        suite=scope.suite.name,
        suite_hash=scope.suite_hash,
        arms=list(prepared.arms),
        tasks=len(scope.tasks),
        trials=scope.plan.trials,
        seed=seed,
        fingerprint=counted_by,
    )
    await evidence.append(sealed_event(started, root, key))
    before = await asyncio.to_thread(
        earlier_runs,
        log,
        counted_by,
        run_id,
        workspace=root,
        key=key,
        now=now,
        max_age_days=scope.settings.reflex.thresholds.max_age_days,
    )
    return planned(prepared, seed, counted_by, before), before
