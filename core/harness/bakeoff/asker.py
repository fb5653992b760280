"""Asks an arm's backend directly, past gate and breaker, and leaves evidence of every call."""

from __future__ import annotations

import asyncio
import math
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

from core.client.chat import ChatClient
from core.client.server import most_replies
from core.errors import (
    ConnectFailed,
    IncompleteReply,
    Misconfigured,
    RateLimited,
    ServerError,
    StatusError,
)
from core.router.attempts import Attempts, Why
from core.router.evidence import Call
from core.router.fitting import fitted
from core.stages import Reason, Stage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.client.backend import ChatRequest
    from core.clock import Clock
    from core.errors import BackendError
    from core.harness.bakeoff.arms import Arm
    from core.patchloop.job import Ask
    from core.router.evidence import Evidence, Outcome

ORIGIN = "bakeoff"
# A cloud that is busy or away for a moment has not failed the task.
PAUSES_S = (1.0, 4.0, 15.0)
_MOST_PAUSE_S = 60.0
_PASSING = (RateLimited, ServerError, ConnectFailed, IncompleteReply)


class Asker:
    """Asks one arm, any number of calls at once; close it at the end.

    ``constrain`` is whether a local server is sent the schema as a constraint. ``pauses_s`` are
    the waits before a cloud that refused is asked again.
    """

    def __init__(
        self,
        arm: Arm,
        evidence: Evidence,
        clock: Clock,
        *,
        constrain: bool = True,
        pauses_s: Sequence[float] = PAUSES_S,
    ) -> None:
        self._arm = arm
        self._evidence = evidence
        self._clock = clock
        self._constrain = constrain
        self._pauses_s = () if arm.local else tuple(pauses_s)
        patient = replace(arm.backend, timeout_ms=math.ceil(arm.request_timeout_ms))
        self._records: set[asyncio.Task[None]] = set()
        self._client = ChatClient(patient, clock=clock)

    def on_behalf_of(self, what: str) -> Ask:
        """An ``Ask`` whose decisions name ``what`` they were for."""

        async def ask(request: ChatRequest) -> Outcome:
            fit = fitted(
                request,
                self._arm.backend,
                json_schema=self._constrain,
                identity=self._arm.identity,
                local_sampling=True,
            )
            return await self._ask(fit, what)

        return ask

    async def most_replies(self) -> int:
        """How many replies may be asked for by one request."""
        told = self._arm.local and self._client.takes_several
        return most_replies(self._arm.identity) if told else 1

    async def aclose(self) -> None:
        """Close the connections, once all is on record."""
        await self.settled()
        await self._client.aclose()

    async def settled(self) -> None:
        """Return once every call so far is on record, or could not be put there."""
        await asyncio.gather(*self._records)

    async def _ask(self, request: ChatRequest, what: str) -> Outcome:
        """One call: several attempts at a cloud that is away for a moment, else one.

        Raises:
            BackendError: The arm cannot be asked at all, as its configuration is at fault or the
                cloud stays away: no verdict could rest on that.
            CapsuleError: The decision could not be recorded; nothing was sent.
        """
        attempts = Attempts(
            Call(uuid.uuid4().hex, Stage.IMPLEMENT, ORIGIN), self._evidence, self._clock
        )
        outcome = await self._attempt(attempts, request, what)
        for pause_s in self._pauses_s:
            if not isinstance(outcome.error, _PASSING):
                break
            wished_s = getattr(outcome.error, "retry_after_s", None) or 0.0
            await asyncio.sleep(min(max(pause_s, wished_s), _MOST_PAUSE_S))
            outcome = await self._attempt(attempts, request, what)
        if outcome.error is not None and self._hopeless(outcome.error):
            raise outcome.error
        return outcome

    def _hopeless(self, error: BackendError) -> bool:
        return isinstance(error, Misconfigured) or (
            not self._arm.local and isinstance(error, (*_PASSING, StatusError))
        )

    async def _attempt(self, attempts: Attempts, request: ChatRequest, what: str) -> Outcome:
        """One request; it is put on record while its reply is looked at, as tests take longer."""
        why = Why(Reason.BAKEOFF, what)
        outcome = await attempts.make(self._client, self._arm.backend, request, why)
        assert outcome is not None
        record = asyncio.create_task(attempts.recorded())
        self._records.add(record)
        record.add_done_callback(self._records.discard)
        return outcome
