"""Other processes that make a bakeoff's trials, reached through ``concurrent.futures``."""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from core.capsule.events import LLMCallEvent, RoutingDecisionEvent
from core.errors import ConfigError, ReflexError, ReportError, WorkerError
from core.extras import how_to_install
from core.harness.bakeoff import worker
from core.harness.bakeoff.asker import ORIGIN
from core.harness.bakeoff.conclusion import environment
from core.harness.bakeoff.in_process import MadeTrial, broken_trial
from core.harness.bakeoff.orders import Order, WorkerAnswer
from core.harness.bounded_json import refuse_excess
from core.patchloop.trial import Trial
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from concurrent.futures import Executor

    from distributed import Client

    from core.capsule.events import Event
    from core.harness.bakeoff.orders import WorkerSettings
    from core.harness.bakeoff.plan import Slot
    from core.patchloop.trial import Attempt

_ADDRESS = re.compile(r"dask://((?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5})")
_CONNECT_S = 10
_MOST_CHARACTERS = 16 << 20
_KINDS: Mapping[str, type[RoutingDecisionEvent | LLMCallEvent]] = {
    kind.event_type: kind for kind in (RoutingDecisionEvent, LLMCallEvent)
}


def address_of(executor: str) -> str:
    """The scheduler's address behind ``dask://HOST:PORT``.

    Raises:
        ConfigError: It is written otherwise.
    """
    found = _ADDRESS.fullmatch(executor)
    if not found:
        raise ConfigError(
            f"{plain(executor, 200)!r} is no executor that is known",
            remedy="Write dask://HOST:PORT, the address of a Dask scheduler.",
        )
    return f"tcp://{found[1]}"


@asynccontextmanager
async def connected(executor: str) -> AsyncIterator[WorkerPool]:
    """The workers of the scheduler at ``executor``; what they have not begun ends with this.

    Raises:
        ConfigError: There is no such scheduler, it has no worker, or the extra is not installed.
    """
    address = address_of(executor)
    client = await asyncio.to_thread(_connect, address)
    try:
        workers = tuple(sorted(client.nthreads()))
        if not workers:
            raise ConfigError(
                f"the Dask scheduler at {address} has no worker",
                remedy=f"Start some: dask worker {address} --nthreads 1",
            )
        yield WorkerPool(client, workers)
    finally:
        await asyncio.to_thread(client.close)


def _connect(address: str) -> Client:
    try:
        from distributed import Client  # an extra, and half a second
    except ImportError:
        raise ConfigError("there is no Dask here", remedy=how_to_install("dask")) from None
    try:
        return Client(address, timeout=_CONNECT_S, set_as_default=False, name="reflex-bakeoff")
    except (OSError, TimeoutError) as error:
        raise ConfigError(
            f"no Dask scheduler answers at {address}: {plain(error, 200)}",
            remedy="Start one: dask scheduler --host 127.0.0.1 --port 8786",
        ) from None


class WorkerPool:
    """Workers of a Dask cluster, by their addresses."""

    def __init__(self, client: Client, workers: tuple[str, ...]) -> None:
        self.workers = workers
        self._client = client
        # Two trials of a task have equal arguments, and no cache may make one of them.
        self._anyone: Executor = client.get_executor(pure=False)

    async def agree(self, terms: WorkerSettings) -> None:
        """Let every worker say that it would make the same trials.

        Raises:
            WorkerError: One would not, or has another version of this package.
            ReflexError: One cannot run anything.
        """
        one_each = [
            self._client.get_executor(pure=False, workers=[address]) for address in self.workers
        ]
        try:
            await asyncio.gather(*(self._asked(Order(terms=terms), each) for each in one_each))
        except ValueError as error:
            raise WorkerError(
                f"a worker's answer cannot be read: {plain(error, 300)}",
                remedy="Each needs this version of speckit-reflex.",
            ) from None

    async def ask(self, order: Order) -> WorkerAnswer:
        """Let any worker carry out the order; cancelled, it is taken back if not begun.

        Raises:
            ReflexError: It could not.
        """
        return await self._asked(order, self._anyone)

    async def _asked(self, order: Order, executor: Executor) -> WorkerAnswer:
        future = executor.submit(worker.answer, order.model_dump_json())
        try:
            said: Any = await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            this = asyncio.current_task()
            if this and this.cancelling():
                raise
            raise WorkerError(
                "the Dask scheduler gave up a trial", remedy="Look at its log; then --resume."
            ) from None
        except Exception as error:
            raise WorkerError(
                f"a worker could not make a trial: {type(error).__name__}: {plain(error, 500)}",
                remedy="Each needs this version of speckit-reflex, and memory; see its log.",
            ) from error
        answer = read_answer(said)
        if answer.refusal:
            kind = WorkerError if answer.refusal.usage else ReflexError
            raise kind(
                f"worker {plain(answer.host, 80)}: {plain(answer.refusal.message, 1000)}",
                remedy=plain(answer.refusal.remedy, 1000),
            )
        return answer


def read_answer(said: object) -> WorkerAnswer:
    """What a worker said, within limits.

    Raises:
        ValueError: It is no answer.
    """
    if not isinstance(said, str) or len(said) > _MOST_CHARACTERS:
        raise ValueError(f"no text of at most {_MOST_CHARACTERS >> 20} MiB")
    refuse_excess(said.encode())
    return WorkerAnswer.model_validate_json(said)


class RemoteTrials:
    """Trials by workers, as a ``TrialMaker``; ``concurrency`` at once by each."""

    def __init__(self, pool: WorkerPool, terms: WorkerSettings, concurrency: int) -> None:
        self.at_once = concurrency * len(pool.workers)
        self._pool = pool
        self._terms = terms

    async def make(self, slot: Slot, tell: Callable[[Attempt], None]) -> MadeTrial:
        """As a ``TrialMaker``; the attempts are reported when the trial is back."""
        order = Order(terms=self._terms, slot=slot)
        try:
            made = self._made(slot, await self._pool.ask(order))
        except ReflexError:
            raise
        except Exception as error:  # noqa: BLE001  hostile input: any kind may come of it
            made = MadeTrial(broken_trial(slot, error), environment())
        for attempt in made.trial.attempts:
            tell(attempt)
        return made

    def _made(self, slot: Slot, answer: WorkerAnswer) -> MadeTrial:
        """What the worker made, taken for the trial that was ordered and for nothing else.

        Raises:
            ValueError: It is malformed, another trial, or has evidence that is not of this run.
        """
        try:
            trial = Trial.from_json(answer.trial)
        except ReportError as error:
            raise ValueError(error.message) from None
        if (trial.task, trial.arm, trial.trial) != (slot.task, slot.arm, slot.trial):
            raise ValueError(f"worker {plain(answer.host, 80)} made another trial than was ordered")
        events = tuple(self._event(body, answer.host) for body in answer.events)
        return MadeTrial(trial, answer.machine, events)

    def _event(self, body: dict[str, Any], host: str) -> Event:
        fields = dict(body)
        kind = _KINDS.get(fields.pop("event_type", ""))
        try:
            event = kind.model_validate(fields) if kind else None
        except ValidationError:
            event = None
        ours = (self._terms.run_id, self._terms.policy_hash, ORIGIN)
        if event is None or (event.run_id, event.policy_hash, event.origin) != ours:
            raise ValueError(f"worker {plain(host, 80)} sent evidence that is not of this run")
        return event
