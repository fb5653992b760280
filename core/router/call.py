"""One routed call: who is asked first, who next, and when to stop.

``RoutedCall`` looks at the facts, applies the rule, asks the primary until it answers or has
failed too often, then goes down ``fallback.order``. How one attempt is made and recorded is
``Attempts``' affair.
"""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from core.client.backend import NativePiece
from core.errors import (
    BackendError,
    CapsuleError,
    Counting,
    MalformedRequest,
    NoBackend,
    TooLong,
)
from core.monitor.holdout import NOT_COMPARED, held_out
from core.router.answer import Answer, Stream, piece_of
from core.router.attempts import Attempts, Why
from core.router.decision import ATTEMPTS_FAILED, CallOptions, RoutingDecision
from core.router.evidence import AskedBackend, Call, Evidence
from core.router.fitting import corrected, fitted
from core.stages import CLOUD, PRIMARY, Mode, Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from core.client.backend import Backend, ChatRequest, Reply
    from core.client.chat import ChatClient
    from core.client.replies import OnDelta
    from core.clock import Clock
    from core.router.breaker import Breaker
    from core.router.health import HealthMonitor
    from core.router.shadow import ShadowCalls
    from core.router.view import RoutingState
    from core.settings.policy import PolicySnapshot
    from core.stages import Stage

# "Reflex has earned it but cannot": the next in fallback.order may be local.
_UNHEALTHY = frozenset(
    {
        Reason.SERVER_UNHEALTHY,
        Reason.MODEL_NOT_AVAILABLE,
        Reason.MAX_FAILURES_REACHED,
        Reason.BACKEND_FAILED,
    }
)
# "This is the cloud's own work", not a fallback that to_cloud could forbid.
_CLOUD_WORK = frozenset({Reason.NOT_IMPLEMENT_STAGE, Reason.REFLEX_DISABLED, Reason.NEEDS_CLOUD})


@dataclass(frozen=True, slots=True)
class RunContext:
    """What all calls of a run share; ``monitors`` are those of the local backends."""

    run_id: str
    origin: str
    policy: PolicySnapshot
    backends: Mapping[str, Backend]
    breakers: Mapping[str, Breaker]
    monitors: Mapping[str, HealthMonitor]
    state: RoutingState
    evidence: Evidence
    clock: Clock
    client: Callable[[Backend], ChatClient]
    check_loop: Callable[[], None]
    shadow: ShadowCalls | None = None


