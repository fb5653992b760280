"""What the router writes into the capsule: decisions before the call, calls after it."""

from __future__ import annotations

import itertools
import logging
import re
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from core.capsule.capture import Capture
from core.capsule.events import (
    BreakerStateChangedEvent,
    CallUnansweredEvent,
    Event,
    LLMCallEvent,
    PolicyRecapturedEvent,
    PolicySnapshotRefEvent,
    RoutingDecisionEvent,
)
from core.capsule.live_seal import SEALED
from core.capsule.redaction import redact
from core.client.apis import left_out
from core.client.backend import Reply
from core.errors import (
    BackendError,
    CapsuleError,
    Counting,
    CutReply,
    NotCompliant,
    OnlyReasoning,
    StatusError,
)
from core.plain import plain
from core.router.decision import Caller
from core.router.news import news_of
from core.stages import LIVE_ORIGINS, PRIMARY, Mode

if TYPE_CHECKING:
    from collections.abc import Awaitable, Generator, Iterator

    from core.capsule import EventLog
    from core.capsule.live_seal import CallSeals
    from core.client.backend import Backend, ChatRequest
    from core.client.several import Ending
    from core.notify.notifier import Notifier
    from core.router.breaker import Transition
    from core.settings import Settings
    from core.settings.policy import PolicySnapshot
    from core.stages import Reason, Stage

logger = logging.getLogger(__name__)

_MOST_TOKENS = 1 << 40
_NAME = re.compile(r"[a-z_]{1,32}")


@dataclass(frozen=True, slots=True)
class AskedBackend:
    """Who is asked, or was asked last, and why."""

    mode: Mode
    reason: Reason
    backend: str
    model: str
    endpoint: str
    api: str


