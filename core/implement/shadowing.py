"""A task that the cloud works on, given to reflex as well: its patches are checked, never written.

What counts is who solves the task: a pair of outcomes, by the same check. Reflex has as many
attempts as the cloud, and is stopped ``wait_s`` after the cloud is done. Its code runs in the
sandbox alone, so the cloud's solution is checked there too: where that fails, the sandbox lacks
something that the check needs, and nothing is said of reflex. Nothing here touches the answer.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from core.errors import ReflexError, SandboxError
from core.harness.sandbox import Tier, choose_tier
from core.patchloop.loop import repair
from core.patchloop.trial import FailureKind
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from core.client.backend import ChatRequest
    from core.harness.sandbox import Sandbox
    from core.patchloop.job import Check, Job
    from core.patchloop.loop import Repair
    from core.patchloop.trial import Attempt
    from core.router.answer import Answer
    from core.router.evidence import Outcome
    from core.router.shadow import ShadowCalls
    from core.stages import Stage

logger = logging.getLogger(__name__)

# The server's faults, whatever the task; live, such a call goes to the cloud.
_NO_ANSWER = frozenset({FailureKind.TRANSPORT, FailureKind.BUSY, FailureKind.REFUSED})


@dataclass(frozen=True, slots=True)
class ShadowedTask:
    """Who solved it; ``problem`` says why that cannot be told, and then nothing is recorded.

    ``in_time`` is False where reflex was stopped, and so has not solved it.
    """

    solved: bool = False
    cloud_solved: bool = False
    in_time: bool = True
    attempts: int = 0
    problem: str = ""

    def as_json(self) -> dict[str, Any]:
        """JSON-ready; of a comparison that failed only why."""
        if self.problem:
            return {"problem": self.problem}
        return {
            "solved": self.solved,
            "cloud_solved": self.cloud_solved,
            "in_time": self.in_time,
            "attempts": self.attempts,
        }


@dataclass
class TaskShadow:
    """One task's shadow; ``stop`` it at the end, whatever happened.

    ``job`` is the task with reflex's attempts, None where there is nothing to learn from it;
    ``check_in`` makes its check for a sandbox.
    """

    calls: ShadowCalls
    stage: Stage
    job: Job | None
    check_in: Callable[[Sandbox], Check]
    _first: Answer | None = field(default=None, init=False)
    _work: asyncio.Task[Repair] | None = field(default=None, init=False)
    _check: asyncio.Future[Check] | None = field(default=None, init=False)
    _confirming: asyncio.Task[bool] | None = field(default=None, init=False)
    _skipped: bool = field(default=False, init=False)
    _attempts: int = field(default=0, init=False)
    _last_call: str = field(default="", init=False)

    @property
    def under_way(self) -> bool:
        """Reflex works on the task, or has."""
        return self._work is not None

    def consider(self, answer: Answer) -> None:
        """Give the task to reflex too if this, its first answer, is of the sample."""
        if self._first is not None:
            return
        self._first = answer
        if (job := self.job) and self.calls.chosen(self.stage, answer):
            self._check = asyncio.get_running_loop().create_future()
            self._work = asyncio.create_task(self._repair(answer, job), name="shadow task")

    async def _repair(self, answer: Answer, job: Job) -> Repair:
        assert self._check is not None
        if not await self.calls.server_is_healthy():
            raise SandboxError("reflex's server is not healthy")
        chosen = await choose_tier()
        if chosen.tier is Tier.NONE:
            raise SandboxError(f"there is no sandbox to check its patches in: {chosen.reason}")
        check = self.check_in(chosen.sandbox())
        self._check.set_result(check)

        async def ask(request: ChatRequest) -> Outcome:
            outcome = await self.calls.ask(request, answer.call_id, local_sampling=True)
            self._last_call = outcome.call_id or ""
            return outcome

        def count(_: Attempt) -> None:
            self._attempts += 1

        return await repair(job, ask, check, on_attempt=count)

    async def ended(
        self, solution: Mapping[str, str] | None, *, cloud_attempts: int, wait_s: float
    ) -> ShadowedTask | None:
        """Who solved the task, on record; None where it was not given to reflex.

        ``solution`` are the files with which the cloud passed the check, None where it did not.
        Returns within ``wait_s`` seconds, or at ``skip``. Never raises for what goes wrong with
        the shadow.
        """
        if self._work is None:
            return None
        try:
            result = await self._compared(self._work, solution, wait_s)
            if not result.problem:
                assert self._first is not None
                await self.calls.checked(
                    self._first,
                    call_id=self._last_call,
                    solved=result.solved,
                    cloud_solved=result.cloud_solved,
                    in_time=result.in_time,
                    attempts=result.attempts,
                    cloud_attempts=cloud_attempts,
                )
        except (ReflexError, OSError) as error:
            logger.warning("a shadowed task ended: %s", error)
            return ShadowedTask(problem=plain(error, 300))
        except Exception as error:
            logger.exception("a shadowed task ended")
            return ShadowedTask(problem=plain(type(error).__name__))
        finally:
            await self.stop()
        return result

    async def _compared(
        self, work: asyncio.Task[Repair], solution: Mapping[str, str] | None, wait_s: float
    ) -> ShadowedTask:
        self._confirming = confirming = asyncio.create_task(self._confirmed(work, solution))
        try:
            await asyncio.wait({work, confirming}, timeout=wait_s)
            if self._skipped:
                return ShadowedTask(problem="skipped")
            if not confirming.done():
                return ShadowedTask(problem=f"the check took over {wait_s:g} s in the sandbox")
            if not confirming.result():
                return ShadowedTask(
                    problem="the cloud's solution fails the check in the sandbox, which has no "
                    "network, home or environment: reflex's cannot be judged by it"
                )
        finally:
            confirming.cancel()
            await asyncio.wait({confirming})
        in_time = work.done()
        if in_time and all(one.failure in _NO_ANSWER for one in work.result().attempts):
            why = work.result().attempts[-1].detail
            return ShadowedTask(problem=plain(f"reflex's server gave no reply: {why}", 300))
        return ShadowedTask(
            solved=in_time and work.result().solved,
            cloud_solved=solution is not None,
            in_time=in_time,
            attempts=self._attempts,
        )

    async def _confirmed(
        self, work: asyncio.Task[Repair], solution: Mapping[str, str] | None
    ) -> bool:
        """Whether the sandbox says of the cloud's solution what the user's own check said."""
        assert self._check is not None
        either: set[asyncio.Future[Any]] = {work, self._check}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not self._check.done():
            work.result()  # raises why there is none
        if solution is None:
            return True
        return (await self._check.result()(solution, ())).passed

    def skip(self) -> None:
        """Let ``ended`` return at once, without a comparison."""
        self._skipped = True
        for task in (self._work, self._confirming):
            if task is not None:
                task.cancel()

    async def stop(self) -> None:
        """End what is under way; it is recorded as cancelled."""
        if self._work is not None and not self._work.done():
            self._work.cancel()
            await asyncio.wait({self._work})
        elif self._work is not None and not self._work.cancelled():
            self._work.exception()  # it has been told of, or nobody waits for it any more