class RoutedCall:
    """One call on its way to its answer; ``answer`` or ``stream`` makes it, once."""

    def __init__(
        self,
        run: RunContext,
        request: ChatRequest,
        stage: Stage,
        options: CallOptions | None = None,
    ) -> None:
        self.call_id = uuid.uuid4().hex
        self._run = run
        self._request = request
        self._stage = stage
        self._options = options or CallOptions()
        self._started = run.clock.monotonic()
        self._attempts = Attempts(
            Call(
                self.call_id,
                stage,
                run.origin,
                self._options.caller,
                self._options.task_id,
                limit_is_ours=self._options.local_sampling,
            ),
            run.evidence,
            run.clock,
            failure_count=lambda: run.breakers[PRIMARY].view().failure_count,
        )
        self._left_behind = False
        self._asked_primary = False
        self._listener: OnDelta | None = None
        self._passed_on = False

    @property
    def asked(self) -> AskedBackend | None:
        """Who was asked last, and why; None before anybody is."""
        return self._attempts.asked

    async def answer(self, on_piece: OnDelta | None = None) -> Answer:
        """The first complete, valid answer of whoever may give one.

        ``on_piece`` gets a cloud's reply piece by piece, as it comes; what it got cannot be taken
        back, so no other backend is asked from then on. It gets nothing of a local server.

        Raises:
            BackendError: the last one asked failed, and no other backend may answer.
            NoBackend: no backend is allowed to answer.
            CapsuleError: the decision could not be recorded; nothing was sent.
            WrongEventLoop: this is not the Implementer's event loop.
        """
        self._run.check_loop()
        self._listener = on_piece
        try:
            answer = await self._first_answer()
        except (BackendError, NoBackend, asyncio.CancelledError) as error:
            await self._unanswered(getattr(error, "code", "cancelled"))
            raise
        except CapsuleError:
            await self._attempts.recorded()
            raise
        finally:
            if self._asked_primary:
                self._run.state.call_ended()
        if self._run.shadow and not (self._options.needs_cloud or self._options.checked):
            self._run.shadow.consider(self._request, self._stage, answer)
        return answer

    async def _unanswered(self, error: str) -> None:
        if self._options.local_only and self.asked is None:
            return  # a further candidate that there was no server for
        await self._attempts.unanswered(error)

    def stream(self) -> Stream:
        """The call as a context whose body gets the answer piece by piece."""
        return Stream(self.answer)

    async def _first_answer(self) -> Answer:
        decision = await self._run.state.decide(
            self._stage, self._request, holdout=self._is_held_out()
        )
        if decision.mode is Mode.REFLEX and PRIMARY in self._options.given_up:
            self._left_behind = True
            decision = RoutingDecision(Mode.CLOUD, Reason.MAX_FAILURES_REACHED, ATTEMPTS_FAILED)
        elif self._options.needs_cloud and decision.reason not in _CLOUD_WORK:
            decision = RoutingDecision(Mode.CLOUD, Reason.NEEDS_CLOUD, self._options.needs_cloud)
        elif decision.mode is Mode.REFLEX:
            answer = await self._ask_primary(self._earned(decision))
            if answer:
                return answer
            self._end_if_malformed()
            decision = self._after_primary()
        for backend in await self._successors(decision):
            answer = await self._ask(backend, await self._fitted(backend), decision)
            if answer:
                return answer
            self._end_if_malformed()
            if self._passed_on:
                break
        answer = await self._instead_of_cloud(decision)
        if answer:
            return answer
        raise self._attempts.error or _unasked(decision)

    def _end_if_malformed(self) -> None:
        """Nobody else is asked what cannot be sent; a cloud may be sent the caller's own words."""
        error = self._attempts.error
        if isinstance(error, MalformedRequest) and self._request.native is None:
            raise error

    async def _instead_of_cloud(self, decision: RoutingDecision) -> Answer | None:
        """Reflex's answer to a held-out call that the cloud failed: a comparison costs no call."""
        if decision.reason is not Reason.HOLDOUT:
            return None
        if self._passed_on or self._options.local_only:
            return None
        error = self._attempts.error
        detail = error.code if error else None
        return await self._ask_primary(RoutingDecision(Mode.REFLEX, Reason.BACKEND_FAILED, detail))

    async def _ask_primary(self, decision: RoutingDecision) -> Answer | None:
        """Ask the primary until it answers, or its failure count reaches the limit.

        Other calls' successes set the count back meanwhile, so this call's own attempts count too.
        """
        backend = self._run.backends[PRIMARY]
        self._asked_primary = True
        request = await self._fitted(backend)
        for number in range(1, self._run.policy.reflex.fallback.max_failures + 1):
            answer = await self._ask(backend, request, decision)
            error = self._attempts.error
            if answer or error is None or self._attempts.count < number:
                return answer
            if error.counting is not Counting.COUNTED:
                break
            request = corrected(request, error)
        return None

    def _is_held_out(self) -> bool:
        """Whether the cloud shall answer for comparison; both sides must be free to."""
        reflex = self._run.policy.reflex
        may = reflex.fallback.to_cloud and not {PRIMARY, CLOUD} & self._options.given_up
        return may and held_out(self._options.task_id or self.call_id, reflex.monitor.holdout)

    def _earned(self, decision: RoutingDecision) -> RoutingDecision:
        """The decision for reflex; on record is where no comparison could have been made."""
        compares = self._run.policy.reflex.monitor.holdout and CLOUD in self._options.given_up
        return replace(decision, detail=NOT_COMPARED) if compares else decision

    def _after_primary(self) -> RoutingDecision:
        breaker, error = self._run.breakers[PRIMARY].view(), self._attempts.error
        failures = max(breaker.failure_count, self._attempts.counted)
        exhausted = failures >= breaker.max_failures
        reason = Reason.MAX_FAILURES_REACHED if exhausted else Reason.BACKEND_FAILED
        return RoutingDecision(Mode.CLOUD, reason, error.code if error else breaker.state.value)

    async def _successors(self, decision: RoutingDecision) -> list[Backend]:
        """Who is asked, in order, when reflex is not, or no longer, the one to answer."""
        fallback = self._run.policy.reflex.fallback
        if decision.reason in _CLOUD_WORK:
            names = [CLOUD]
        else:
            # A local server stands in for a primary that has earned its place and is down; it is
            # no way round the gate.
            earned = decision.reason in _UNHEALTHY and (await self._run.state.gate()).valid
            order = fallback.order if CLOUD in fallback.order else (*fallback.order, CLOUD)
            names = [n for n in order if (fallback.to_cloud if n == CLOUD else earned)]
        return [self._run.backends[name] for name in names if name not in self._options.not_asked]

    async def _ask(
        self, backend: Backend, request: ChatRequest, decision: RoutingDecision
    ) -> Answer | None:
        """One attempt; None where it failed, or where the backend's breaker forbids it."""
        attempts = self._attempts
        late = attempts.error is not None or self._left_behind or backend.name != CLOUD
        why = Why(
            decision.reason,
            decision.detail,
            is_fallback=backend.name != PRIMARY and late,
            after=ATTEMPTS_FAILED if self._left_behind else None,
        )
        outcome = await attempts.make(
            self._run.client(backend),
            backend,
            request,
            why,
            breaker=self._run.breakers.get(backend.name),
            on_delta=self._pass_on if self._listener and backend.mode is Mode.CLOUD else None,
        )
        if outcome and outcome.error and backend.name == PRIMARY:
            self._run.state.monitor.invalidate()
        if outcome is None or outcome.reply is None:
            return None
        if backend.name == PRIMARY:
            self._run.state.fit.learn(request, outcome.reply.prompt_tokens)
        await attempts.recorded()
        return self._answer(backend, why, outcome.reply)

    def _pass_on(self, delta: Mapping[str, Any]) -> None:
        assert self._listener is not None
        piece = piece_of(delta)
        if piece or isinstance(piece, NativePiece):
            self._passed_on = True
            self._listener(piece)

    async def _fitted(self, backend: Backend) -> ChatRequest:
        """The request as ``backend`` takes it; some depends on who answers there."""
        identity, monitor = None, self._run.monitors.get(backend.name)
        matters = self._request.schema is not None or self._request.n > 1
        if monitor is not None and matters:
            identity = (await monitor.current()).engine
        return fitted(
            self._request,
            backend,
            json_schema=self._run.policy.reflex.json_schema,
            identity=identity,
            local_sampling=self._options.local_sampling,
        )

    def _answer(self, backend: Backend, why: Why, reply: Reply) -> Answer:
        return Answer(
            text=reply.text,
            data=reply.data,
            mode=backend.mode,
            reason=why.reason,
            detail=why.detail,
            backend=backend.name,
            model=backend.model,
            finish_reason=reply.finish_reason,
            ttft_ms=reply.ttft_ms,
            latency_ms=reply.latency_ms,
            total_ms=1000 * (self._run.clock.monotonic() - self._started),
            attempts=self._attempts.count,
            call_id=self.call_id,
            run_id=self._run.run_id,
            is_fallback=why.is_fallback,
            tool_calls=reply.tool_calls,
            prompt_tokens=reply.prompt_tokens,
            completion_tokens=reply.completion_tokens,
            cached_tokens=reply.cached_tokens,
            fields=reply.fields,
            usage=reply.usage,
            around=reply.around,
            in_choice=reply.in_choice,
            choices=reply.choices,
            stop_sequence=reply.stop_sequence,
            warnings=tuple(self._attempts.warnings),
        )


def _unasked(decision: RoutingDecision) -> BackendError | NoBackend:
    """Why nobody was asked; an agent whose prompt is too long makes it shorter."""
    if decision.reason is Reason.PROMPT_EXCEEDS_CONTEXT:
        tokens, _, context = str(decision.detail).removesuffix("_tokens").partition("_of_")
        return TooLong(
            f"the prompt has at least {tokens} tokens, and the local model's maximum context length"
            f" is {context} tokens",
            status=400,
            remedy="Shorten the prompt, or raise the server's context size.",
        )
    why = f"{decision.reason}: {decision.detail}" if decision.detail else str(decision.reason)
    return NoBackend(
        f"no backend is allowed to answer this call ({why})",
        remedy="See `code reflex status`; with [reflex.fallback] to_cloud = true the cloud may.",
    )