@dataclass(frozen=True, slots=True)
class Call:
    """What all events of one caller's request share.

    ``limit_is_ours``: its ``max_tokens`` is generous and ours, so that a model which reaches it is
    at fault.
    """

    call_id: str
    stage: Stage
    origin: str
    caller: Caller = field(default_factory=Caller)
    task_id: str | None = None
    limit_is_ours: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one attempt ended: a reply or an error, never both; ``call_id`` where it is known."""

    latency_ms: float
    reply: Reply | None = None
    error: BackendError | None = None
    cancelled: bool = False
    call_id: str | None = None

    @property
    def choices(self) -> tuple[Ending, ...]:
        """Where several replies were asked for at once: how each ended, None where it did not."""
        end = self.reply or self.error
        return end.choices if end else ()


class KeptRequest:
    """What the record of an attempt keeps of its request.

    Looking for secrets in an agent's prompt takes a millisecond and more, so that it is better done
    while the server thinks (``work_out``) than when its answer is here.
    """

    def __init__(self, request: ChatRequest, capture: Capture) -> None:
        self.request = request
        self._capture = capture

    @cached_property
    def content(self) -> Any:
        """As the capture mode has it; CapsuleError where that cannot be recorded."""
        return self._capture.request(_as_sent(self.request))

    def work_out(self) -> None:
        """Have ``content`` ready; its error is for whoever asks for it."""
        with suppress(CapsuleError):
            _ = self.content


class Recording:
    """An event that is being written to the capsule, in order with those before it.

    Awaiting it returns once it is durable, or with a warning that it is not. A caller who stops
    waiting does not stop the writing.
    """

    def __init__(self, event: Event, log: EventLog) -> None:
        self._event_type = event.event_type
        self._what = "this call" if isinstance(event, LLMCallEvent) else f"a {event.event_type}"
        self._write: Awaitable[object] | CapsuleError
        try:
            self._write = log.begin(event)
        except CapsuleError as error:
            self._write = error

    def __await__(self) -> Generator[Any, None, str | None]:
        try:
            if isinstance(self._write, CapsuleError):
                raise self._write
            yield from self._write.__await__()
        except CapsuleError as error:
            logger.warning("%s is not in the capsule: %s", self._event_type, error)
            return f"{self._what} is not in the capsule: {error.message}"
        return None


class Evidence:
    """One run's writer: knows the run, its policy, what to keep and what to keep out.

    With ``seals``, live first attempts at reflex are sealed for the monitor. The ``notifier`` is
    told of a breaker that opened. What ``continues`` another's run does so from ``stage`` on.
    """

    def __init__(
        self,
        log: EventLog,
        policy: PolicySnapshot,
        run_id: str,
        *,
        key: bytes,
        secrets: tuple[str, ...],
        seals: CallSeals | None = None,
        notifier: Notifier | None = None,
        continues: Evidence | None = None,
        stage: Stage | None = None,
    ) -> None:
        self._seals = seals
        self._notifier = notifier
        # Of a run, whatever its policy: the monitor counts no number twice.
        self.numbers: Iterator[int] = continues.numbers if continues else itertools.count(1)
        self._before = continues.policy_hash if continues else ""
        self._stage = stage
        self._log = log
        self._policy = policy
        self._run_id = run_id
        self._secrets = secrets
        self._capture = Capture(policy.capture_mode, key, known=secrets)

    @property
    def policy_hash(self) -> str:
        """The policy that this run goes by."""
        return self._policy.policy_hash

    async def record_policy(self, settings: Settings) -> None:
        """Store the policy snapshot, and record that this run goes by it, or does from now on."""
        path = self._policy.store(settings.state_dir / "policies")
        told: dict[str, Any] = {
            "run_id": self._run_id,
            "policy_hash": self._policy.policy_hash,
            "path": path.relative_to(settings.source.root).as_posix(),
        }
        if self._stage is None:
            await self.append(PolicySnapshotRefEvent(**told))
        else:
            await self.append(PolicyRecapturedEvent(**told, before=self._before, stage=self._stage))

    async def record_decision(
        self,
        call: Call,
        backend: Backend,
        reason: Reason,
        detail: str | None,
        *,
        latency_ms: float,
        failure_count: int,
        is_fallback: bool,
    ) -> None:
        """Make the decision durable; raises CapsuleError, and then nothing may be sent."""
        await self.append(
            RoutingDecisionEvent(
                run_id=self._run_id,
                policy_hash=self._policy.policy_hash,
                mode=backend.mode,
                reason=reason,
                latency_ms=round(latency_ms, 3),
                detail=detail,
                is_fallback=is_fallback,
                stage=call.stage,
                backend=backend.name,
                endpoint=backend.endpoint,
                model=backend.model,
                failure_count=failure_count,
                call_id=call.call_id,
                origin=call.origin,
                stage_rule=call.caller.stage_rule,
                session=self._kept_id(call.caller.session),
                agent=self._kept_id(call.caller.agent),
                task_id=call.task_id,
            )
        )

    def _kept_id(self, given: str | None) -> str | None:
        """An agent's own id: hashed, unless replies are kept as they are."""
        return None if given is None else str(self._capture.response(given))

    def kept(self, request: ChatRequest) -> KeptRequest:
        """What will be recorded of a request that is about to be sent."""
        return KeptRequest(request, self._capture)

    def begin_call_record(
        self,
        call: Call,
        backend: Backend,
        kept: KeptRequest,
        outcome: Outcome,
        *,
        attempt: int,
        fallback_reason: str | None,
        waited_ms: float | None = None,
    ) -> Recording:
        """Record an attempt's end; awaited, a failure to do so is a warning and not raised."""
        reply, error, request = outcome.reply, outcome.error, kept.request
        event = LLMCallEvent(
            run_id=self._run_id,
            policy_hash=self._policy.policy_hash,
            mode=backend.mode,
            model=backend.model,
            request=kept.content,
            response=self._capture.response(_as_received(outcome)),
            latency_ms=round(outcome.latency_ms, 3),
            fallback_reason=fallback_reason,
            ttft_ms=_rounded(reply.ttft_ms if reply else getattr(error, "ttft_ms", None)),
            success=reply is not None,
            json_compliant=_compliant(request, outcome),
            error="cancelled" if outcome.cancelled else error.code if error else None,
            error_message=self._message(error),
            finish_reason=_finish_reason(reply or error),
            prompt_tokens=reply.prompt_tokens if reply else None,
            completion_tokens=reply.completion_tokens if reply else None,
            cached_tokens=reply.cached_tokens if reply else None,
            reasoning_tokens=_reasoning_tokens(reply),
            response_model=plain(reply.model, 256) or None if reply else None,
            response_id=plain(reply.id, 256) or None if reply else None,
            replies_asked=_replies_asked(request, outcome),
            replies_came=sum(map(_ended, outcome.choices)) if outcome.choices else None,
            streamed=getattr(reply or error, "asked_stream", None),
            schema_sent=reply.schema_sent if reply else getattr(error, "schema_sent", None),
            waited_ms=_rounded(waited_ms),
            attempt=attempt,
            stage=call.stage,
            backend=backend.name,
            endpoint=backend.endpoint,
            call_id=call.call_id,
            capture_mode=self._policy.capture_mode,
            dialect=request.dialect,
            dropped=list(left_out(request, backend)),
            api=backend.api if backend.mode is Mode.CLOUD else "chat",
            session=self._kept_id(call.caller.session),
            origin=call.origin,
        )
        return self._begin(self._sealed(call, outcome, event))

    def begin_unanswered_record(
        self, call: Call, asked: AskedBackend | None, error: str, *, attempts: int, waited_ms: float
    ) -> Recording:
        """Record that nobody answered the call, if that is possible; to be awaited later."""
        event = CallUnansweredEvent(
            run_id=self._run_id,
            policy_hash=self._policy.policy_hash,
            call_id=call.call_id,
            stage=call.stage,
            error=error,
            mode=asked.mode if asked else None,
            backend=asked.backend if asked else None,
            model=asked.model if asked else None,
            attempts=attempts,
            waited_ms=round(waited_ms, 3),
            session=self._kept_id(call.caller.session),
            origin=call.origin,
        )
        return self._begin(event)

    def _sealed(self, call: Call, outcome: Outcome, event: LLMCallEvent) -> LLMCallEvent:
        """The event with its number and seal, if it is one that the monitor counts.

        A retry follows from the attempt before it, and is not; nor is an end that says nothing of
        the server: the caller's cancellation, a bad request, a full queue.
        """
        error = outcome.error
        counts = event.backend == PRIMARY and event.attempt == 1 and call.origin in LIVE_ORIGINS
        silent = outcome.cancelled or (error and error.counting is Counting.NOT_COUNTED)
        if self._seals is None or not counts or silent:
            return event
        number = next(self.numbers)
        fields = {name: getattr(event, name) for name in SEALED} | {"watched": number}
        sealed = {"watched": number, "seal": self._seals.seal(fields)}
        return event.model_copy(update=sealed)

    def _message(self, error: BackendError | None) -> str | None:
        """The error's message; quoting the server only where the request is kept."""
        if error is None:
            return None
        mode = self._policy.capture_mode
        quotes = mode == "full_io" or (mode == "prompts_only" and isinstance(error, StatusError))
        words = error.message if quotes else error.own_words
        return str(redact(plain(words, 500), known=self._secrets))

    def begin_breaker_record(
        self, backend: Backend, transition: Transition, cause: str
    ) -> Recording:
        """Record a breaker's change of state, if that is possible; to be awaited later."""
        event = BreakerStateChangedEvent(
            run_id=self._run_id,
            policy_hash=self._policy.policy_hash,
            endpoint=backend.endpoint,
            model=backend.model,
            before=transition.before.value,
            after=transition.after.state.value,
            failure_count=transition.after.failure_count,
            cause=cause,
            retry_in_s=transition.after.retry_in_s,
        )
        if self._notifier and (news := news_of(event.body())):
            self._notifier.tell(news)
        return self._begin(event)

    async def append(self, event: Event) -> None:
        """Append without blocking the event loop; returns once durable."""
        await self._log.append_async(event)

    def _begin(self, event: Event) -> Recording:
        return Recording(event, self._log)


