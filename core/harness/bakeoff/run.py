"""Runs a bakeoff: the same repair tasks for both arms, judged, reported, and put on record."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from core.capsule import EventLog
from core.capsule.events import BakeoffStartedEvent
from core.capsule.keys import user_key
from core.clock import Clock, SystemClock
from core.errors import ReflexError
from core.harness.bakeoff.asker import PAUSES_S
from core.harness.bakeoff.bench import Bench
from core.harness.bakeoff.conclusion import Conclusion
from core.harness.bakeoff.executors import Remote, connected
from core.harness.bakeoff.journal import Sealing
from core.harness.bakeoff.orders import terms_of
from core.harness.bakeoff.preparation import prepare
from core.harness.bakeoff.resuming import begun, journal_to_resume, resumed
from core.harness.bakeoff.scope import eval_directory
from core.harness.bakeoff.trials import Run
from core.policy import PolicySnapshot
from core.router.evidence import Evidence

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence
    from pathlib import Path

    from core.harness.bakeoff.bench import Maker
    from core.harness.bakeoff.journal import Journal
    from core.harness.bakeoff.plan import Plan
    from core.harness.bakeoff.preparation import Prepared
    from core.harness.bakeoff.progress import Progress
    from core.settings import Settings


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
    """Run ``plan`` and tell how it goes: ``Started``, then trials and attempts, then ``Finished``.

    Setting ``stop`` ends it at once: trials under way are given up; what is done is reported as
    partial and stays on disk for ``plan.resume``. ``pauses_s`` are the waits before a cloud that
    refused is asked again.

    Raises:
        ConfigError: The plan, or an arm's configuration, cannot be used.
        HarnessError: The suite, the sandbox or a report is at fault.
        ReflexError: An arm is not well at the start.
        BackendError: An arm can no longer be asked; ``Finished`` came before, with what was done.
        CapsuleError: A call could not be put on record; likewise.
    """
    clock, stop = clock or SystemClock(), stop or asyncio.Event()
    key = user_key(directory=key_directory)
    sealing = Sealing(settings.source.root, key)
    policy = PolicySnapshot.capture(settings, clock)
    async with AsyncExitStack() as stack:
        earlier = (
            journal_to_resume(eval_directory(plan, settings), sealing) if plan.resume else None
        )
        if earlier:
            stack.callback(earlier.close)
        pool = await stack.enter_async_context(connected(plan.executor)) if plan.executor else None
        prepared = await prepare(settings, plan, environ=environ, key_directory=key_directory)
        if pool:
            await pool.agree(terms_of(prepared, policy, pauses_s, run_id=""))
        if stop.is_set():
            return
        journal = resumed(earlier, prepared) if earlier else begun(prepared, sealing, clock)
        stack.callback(journal.close)
        log = EventLog(settings.state_dir / "capsule", clock=clock)
        stack.callback(log.close)
        keys = tuple(arm.backend.api_key for arm in prepared.arms.values() if arm.backend.api_key)
        evidence = Evidence(log, policy, journal.beginning.run_id, key=key, secrets=keys)
        await evidence.began(settings)
        await evidence.append(_beginning(prepared, journal, policy))
        conclusion = Conclusion(
            prepared,
            policy=policy,
            journal=journal,
            evidence=evidence,
            log=log,
            key=key,
            clock=clock,
        )
        run = Run(prepared, journal, policy, evidence)
        maker: Maker
        if pool:
            terms = terms_of(prepared, policy, pauses_s, journal.beginning.run_id)
            maker = Remote(pool, terms, plan.concurrency)
        else:
            bench = Bench(prepared, evidence, clock, pauses_s=pauses_s)
            maker = await stack.enter_async_context(bench)
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


def _beginning(prepared: Prepared, journal: Journal, policy: PolicySnapshot) -> BakeoffStartedEvent:
    scope = prepared.scope
    return BakeoffStartedEvent(
        run_id=journal.beginning.run_id,
        policy_hash=policy.policy_hash,
        suite=scope.suite.name,
        suite_hash=scope.suite_hash,
        arms=list(prepared.arms),
        tasks=len(scope.tasks),
        trials=scope.plan.trials,
        seed=journal.beginning.seed,
    )
