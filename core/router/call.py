"""One call on its way: decide, record, ask, and go down the fallback order.

What a caller gets back.

A call that is listened to while it is answered: the reply's pieces, then the Answer.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

from core.errors import BackendError, CapsuleError, Counting, NoBackend
from core.router.attempts import ask_and_begin_record, corrected, unconstrained
from core.router.decision import ATTEMPTS_FAILED, CallOptions, RoutingDecision
from core.router.evidence import Call, Evidence, Outcome, Recording
from core.stages import CLOUD, PRIMARY, Mode, Reason

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from core.client.backend import Backend, ChatRequest, Reply
    from core.client.chat import ChatClient
    from core.client.replies import OnDelta
    from core.clock import Clock
    from core.router.breaker import Admission, Breaker, Transition
    from core.router.shadow import ShadowCalls
    from core.router.view import RoutingFacts, RoutingState
    from core.settings.policy import PolicySnapshot
    from core.stages import Stage


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete, valid reply and who gave it why.

    ``data`` is the parsed, validated object when a schema was given. ``latency_ms`` and ``ttft_ms``
    are the answering attempt's; ``total_ms`` is the whole call's, deciding and failed attempts
    included. ``attempts`` counts HTTP requests. ``warnings`` says what could not be recorded.
    ``fields`` are the message's further fields, such as ``reasoning_content``; ``usage`` is the
    server's own, with all details; ``around`` holds its fields beside ``choices``.
    """

    text: str
    data: Any
    mode: Mode
    reason: Reason
    detail: str | None
    backend: str
    model: str
    finish_reason: str
    ttft_ms: float | None
    latency_ms: float
    total_ms: float
    attempts: int
    call_id: str
    run_id: str
    is_fallback: bool
    tool_calls: tuple[Mapping[str, Any], ...] = ()
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    usage: Mapping[str, Any] = field(default_factory=dict)
    around: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


Piece = Mapping[str, Any]
"""A ``delta`` in OpenAI's form that says something: content, tool calls, a refusal, reasoning."""


@dataclass(frozen=True, slots=True)
class AskedBackend:
    """Who is asked, or was asked last, and why."""

    mode: Mode
    reason: Reason
    backend: str
    model: str


class Stream:
    """One call's answer, piece by piece.

    Entering waits until the first piece may be heard: a cloud's first content, or the whole and
    valid reply of a local server. Iterate once for the pieces; then ``answer`` holds. Leaving early
    calls the request off.

        async with conduct.stream() as stream:
            async for piece in stream:
                print(piece.get("content", ""), end="")
        stream.answer.mode

    Raises, on entering and while iterating: what ``Conduct.answer`` raises.
    """

    def __init__(self, answering: Callable[[OnDelta], Coroutine[Any, Any, Answer]]) -> None:
        self._answering = answering
        # Unbounded: the client bounds a reply's size, and a slow listener must not hold up the
        # server's deadline.
        self._pieces: asyncio.Queue[Piece | None] = asyncio.Queue()
        self._task: asyncio.Task[Answer] | None = None
        self._first: Piece | None = None

    @property
    def answer(self) -> Answer:
        """The answer, once all pieces have been heard."""
        assert self._task is not None
        return self._task.result()

    async def __aenter__(self) -> Self:
        pieces = self._pieces
        self._task = asyncio.create_task(self._answering(pieces.put_nowait))
        self._task.add_done_callback(lambda _: pieces.put_nowait(None))
        try:
            self._first = await pieces.get()
            if self._first is None:
                self._first = _whole(self.answer)
                pieces.put_nowait(None)
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._end()

    async def __aiter__(self) -> AsyncIterator[Piece]:
        piece = self._first
        while piece is not None:
            yield piece
            piece = await self._pieces.get()
        _ = self.answer  # raises where it failed in the middle

    async def _end(self) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait([self._task])
        if not self._task.cancelled():
            self._task.exception()  # seen: whoever listened has had it


