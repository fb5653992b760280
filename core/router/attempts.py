"""Decide, record, ask, record: the only place where a model is asked.

Routed, shadow, bakeoff and replayed calls all go through ``Attempts``. The decision is durable
before its request leaves; each attempt's end is recorded, an interrupted one's too; and the
backend's circuit breaker, where one has a say, learns how it ended.
"""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import (
    BackendError,
    BadRequest,
    Counting,
    CutByCaller,
    CutReply,
    IncompleteReply,
)
from core.router.evidence import AskedBackend, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.client.backend import Backend, ChatRequest, Reply
    from core.client.chat import ChatClient
    from core.client.replies import OnDelta
    from core.clock import Clock
    from core.router.breaker import Admission, Breaker, Transition
    from core.router.evidence import Call, Evidence, Recording
    from core.stages import Reason


@dataclass(frozen=True, slots=True)
class Why:
    """Why a backend is asked: what its RoutingDecision says.

    ``after`` is the fallback reason of attempts before which none has failed.
    """

    reason: Reason
    detail: str | None = None
    is_fallback: bool = False
    after: str | None = None


class Attempts:
    """The attempts at answering one call, one after the other.

    ``count`` is the HTTP requests so far, ``counted`` those whose failure the breaker counts;
    ``error`` is the last failure, ``asked`` the last backend asked. ``warnings`` says what could
    not be recorded. ``failure_count`` is what decisions record of the primary's breaker.
    """

    def __init__(
        self,
        call: Call,
        evidence: Evidence,
        clock: Clock,
        *,
        failure_count: Callable[[], int] = lambda: 0,
    ) -> None:
        self.count = 0
        self.counted = 0
        self.error: BackendError | None = None
        self.asked: AskedBackend | None = None
        self.warnings: list[str] = []
        self._call = call
        self._evidence = evidence
        self._clock = clock
        self._failure_count = failure_count
        self._began = self._deciding_since = clock.monotonic()
        self._recordings: list[Recording] = []

    @property
    def call_id(self) -> str:
        """What all events of the call share."""
        return self._call.call_id

    async def make(
        self,
        client: ChatClient,
        backend: Backend,
        request: ChatRequest,
        why: Why,
        *,
        breaker: Breaker | None = None,
        on_delta: OnDelta | None = None,
    ) -> Outcome | None:
        """Ask ``backend`` once; None when its ``breaker`` does not let the call through.

        The decision is recorded with a backend's first attempt. A failure is an outcome.

        Raises:
            CapsuleError: the decision could not be recorded; nothing was sent.
            BaseException: what interrupted the attempt, once that is on record.
        """
        admission = breaker.admit(backend.timeout_ms / 1000) if breaker else None
        if breaker and admission is None:
            return None
        try:
            if admission and admission.transition:
                self._breaker_changed(backend, admission.transition, "recovery_due")
            if self.asked is None or self.asked.backend != backend.name:
                await self._decide(backend, why)
            outcome = await self._ask(client, backend, request, why, on_delta)
        except BaseException:
            if breaker and admission:
                breaker.released(admission)
            raise
        if outcome.error:
            self.error = outcome.error
            self.counted += outcome.error.counting is Counting.COUNTED
        if breaker and admission:
            self._tell(breaker, admission, backend, outcome)
        self._deciding_since = self._clock.monotonic()
        return outcome

    async def recorded(self) -> None:
        """Return once all so far is durable, or a warning says what is not."""
        recordings, self._recordings = self._recordings, []
        for recording in recordings:
            if warning := await recording:
                self.warnings.append(warning)

    async def unanswered(self, error: str) -> None:
        """Put on record that the call ends without an answer; ``error`` is the code why."""
        recording = self._evidence.begin_unanswered_record(
            self._call,
            self.asked,
            error,
            attempts=self.count,
            waited_ms=1000 * (self._clock.monotonic() - self._began),
        )
        self._recordings.append(recording)
        await self.recorded()

    async def _decide(self, backend: Backend, why: Why) -> None:
        await self._evidence.record_decision(
            self._call,
            backend,
            why.reason,
            why.detail,
            latency_ms=1000 * (self._clock.monotonic() - self._deciding_since),
            failure_count=self._failure_count(),
            is_fallback=why.is_fallback,
        )
        self.asked = AskedBackend(
            backend.mode, why.reason, backend.name, backend.model, backend.endpoint, backend.api
        )

    async def _ask(
        self,
        client: ChatClient,
        backend: Backend,
        request: ChatRequest,
        why: Why,
        on_delta: OnDelta | None,
    ) -> Outcome:
        """One HTTP request; its record is not awaited, so that the next one can share its sync."""
        await self.recorded()
        self.count += 1
        interruption: BaseException | None = None
        kept = self._evidence.kept(request)
        asyncio.get_running_loop().call_soon(kept.work_out)  # once the request has left
        start = self._clock.monotonic()
        try:
            reply = await client.complete(request, on_delta=on_delta)
            outcome = Outcome(reply.latency_ms, reply=reply)
        except BackendError as error:
            if usable := _usable(request, error):
                outcome = Outcome(usable.latency_ms, reply=usable)
            else:
                if not self._call.limit_is_ours and _is_cut_by_caller(request, error):
                    error = _cut_by_caller(error)
                outcome = Outcome(1000 * (self._clock.monotonic() - start), error=error)
        except BaseException as error:  # noqa: BLE001  raised below, once it is on record
            outcome = Outcome(1000 * (self._clock.monotonic() - start), cancelled=True)
            interruption = error
        recording = self._evidence.begin_call_record(
            self._call,
            backend,
            kept,
            outcome,
            attempt=self.count,
            fallback_reason=self.error.code if self.error else why.after,
            waited_ms=1000 * (self._clock.monotonic() - self._began),
        )
        if interruption:
            await recording
            raise interruption
        self._recordings.append(recording)
        return outcome

    def _tell(
        self, breaker: Breaker, admission: Admission, backend: Backend, outcome: Outcome
    ) -> None:
        """Tell the breaker how an attempt ended, and the capsule what that changed."""
        error = outcome.error
        if error is None:
            transition, cause = breaker.succeeded(), "success"
        elif admission.lease and isinstance(error, BadRequest) and error.from_server:
            # It refuses this one request, and so it is there to answer.
            transition, cause = breaker.succeeded(), error.code
        elif error.counting is Counting.NOT_COUNTED:
            breaker.released(admission)
            return
        else:
            transition, cause = breaker.failed(error.counting), error.code
        if transition:
            self._breaker_changed(backend, transition, cause)

    def _breaker_changed(self, backend: Backend, transition: Transition, cause: str) -> None:
        recording = self._evidence.begin_breaker_record(backend, transition, cause)
        self._recordings.append(recording)


