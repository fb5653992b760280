"""A worker's side of a bakeoff: makes the trials it is sent, in a process of its own.

A call's decision is durable in a capsule on the worker's own disk before the call leaves, and
travels back with the trial.
"""

from __future__ import annotations

import asyncio
import json
import platform
import threading
from contextlib import AsyncExitStack
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Self

from core.capsule import EventLog
from core.capsule.keys import user_key
from core.clock import SystemClock
from core.errors import ReflexError, WorkerError
from core.harness.bakeoff.arms import changed_server, choose_arms
from core.harness.bakeoff.conclusion import environment
from core.harness.bakeoff.in_process import LocalTrials
from core.harness.bakeoff.orders import Order, Refusal, WorkerAnswer, trial_conditions
from core.harness.bakeoff.plan import Scope
from core.harness.bakeoff.preparation import check_arms
from core.plain import plain
from core.router.evidence import Evidence
from core.settings.policy import PolicySnapshot
from core.userdirs import user_dir

if TYPE_CHECKING:
    from pathlib import Path

    from core.capsule.events import Event
    from core.harness.bakeoff.in_process import MadeTrial
    from core.harness.bakeoff.orders import WorkerSettings
    from core.harness.bakeoff.preparation import PreparedRun
    from core.router.evidence import Recording

IDLE_S = 60.0
_CHECK_SERVERS_S = 15.0
_events_of_trial: ContextVar[list[Event]] = ContextVar("events")


def answer(order: str) -> str:
    """Carry out an ``Order``, both given and answered in JSON; a failure is an answer too."""
    return asyncio.run_coroutine_threadsafe(_answered(order), _loop()).result()


def workspace(run_id: str) -> Path:
    """Where this user's workers keep the evidence of a run."""
    return user_dir("state") / "workers" / run_id


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """A loop that lives as long as the process, so that connections and checks are kept."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="reflex-bakeoff", daemon=True).start()
    return loop


async def _answered(text: str) -> str:
    machine, host = environment(), plain(platform.node(), 80)
    try:
        _check_version(json.loads(text)["terms"]["version"], machine.reflex_version)
        order = Order.model_validate_json(text)
        made = await _carried_out(order)
    except ReflexError as error:
        refusal = Refusal(
            message=plain(error.message, 1000),
            remedy=plain(error.remedy, 1000),
            usage=error.exit_code != ReflexError.exit_code,
        )
        return WorkerAnswer(host=host, machine=machine, refusal=refusal).model_dump_json()
    return WorkerAnswer(
        host=host,
        machine=machine,
        trial=made.trial.as_json() if made else None,
        events=tuple(event.body() for event in made.events) if made else (),
    ).model_dump_json()


def _check_version(theirs: object, own: str) -> None:
    if theirs != own:
        raise WorkerError(
            f"it has version {own} of this package, not {plain(theirs, 40)}",
            remedy=f"Install speckit-reflex=={plain(theirs, 40)} for every worker, and restart it.",
        )


async def _carried_out(order: Order) -> MadeTrial | None:
    if order.slot is None:
        await _agreed(order.terms)
        return None
    events: list[Event] = []
    _events_of_trial.set(events)
    async with await _SetUp.at(order.terms) as set_up:
        made = await set_up.trials.make(order.slot, lambda _: None)
        await set_up.check_servers()
    return replace(made, events=events)


async def _agreed(terms: WorkerSettings) -> PreparedRun:
    """The run as this machine would make it, which must be the same as ordered.

    Raises:
        WorkerError: It would be another.
        ReflexError: Nothing can be run here: no suite, sandbox, key, trust or server.
    """
    settings, plan = terms.settings(workspace(terms.run_id)), terms.planned()
    scope = Scope.of(plan, settings)
    arms = choose_arms(settings, plan.arms, aa=plan.aa)
    prepared = await check_arms(scope, arms, terms.asked)
    here, there = trial_conditions(prepared), terms.about
    different = [name for name in there if here.get(name) != there[name]]
    if different:
        raise WorkerError(
            f"it would make other trials: other {', '.join(map(_in_words, different))}",
            remedy="Every worker needs the same suite at the same path, the same sandbox, and the "
            "same model behind each endpoint.",
        )
    return prepared


def _in_words(name: str) -> str:
    return {"arms": "server behind an arm"}.get(name, name.replace("_", " "))


class _SentBack(Evidence):
    """Evidence that is also sent back with the running trial."""

    async def append(self, event: Event) -> None:
        await super().append(event)
        _events_of_trial.get().append(event)

    def _begin(self, event: Event) -> Recording:
        _events_of_trial.get().append(event)
        return super()._begin(event)


@dataclass
class _SetUp:
    """A run's set-up in this process; it is closed after a while without an order."""

    prepared: PreparedRun
    trials: LocalTrials
    stack: AsyncExitStack
    busy: int = 0
    servers_checked_s: float = 0.0
    leaving: asyncio.Task[None] | None = field(default=None, repr=False)

    @classmethod
    async def at(cls, terms: WorkerSettings) -> _SetUp:
        """The run's set-up, made for its first order."""
        key = terms.model_dump_json()
        if key not in _set_ups:
            _set_ups[key] = asyncio.create_task(cls._make(terms))
        try:
            return await asyncio.shield(_set_ups[key])
        except ReflexError:
            _set_ups.pop(key, None)  # what was wrong may be fixed before the next trial
            raise

    @classmethod
    async def _make(cls, terms: WorkerSettings) -> _SetUp:
        prepared, clock = await _agreed(terms), SystemClock()
        settings = prepared.scope.settings
        policy = PolicySnapshot.capture(settings, clock)
        async with AsyncExitStack() as stack:
            log = EventLog(settings.state_dir / "capsule", clock=clock)
            stack.callback(log.close)
            secrets = tuple(arm.backend.api_key for arm in prepared.arms.values())
            evidence = _SentBack(
                log, policy, terms.run_id, key=user_key(), secrets=tuple(filter(None, secrets))
            )
            trials = LocalTrials(prepared, evidence, clock, pauses_s=terms.pauses_s)
            await stack.enter_async_context(trials)
            return cls(prepared, trials, stack.pop_all(), servers_checked_s=clock.monotonic())
        raise AssertionError("an exit stack swallows nothing")

    async def check_servers(self) -> None:
        """Every 15 s at most: whether the same model still answers.

        Raises:
            WorkerError: Another one does.
        """
        now = SystemClock().monotonic()
        if now - self.servers_checked_s > _CHECK_SERVERS_S:
            self.servers_checked_s = now
            asked = [self.prepared.arms[name] for name in self.prepared.asked]
            if changed := await changed_server(asked):
                raise WorkerError(changed)

    async def __aenter__(self) -> Self:
        self.busy += 1
        if self.leaving:
            self.leaving.cancel()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.busy -= 1
        if not self.busy:
            self.leaving = asyncio.create_task(self._leave())

    async def _leave(self) -> None:
        await asyncio.sleep(IDLE_S)
        for key in [key for key, task in _set_ups.items() if task.done() and task.result() is self]:
            del _set_ups[key]
        await self.stack.aclose()


_set_ups: dict[str, asyncio.Task[Any]] = {}