def said(delta: Mapping[str, Any]) -> dict[str, Any]:
    """What a chunk's delta says, without role and empty fields; empty when that is nothing."""
    piece = {name: value for name, value in delta.items() if value and name != "role"}
    if isinstance(calls := piece.get("tool_calls"), list):
        # Whole messages number no calls, and some servers no deltas.
        piece["tool_calls"] = [{"index": nth, **call} for nth, call in enumerate(calls)]
    return piece


def _whole(answer: Answer) -> dict[str, Any]:
    own = {"content": answer.text, "tool_calls": list(answer.tool_calls)}
    return said({**answer.fields, **own})


# "Reflex has earned it but cannot": the next in fallback.order may be local.
_ILL = frozenset(
    {
        Reason.SERVER_UNHEALTHY,
        Reason.MODEL_NOT_AVAILABLE,
        Reason.MAX_FAILURES_REACHED,
        Reason.BACKEND_FAILED,
    }
)
# "This is the cloud's own work", not a fallback that to_cloud could forbid.
_CLOUD_WORK = frozenset({Reason.NOT_IMPLEMENT_STAGE, Reason.REFLEX_DISABLED})


@dataclass(frozen=True, slots=True)
class RunContext:
    """What all calls of a run share."""

    run_id: str
    origin: str
    policy: PolicySnapshot
    backends: Mapping[str, Backend]
    breakers: Mapping[str, Breaker]
    situation: RoutingState
    evidence: Evidence
    clock: Clock
    client: Callable[[Backend], ChatClient]
    shadow: ShadowCalls | None = None


