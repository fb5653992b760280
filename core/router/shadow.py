"""Shadow calls: reflex is asked what the cloud has answered, and only the capsule sees its reply.

``ShadowCalls`` makes them in the background; ``agrees`` says whether two models said the same to
one request. Where a check is known, whoever knows it asks through ``ShadowCalls`` and says whose
patch passed: the same words are then of no interest. ``core.router.shadowed`` has what they showed.
"""

from __future__ import annotations

import asyncio
import json
import logging
import unicodedata
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from core.capsule.events import ShadowCheckedEvent, ShadowComparedEvent
from core.capsule.keys import seal
from core.errors import CapsuleError
from core.monitor.outcomes import recent_call
from core.router.attempts import Attempts, Why
from core.router.evidence import Call, Evidence, Outcome
from core.router.fitting import fitted
from core.stages import Mode, Reason, Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from core.client.backend import Backend, ChatRequest, Reply
    from core.client.chat import ChatClient
    from core.clock import Clock
    from core.router.answer import Answer
    from core.router.view import RoutingState
    from core.settings.policy import PolicySnapshot


Compared = Literal["data", "text", "tool_calls"]


def compared_by(answer: Answer, *, has_schema: bool) -> Compared:
    """What of the cloud's answer another must equal."""
    if answer.tool_calls:
        return "tool_calls"
    return "data" if has_schema else "text"


def agrees(answer: Answer, reply: Reply, *, has_schema: bool) -> bool:
    """Whether ``reply`` says what ``answer`` says.

    Tool calls agree by name and arguments in their order, replies to a schema by the parsed value,
    others by the text, for which Unicode forms and the amount of white space do not matter.
    """
    if bool(answer.tool_calls) != bool(reply.tool_calls):
        return False
    match compared_by(answer, has_schema=has_schema):
        case "tool_calls":
            return _calls(answer.tool_calls) == _calls(reply.tool_calls)
        case "data":
            return _canonical(answer.data) == _canonical(reply.data)
        case "text":
            return _plain(answer.text) == _plain(reply.text)