def _finish_reason(end: Reply | BackendError | None) -> str | None:
    reason = getattr(end, "finish_reason", None)
    # A server may write there what it likes; only a name is one.
    return reason if reason is None or _NAME.fullmatch(reason) else "other"


def _rounded(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else round(milliseconds, 3)


def _as_sent(request: ChatRequest) -> dict[str, Any]:
    sent: dict[str, Any] = {"messages": list(request.messages)}
    for name in ("schema", "max_tokens", "temperature", "seed"):
        if (value := getattr(request, name)) is not None:
            sent[name] = value
    if request.n > 1:
        sent["n"] = request.n
    return {**sent, **request.extra}


def _reasoning_tokens(reply: Reply | None) -> int | None:
    details = reply.usage.get("completion_tokens_details") if reply else None
    told = details.get("reasoning_tokens") if isinstance(details, dict) else None
    return told if type(told) is int and 0 <= told <= _MOST_TOKENS else None


def _replies_asked(request: ChatRequest, outcome: Outcome) -> int | None:
    """How many one request asked for, where that was several; a server may have refused that."""
    if outcome.reply is None and request.n > 1:
        return request.n
    return len(outcome.choices) or None


def _ended(one: Ending) -> bool:
    """Whether a reply came to its end, good or bad."""
    return isinstance(one, Reply | NotCompliant | CutReply | OnlyReasoning)


def _as_received(outcome: Outcome) -> dict[str, Any] | None:
    received = _words(outcome.reply or outcome.error)
    if outcome.choices:
        received = received or {"text": ""}
        received["choices"] = [_words(one) for one in outcome.choices]
    return received


def _words(end: Ending) -> dict[str, Any] | None:
    """What one reply said; None where nothing is left of it."""
    if isinstance(end, Reply):
        calls = {"tool_calls": list(end.tool_calls)} if end.tool_calls else {}
        return {"text": end.text, **calls}
    if isinstance(end, NotCompliant) and end.text:
        return {"text": end.text}
    return None


def _compliant(request: ChatRequest, outcome: Outcome) -> bool | None:
    """Whether what came to its end met the schema: of several replies, each."""
    if request.schema is None:
        return None
    ends = outcome.choices or (outcome.reply or outcome.error,)
    if any(isinstance(one, NotCompliant | CutReply) for one in ends):
        return False
    return True if outcome.reply is not None else None
