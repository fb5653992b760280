"""Shadow calls: reflex is asked what the cloud has answered, and only the capsule sees its reply.

``ShadowCalls`` makes them in the background; ``agrees`` says whether two models said the same to
one request; ``shadow_summary`` is what the newest of them showed: how often reflex agreed with the
cloud, and how fast.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import unicodedata
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from core.capsule.events import ShadowComparedEvent
from core.errors import CapsuleError
from core.figures import finite, nearest_rank
from core.router.attempts import Attempts, Why
from core.router.evidence import Call, Evidence, Outcome
from core.router.fitting import fitted
from core.stages import Mode, Reason, Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from core.capsule import EventLog
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
    ``counts`` has this run's: ``agreed``, ``differed``, ``failed`` (no valid reply in time) and
    ``left_out`` (no room, or an unhealthy server).
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
        chance: Callable[[], float],
    ) -> None:
        self.counts = dict.fromkeys(("agreed", "differed", "failed", "left_out"), 0)
        self._policy = policy
        self._state = state
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
        health = await self._state.monitor.current()
        if not health.ok:
            self.counts["left_out"] += 1
            return
        backend, breaker = self._state.backend, self._state.breaker
        call = Call(uuid.uuid4().hex, Stage.IMPLEMENT, ORIGIN)
        attempts = Attempts(
            call,
            self._evidence,
            self._clock,
            failure_count=lambda: breaker.view().failure_count,
        )
        try:
            outcome = await attempts.make(
                self._client(backend),
                backend,
                fitted(request, backend, json_schema=self._policy.reflex.json_schema),
                Why(Reason.SHADOW, f"of call {answer.call_id}"),
            )
            await attempts.recorded()
            assert outcome is not None
            await self._compared(call, request, answer, outcome)
        except CapsuleError as error:
            logger.warning("a shadow call is not in the capsule: %s", error)

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


NEWEST = 1000


@dataclass(frozen=True, slots=True)
class ShadowSummary:
    """What the newest shadow calls of one server and model showed.

    ``calls`` were compared; ``agreed_percent`` of them agreed with the cloud, ``failed`` gave no
    valid reply in time. Percentiles are nearest rank in ms over all of them, a failed one counting
    as endless: None where that is the percentile, or where there were no calls.
    """

    calls: int
    failed: int
    agreed_percent: float | None
    p50_ms: float | None
    p95_ms: float | None


def shadow_summary(
    log: EventLog, *, endpoint: str, model: str, newest: int = NEWEST
) -> ShadowSummary:
    """What the ``newest`` shadow calls of ``model`` at ``endpoint`` showed.

    Raises:
        CapsuleError: the capsule cannot be read.
    """
    found: list[Mapping[str, Any]] = []

    def enough(body: Mapping[str, Any]) -> bool:
        if body.get("endpoint") == endpoint and body.get("model") == model:
            found.append(body)
        return len(found) >= newest

    log.last(ShadowComparedEvent.event_type, where=enough)
    return _summed(found)


def _summed(found: Sequence[Mapping[str, Any]]) -> ShadowSummary:
    if not found:
        return ShadowSummary(0, 0, None, None, None)
    answered = [one for one in found if one.get("success") is True]
    ranked = sorted(_milliseconds(one.get("latency_ms")) for one in answered)
    failed = len(found) - len(answered)
    ranked += [math.inf] * failed
    agreed = sum(one.get("agreed") is True for one in answered)
    return ShadowSummary(
        len(found),
        failed,
        100 * agreed / len(found),
        _finite(nearest_rank(ranked, 50)),
        _finite(nearest_rank(ranked, 95)),
    )


def _milliseconds(value: object) -> float:
    number = finite(value)
    return math.inf if number is None else number


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
