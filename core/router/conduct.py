"""One call on its way: decide, record, ask, and go down the fallback order."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from core.errors import BackendError, CapsuleError, Counting, NoBackend
from core.router.answer import Answer
from core.router.correction import corrected, unconstrained
from core.router.decision import RoutingDecision
from core.router.evidence import Call, Evidence, Outcome, Recording
from core.router.reason import Reason
from core.router.recorded import begun
from core.router.stream import Asked, Stream, said
from core.router.terms import ATTEMPTS_FAILED, Terms
from core.stages import CLOUD, PRIMARY, Mode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from core.client.backend import Backend, ChatRequest, Reply
    from core.client.chat import ChatClient
    from core.client.replies import Heard
    from core.clock import Clock
    from core.policy import PolicySnapshot
    from core.router.breaker_file import Admission, Breaker, Transition
    from core.router.shadow import Shadow
    from core.router.situation import Sight, Situation
    from core.stages import Stage

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
class Run:
    """What all calls of a run share."""

    run_id: str
    origin: str
    policy: PolicySnapshot
    backends: Mapping[str, Backend]
    breakers: Mapping[str, Breaker]
    situation: Situation
    evidence: Evidence
    clock: Clock
    client: Callable[[Backend], ChatClient]
    shadow: Shadow | None = None


class Conduct:
    """Conducts one call to its answer, once; ``asked`` tells who was asked last, and why."""

    def __init__(
        self, run: Run, request: ChatRequest, stage: Stage, terms: Terms | None = None
    ) -> None:
        self.call_id = uuid.uuid4().hex
        self.asked: Asked | None = None
        self._run = run
        self._request = request
        self._terms = terms or Terms()
        self._call = Call(self.call_id, stage, run.origin)
        self._started = self._deciding_since = run.clock.monotonic()
        self._limit = run.policy.reflex.fallback.max_failures
        self._attempts = 0
        self._failed: BackendError | None = None
        self._left_behind = False
        self._warnings: list[str] = []
        self._recordings: list[Recording] = []
        self._listener: Heard | None = None
        self._heard = False

    async def answer(self, heard: Heard | None = None) -> Answer:
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

    def _successors(self, decision: RoutingDecision, sight: Sight) -> Iterator[Backend]:
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
        outcome, recording = await begun(
            self._run.client(backend),
            request,
            call=self._call,
            backend=backend,
            evidence=self._run.evidence,
            clock=self._run.clock,
            number=self._attempts,
            fallback_reason=self._fallback_reason(),
            heard=self._hear if self._listener and backend.mode is Mode.CLOUD else None,
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
        self.asked = Asked(backend.mode, decision.reason, backend.name, backend.model)

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
