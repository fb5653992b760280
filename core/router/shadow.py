"""Shadow calls: what reflex would have said to calls that the cloud answered; nobody sees it."""

from __future__ import annotations

import asyncio
import logging
import uuid
from typing import TYPE_CHECKING

from core.capsule.events import ShadowComparedEvent
from core.errors import CapsuleError
from core.router.agreement import agrees, compared_by
from core.router.correction import unconstrained
from core.router.evidence import Call, Evidence, Outcome
from core.router.reason import Reason
from core.router.recorded import attempted
from core.stages import Mode, Stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.client.backend import Backend, ChatRequest
    from core.client.chat import ChatClient
    from core.clock import Clock
    from core.policy import PolicySnapshot
    from core.router.answer import Answer
    from core.router.situation import Situation

ORIGIN = "shadow"

logger = logging.getLogger(__name__)


class Shadow:
    """Asks reflex a share of the cloud's Implement calls again, in the background.

    Gate and breaker have no say in it and learn nothing from it; an ill server is left alone.
    ``counts`` has this run's: ``agreed``, ``differed``, ``failed`` (no valid reply in time) and
    ``left_out`` (no room, or an ill server).
    """

    def __init__(
        self,
        policy: PolicySnapshot,
        situation: Situation,
        evidence: Evidence,
        client: Callable[[Backend], ChatClient],
        clock: Clock,
        *,
        run_id: str,
        chance: Callable[[], float],
    ) -> None:
        self.counts = dict.fromkeys(("agreed", "differed", "failed", "left_out"), 0)
        self._policy = policy
        self._situation = situation
        self._evidence = evidence
        self._client = client
        self._clock = clock
        self._run_id = run_id
        self._chance = chance
        self._tasks: set[asyncio.Task[None]] = set()

    def consider(self, request: ChatRequest, stage: Stage, answer: Answer) -> None:
        """Ask reflex too, if this call is one of the sample; returns at once.

        A fallback's answer is not: there reflex has been asked already.
        """
        wanted = self._policy.reflex.shadow
        if stage is not Stage.IMPLEMENT or answer.mode is not Mode.CLOUD or answer.is_fallback:
            return
        if not wanted.sample or self._chance() >= wanted.sample:
            return
        if len(self._tasks) >= wanted.concurrency:
            self.counts["left_out"] += 1
            return
        task = asyncio.create_task(self._ask(request, answer), name="shadow call")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def aclose(self) -> None:
        """End what is under way; it is recorded as cancelled."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(self, request: ChatRequest, answer: Answer) -> None:
        health = await self._situation.monitor.current()
        if not health.ok:
            self.counts["left_out"] += 1
            return
        call = Call(uuid.uuid4().hex, Stage.IMPLEMENT, ORIGIN)
        try:
            await self._decided(call, answer)
            outcome = await self._attempted(call, request)
            await self._compared(call, request, answer, outcome)
        except CapsuleError as error:
            logger.warning("a shadow call is not in the capsule: %s", error)

    async def _decided(self, call: Call, answer: Answer) -> None:
        await self._evidence.decided(
            call,
            self._situation.backend,
            Reason.SHADOW,
            f"of call {answer.call_id}",
            latency_ms=0.0,
            failure_count=self._situation.breaker.view().failure_count,
            is_fallback=False,
        )

    async def _attempted(self, call: Call, request: ChatRequest) -> Outcome:
        backend = self._situation.backend
        if request.schema is not None and not self._policy.reflex.json_schema:
            request = unconstrained(request)
        outcome, _ = await attempted(
            self._client(backend),
            request,
            call=call,
            backend=backend,
            evidence=self._evidence,
            clock=self._clock,
        )
        return outcome

    async def _compared(
        self, call: Call, request: ChatRequest, answer: Answer, outcome: Outcome
    ) -> None:
        has_schema, reply = request.schema is not None, outcome.reply
        agreed = reply is not None and agrees(answer, reply, has_schema=has_schema)
        self.counts["agreed" if agreed else "differed" if reply else "failed"] += 1
        await self._evidence.append(
            ShadowComparedEvent(
                run_id=self._run_id,
                policy_hash=self._policy.policy_hash,
                call_id=call.call_id,
                original_call_id=answer.call_id,
                endpoint=self._situation.backend.endpoint,
                model=self._situation.backend.model,
                success=reply is not None,
                agreed=agreed,
                compared=compared_by(answer, has_schema=has_schema),
                latency_ms=round(reply.latency_ms, 3) if reply else None,
                ttft_ms=round(reply.ttft_ms, 3) if reply and reply.ttft_ms is not None else None,
                cloud_latency_ms=round(answer.latency_ms, 3),
            )
        )