def _usable(request: ChatRequest, error: BackendError) -> Reply | None:
    """The reply that came with ``error``, where it is an answer all the same.

    It is when the caller's own limit cut a plain text, and when the model has nothing to add to a
    tool's result.
    """
    reply: Reply | None = error.partial
    if reply is None or request.schema is not None or reply.tool_calls:
        return None
    if isinstance(error, CutReply):
        if not _is_cut_by_caller(request, error):
            return None
    elif not (isinstance(error, IncompleteReply) and not reply.text and _after_tool(request)):
        return None
    return reply if _is_unicode(reply.text) else None


def _is_cut_by_caller(request: ChatRequest, error: BackendError) -> bool:
    """Whether the caller's own limit cut the reply, and not the server's context."""
    reply: Reply | None = error.partial
    limit = _limit(request)
    if reply is None or limit is None or not isinstance(error, CutReply):
        return False
    fewer = reply.completion_tokens is not None and reply.completion_tokens < limit
    return error.finish_reason == "length" and not fewer


def _cut_by_caller(error: BackendError) -> CutByCaller:
    """The same error as one that says nothing of the server."""
    cut = CutByCaller(
        error.message,
        own_words=error.own_words,
        finish_reason="length",
        remedy="Raise max_tokens: half a JSON object or half a tool call is no use.",
    )
    cut.partial, cut.ttft_ms = error.partial, error.ttft_ms
    cut.schema_sent, cut.asked_stream = error.schema_sent, error.asked_stream
    cut.choices = error.choices
    return cut


def _limit(request: ChatRequest) -> int | None:
    extra = (request.extra.get(name) for name in ("max_completion_tokens", "max_tokens"))
    limits = (request.max_tokens, *extra)
    return next((limit for limit in limits if isinstance(limit, int)), None)


def _after_tool(request: ChatRequest) -> bool:
    """Whether a tool's result came since the assistant's last word; a user's note may follow it."""
    since = itertools.takewhile(
        lambda message: message.get("role") != "assistant", reversed(request.messages)
    )
    return any(message.get("role") == "tool" for message in since)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