def _calls(calls: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    return [(call["function"]["name"], _arguments(call["function"]["arguments"])) for call in calls]


def _arguments(text: str) -> str:
    try:
        return _canonical(json.loads(text))
    except (ValueError, RecursionError):
        return text


def _canonical(value: Any) -> str:
    # As text, since Python holds True and 1 to be equal.
    return json.dumps(value, sort_keys=True)


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


ORIGIN = "shadow"

logger = logging.getLogger(__name__)


class ShadowCalls:
    """Asks reflex a share of the cloud's Implement calls again, in the background.

    Gate and breaker have no say in it and learn nothing from it; an unhealthy server is left alone.
    No more than ``concurrency`` of them are asked at once, a task's candidates included.
    ``counts`` has this run's: ``agreed``, ``differed``, ``failed`` (no valid reply in time) and
    ``left_out`` (no room, or an unhealthy server); of tasks with a check ``solved`` and
    ``unsolved``.
    """

    def __init__(
        self,
        policy: PolicySnapshot,
        state: RoutingState,
        evidence: Evidence,
        client: Callable[[Backend], ChatClient],
        clock: Clock,
        *,
        run_id: str,
        workspace: Path,
        key: bytes,
        chance: Callable[[], float],
    ) -> None:
        self.counts = dict.fromkeys(
            ("agreed", "differed", "failed", "left_out", "solved", "unsolved"), 0
        )
        self._workspace = workspace
        self._key = key
        self._policy = policy
        self._state = state
        self._evidence = evidence
        self._client = client
        self._clock = clock
        self._run_id = run_id
        self._chance = chance
        self._tasks: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(policy.reflex.shadow.concurrency)

    def consider(self, request: ChatRequest, stage: Stage, answer: Answer) -> None:
        """Ask reflex too, if this call is one of the sample; returns at once."""
        if not self.chosen(stage, answer):
            return
        if self._room.locked() or len(self._tasks) >= self._policy.reflex.shadow.concurrency:
            self.counts["left_out"] += 1
            return
        task = asyncio.create_task(self._ask(request, answer), name="shadow call")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def chosen(self, stage: Stage, answer: Answer) -> bool:
        """Whether this answer is one of the sample, by chance.

        A fallback's is not: there reflex has been asked already.
        """
        if stage is not Stage.IMPLEMENT or answer.mode is not Mode.CLOUD or answer.is_fallback:
            return False
        sample = self._policy.reflex.shadow.sample
        return bool(sample) and self._chance() < sample

    async def server_is_healthy(self) -> bool:
        """Whether reflex may be asked; an unhealthy server is left alone, and that is counted."""
        healthy = (await self._state.monitor.current()).ok
        self.counts["left_out"] += not healthy
        return healthy

    async def ask(
        self, request: ChatRequest, original_call_id: str, *, local_sampling: bool = False
    ) -> Outcome:
        """Reflex's answer to ``request``, on record as a shadow of that call.

        Waits until there is room for it.

        Raises:
            CapsuleError: the decision could not be recorded; nothing was sent.
        """
        async with self._room:
            return await self._asked(request, original_call_id, local_sampling=local_sampling)

    async def _asked(
        self, request: ChatRequest, original_call_id: str, *, local_sampling: bool
    ) -> Outcome:
        backend, breaker = self._state.backend, self._state.breaker
        health = self._state.monitor.last
        call = Call(uuid.uuid4().hex, Stage.IMPLEMENT, ORIGIN)
        attempts = Attempts(
            call,
            self._evidence,
            self._clock,
            failure_count=lambda: breaker.view().failure_count,
        )
        outcome = await attempts.make(
            self._client(backend),
            backend,
            fitted(
                request,
                backend,
                json_schema=self._policy.reflex.json_schema,
                identity=health.engine if health else None,
                local_sampling=local_sampling,
            ),
            Why(Reason.SHADOW, f"of call {original_call_id}"),
        )
        await attempts.recorded()
        assert outcome is not None
        return replace(outcome, call_id=call.call_id)

    async def checked(
        self,
        answer: Answer,
        *,
        call_id: str,
        solved: bool,
        cloud_solved: bool,
        in_time: bool,
        attempts: int,
        cloud_attempts: int,
    ) -> None:
        """Put on record whose patch passed the check of the task that ``answer`` began.

        Raises:
            CapsuleError: it could not be recorded.
        """
        self.counts["solved" if solved else "unsolved"] += 1
        recorded = await asyncio.to_thread(recent_call, self._state.log, answer.call_id)
        event = ShadowCheckedEvent(
            run_id=self._run_id,
            policy_hash=self._policy.policy_hash,
            call_id=call_id,
            original_call_id=answer.call_id,
            answered_seq=int(recorded[-1].get("seq", 0)) if recorded else 0,
            endpoint=self._state.backend.endpoint,
            model=self._state.backend.model,
            cloud_model=answer.model,
            solved=solved,
            cloud_solved=cloud_solved,
            in_time=in_time,
            attempts=attempts,
            cloud_attempts=cloud_attempts,
        )
        sealed = seal(event.body(), self._workspace, self._key)
        await self._evidence.append(event.model_copy(update={"seal": sealed}))
        self._state.outcome_known()

    async def aclose(self) -> None:
        """End what is under way; it is recorded as cancelled."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(self, request: ChatRequest, answer: Answer) -> None:
        if not await self.server_is_healthy():
            return
        try:
            await self._compared(request, answer, await self.ask(request, answer.call_id))
        except CapsuleError as error:
            logger.warning("a shadow call is not in the capsule: %s", error)

    async def _compared(self, request: ChatRequest, answer: Answer, outcome: Outcome) -> None:
        has_schema, reply = request.schema is not None, outcome.reply
        agreed = reply is not None and agrees(answer, reply, has_schema=has_schema)
        self.counts["agreed" if agreed else "differed" if reply else "failed"] += 1
        await self._evidence.append(
            ShadowComparedEvent(
                run_id=self._run_id,
                policy_hash=self._policy.policy_hash,
                call_id=outcome.call_id or "",
                original_call_id=answer.call_id,
                endpoint=self._state.backend.endpoint,
                model=self._state.backend.model,
                success=reply is not None,
                agreed=agreed,
                compared=compared_by(answer, has_schema=has_schema),
                latency_ms=round(reply.latency_ms, 3) if reply else None,
                ttft_ms=round(reply.ttft_ms, 3) if reply and reply.ttft_ms is not None else None,
                cloud_latency_ms=round(answer.latency_ms, 3),
            )
        )