class RoutedCall:
    """Conducts one call to its answer, once; ``asked`` tells who was asked last, and why."""

    def __init__(
        self, run: RunContext, request: ChatRequest, stage: Stage, terms: CallOptions | None = None
    ) -> None:
        self.call_id = uuid.uuid4().hex
        self.asked: AskedBackend | None = None
        self._run = run
        self._request = request
        self._terms = terms or CallOptions()
        self._call = Call(self.call_id, stage, run.origin)
        self._started = self._deciding_since = run.clock.monotonic()
        self._limit = run.policy.reflex.fallback.max_failures
        self._attempts = 0
        self._failed: BackendError | None = None
        self._left_behind = False
        self._warnings: list[str] = []
        self._recordings: list[Recording] = []
        self._listener: OnDelta | None = None
        self._heard = False

    async def answer(self, heard: OnDelta | None = None) -> Answer:
        """The first complete, valid answer of whoever may give one.

        ``heard`` is told a cloud's reply piece by piece, as it comes; what it was told cannot be
        taken back, so nobody else is asked from then on. It hears nothing of a local server.

        Raises:
            BackendError: the last one asked failed, and nobody else may answer.
            NoBackend: nobody may answer.
            CapsuleError: the decision could not be recorded; nothing was sent.
        """
        self._listener = heard
        try:
            answer = await self._first_answer()
        except (BackendError, CapsuleError, NoBackend):
            await self._recorded()
            raise
        if self._run.shadow:
            self._run.shadow.consider(self._request, self._call.stage, answer)
        return answer

    def stream(self) -> Stream:
        """The call as a context whose body hears the answer piece by piece."""
        return Stream(self.answer)

    async def _first_answer(self) -> Answer:
        sight = await self._run.situation.look(self._call.stage)
        decision = sight.decision
        if decision.mode is Mode.REFLEX and PRIMARY in self._terms.given_up:
            self._left_behind = True
            decision = RoutingDecision(Mode.CLOUD, Reason.MAX_FAILURES_REACHED, ATTEMPTS_FAILED)
        elif decision.mode is Mode.REFLEX:
            answer = await self._ask_primary(decision)
            if answer:
                return answer
            decision = self._after_primary()
        for backend in self._successors(decision, sight):
            answer = await self._ask_once(backend, decision)
            if answer:
                return answer
            if self._heard:
                break
        if self._failed:
            raise self._failed
        raise _nobody(decision)

    async def _ask_primary(self, decision: RoutingDecision) -> Answer | None:
        """Ask the primary until it answers, or its failure count reaches the limit.

        Other calls' successes set the count back meanwhile, so this call's own attempts count too.
        """
        backend, breaker = self._run.backends[PRIMARY], self._run.breakers[PRIMARY]
        request = self._prepared(backend)
        recorded = False
        for _ in range(self._limit):
            admission = breaker.admit(backend.timeout_ms / 1000)
            if admission is None:
                break
            try:
                if admission.transition:
                    self._breaker_changed(backend, admission.transition, "recovery_due")
                if not recorded:
                    await self._record(backend, decision, is_fallback=False)
                    recorded = True
                outcome = await self._attempt(backend, request)
            except BaseException:
                breaker.released(admission)
                raise
            self._settle(backend, breaker, admission, outcome)
            if outcome.reply:
                return await self._answered(backend, decision, outcome.reply, is_fallback=False)
            assert outcome.error is not None
            if outcome.error.counting is not Counting.COUNTED or admission.lease:
                break
            request = corrected(request, outcome.error)
        return None

    def _after_primary(self) -> RoutingDecision:
        breaker = self._run.breakers[PRIMARY].view()
        exhausted = max(breaker.failure_count, self._attempts) >= self._limit
        reason = Reason.MAX_FAILURES_REACHED if exhausted else Reason.BACKEND_FAILED
        cause = self._failed.code if self._failed else breaker.state.value
        return RoutingDecision(Mode.CLOUD, reason, cause)

    async def _ask_once(self, backend: Backend, decision: RoutingDecision) -> Answer | None:
        """Ask a successor once; a local one only if its own breaker lets the call through."""
        breaker = self._run.breakers.get(backend.name)
        admission = breaker.admit(backend.timeout_ms / 1000) if breaker else None
        if breaker and not admission:
            return None
        is_fallback = self._failed is not None or self._left_behind or backend.name != CLOUD
        try:
            await self._record(backend, decision, is_fallback=is_fallback)
            outcome = await self._attempt(backend, self._prepared(backend))
        except BaseException:
            if breaker and admission:
                breaker.released(admission)
            raise
        if breaker and admission:
            self._settle(backend, breaker, admission, outcome)
        if outcome.reply is None:
            return None
        return await self._answered(backend, decision, outcome.reply, is_fallback=is_fallback)

    def _successors(self, decision: RoutingDecision, sight: RoutingFacts) -> Iterator[Backend]:
        """Who is asked when reflex is not, or no longer, the one to answer."""
        backends, fallback = self._run.backends, self._run.policy.reflex.fallback
        given_up = self._terms.given_up
        if decision.reason in _CLOUD_WORK:
            if CLOUD not in given_up:
                yield backends[CLOUD]
            return
        # A local server stands in for a primary that has earned its place and is ill; it is no
        # way round the gate.
        earned = (
            decision.reason in _ILL and (sight.gate or self._run.situation.gates.view(None)).valid
        )
        order = fallback.order if CLOUD in fallback.order else (*fallback.order, CLOUD)
        for name in order:
            allowed = fallback.to_cloud if name == CLOUD else earned
            if allowed and name not in given_up:
                yield backends[name]

    async def _attempt(self, backend: Backend, request: ChatRequest) -> Outcome:
        """One HTTP request, and its record begun."""
        await self._recorded()
        self._attempts += 1
        outcome, recording = await ask_and_begin_record(
            self._run.client(backend),
            request,
            call=self._call,
            backend=backend,
            evidence=self._run.evidence,
            clock=self._run.clock,
            number=self._attempts,
            fallback_reason=self._fallback_reason(),
            on_delta=self._hear if self._listener and backend.mode is Mode.CLOUD else None,
        )
        if outcome.error:
            self._failed = outcome.error
            if backend.name == PRIMARY:
                self._run.situation.monitor.invalidate()
        self._recordings.append(recording)
        self._deciding_since = self._run.clock.monotonic()
        return outcome

    async def _recorded(self) -> None:
        """Wait until all that was begun is durable, or has left a warning."""
        recordings, self._recordings = self._recordings, []
        for recording in recordings:
            if warning := await recording:
                self._warnings.append(warning)

    def _fallback_reason(self) -> str | None:
        if self._failed:
            return self._failed.code
        return ATTEMPTS_FAILED if self._left_behind else None

    def _hear(self, delta: Mapping[str, Any]) -> None:
        assert self._listener is not None
        if piece := said(delta):
            self._heard = True
            self._listener(piece)

    async def _record(
        self, backend: Backend, decision: RoutingDecision, *, is_fallback: bool
    ) -> None:
        await self._run.evidence.decided(
            self._call,
            backend,
            decision.reason,
            decision.detail,
            latency_ms=1000 * (self._run.clock.monotonic() - self._deciding_since),
            failure_count=self._run.breakers[PRIMARY].view().failure_count,
            is_fallback=is_fallback,
        )
        self.asked = AskedBackend(backend.mode, decision.reason, backend.name, backend.model)

    def _settle(
        self, backend: Backend, breaker: Breaker, admission: Admission, outcome: Outcome
    ) -> None:
        """Tell the breaker how it ended, and the capsule what that changed."""
        if outcome.error is None:
            transition, cause = breaker.succeeded(), "success"
        elif outcome.error.counting is Counting.NOT_COUNTED:
            breaker.released(admission)
            return
        else:
            transition, cause = breaker.failed(outcome.error.counting), outcome.error.code
        if transition:
            self._breaker_changed(backend, transition, cause)

    def _breaker_changed(self, backend: Backend, transition: Transition, cause: str) -> None:
        recording = self._run.evidence.begin_breaker_changed(backend, transition, cause)
        self._recordings.append(recording)

    def _prepared(self, backend: Backend) -> ChatRequest:
        request = self._request
        if backend.mode is Mode.CLOUD:
            if self._terms.sampled_locally:
                request = replace(request, temperature=None, seed=None, max_tokens=None)
            return _worded_by_caller(request)
        if self._run.policy.reflex.json_schema or request.schema is None:
            return request
        return unconstrained(request)

    async def _answered(
        self, backend: Backend, decision: RoutingDecision, reply: Reply, *, is_fallback: bool
    ) -> Answer:
        await self._recorded()
        return Answer(
            text=reply.text,
            data=reply.data,
            mode=backend.mode,
            reason=decision.reason,
            detail=decision.detail,
            backend=backend.name,
            model=backend.model,
            finish_reason=reply.finish_reason,
            ttft_ms=reply.ttft_ms,
            latency_ms=reply.latency_ms,
            total_ms=1000 * (self._run.clock.monotonic() - self._started),
            attempts=self._attempts,
            call_id=self._call.call_id,
            run_id=self._run.run_id,
            is_fallback=is_fallback,
            tool_calls=reply.tool_calls,
            prompt_tokens=reply.prompt_tokens,
            completion_tokens=reply.completion_tokens,
            cached_tokens=reply.cached_tokens,
            fields=reply.fields,
            usage=reply.usage,
            around=reply.around,
            warnings=tuple(self._warnings),
        )


def _worded_by_caller(request: ChatRequest) -> ChatRequest:
    """What a cloud is sent: the schema as the caller wrote it, where he did."""
    if request.response_format is None:
        return request
    extra = {**request.extra, "response_format": request.response_format}
    return replace(request, constrain=False, extra=extra)


def _nobody(decision: RoutingDecision) -> NoBackend:
    why = f"{decision.reason}: {decision.detail}" if decision.detail else str(decision.reason)
    return NoBackend(
        f"nobody may answer this call ({why})",
        remedy="See `code reflex status`; with [reflex.fallback] to_cloud = true the cloud may.",
    )
