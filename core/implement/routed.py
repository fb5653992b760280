"""The patch loop's questions, put to the router; and which backends the task has left behind."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from typing import TYPE_CHECKING

from core.client.backend import Reply
from core.errors import (
    BackendError,
    BadRequest,
    ConnectFailed,
    Misconfigured,
    NoBackend,
    RateLimited,
    ServerError,
)
from core.patchloop.questions import FIRST_TEMPERATURE
from core.router.decision import CallOptions
from core.router.evidence import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.client.backend import ChatRequest
    from core.clock import Clock
    from core.router.answer import Answer
    from core.router.evidence import AskedBackend
    from core.router.implementer import Implementer
    from core.stages import Stage

# Asking again would end the same way.
_HOPELESS = (BadRequest, Misconfigured, ConnectFailed)
_BUSY = (RateLimited, ServerError)
PAUSE_S = 1.0
_MOST_PAUSE_S = 30.0


class RoutedAsk:
    """An ``Ask`` that goes by the routing rule, call by call.

    A backend whose replies have failed ``max_failures`` attempts is given up: the task goes on to
    the next in ``fallback.order``. Of several candidates the first goes wherever the rule sends
    it, the others to local servers alone, where a reply costs nothing. The hold-out takes the task
    as a whole or not at all. ``on_answer`` is called with each answer, before it is checked.
    """

    def __init__(
        self,
        implementer: Implementer,
        stage: Stage,
        clock: Clock,
        *,
        max_failures: int,
        pause_s: float = PAUSE_S,
        on_answer: Callable[[Answer], None] = lambda _: None,
    ) -> None:
        self.warnings: list[str] = []
        self.answers: dict[str, Answer] = {}
        self._implementer = implementer
        self._stage = stage
        self._clock = clock
        self._max_failures = max_failures
        self._pause_s = pause_s
        self._on_answer = on_answer
        self._wait_s = 0.0
        self._task_id = uuid.uuid4().hex
        self._failed: Counter[str] = Counter()
        self._asked: list[AskedBackend] = []

    @property
    def given_up(self) -> frozenset[str]:
        """The backends that have failed this task as often as they may."""
        return frozenset(name for name, n in self._failed.items() if n >= self._max_failures)

    def last_answers(self, backend: str) -> list[str]:
        """The id of the newest call that ``backend`` answered; none where it answered none."""
        answered = [one.call_id for one in self.answers.values() if one.backend == backend]
        return answered[-1:]

    def ended(self, *, passed: bool) -> tuple[AskedBackend | None, frozenset[str]]:
        """Close the attempt under way: who was asked, the first first, and who is given up now."""
        before, asked = self.given_up, self._asked
        self._asked = []
        if not passed:
            self._failed.update({one.backend for one in asked})
        return (asked[0] if asked else None), self.given_up - before

    async def most_replies(self) -> int:
        """How many replies one request may ask for at the local server whose turn it is."""
        return await self._implementer.most_replies(given_up=self.given_up)

    async def __call__(self, request: ChatRequest) -> Outcome:
        """Ask by the rule.

        Raises:
            BackendError: Whoever was asked last cannot be used at all.
            NoBackend: Nobody may answer, or nobody is left.
            CapsuleError: The decision could not be recorded; nothing was sent.
        """
        further = request.temperature != FIRST_TEMPERATURE
        wait_s, self._wait_s = self._wait_s, 0.0
        await asyncio.sleep(wait_s)
        options = CallOptions(
            self.given_up,
            local_only=further,
            local_sampling=True,
            checked=True,
            task_id=self._task_id,
        )
        call = await self._implementer.call(request, stage=self._stage, options=options)
        started = self._clock.monotonic()
        try:
            answer = await call.answer()
        except NoBackend:
            if not further:
                raise
            error = BackendError("further candidates are asked of local servers alone")
            return Outcome(0.0, error=error)
        except BackendError as error:
            if isinstance(error, _HOPELESS) and not further:
                raise
            if isinstance(error, _BUSY):
                wished_s = getattr(error, "retry_after_s", None) or 0.0
                self._wait_s = min(max(self._pause_s, wished_s), _MOST_PAUSE_S)
            return Outcome(1000 * (self._clock.monotonic() - started), error=error)
        finally:
            if call.asked:
                # The first candidate's place is the first, whichever ends first.
                self._asked.insert(len(self._asked) if further else 0, call.asked)
        self.answers[answer.call_id] = answer
        self.warnings += answer.warnings
        self._on_answer(answer)
        return Outcome(answer.total_ms, reply=_reply(answer), call_id=answer.call_id)


def _reply(answer: Answer) -> Reply:
    return Reply(
        text=answer.text,
        finish_reason=answer.finish_reason,
        latency_ms=answer.latency_ms,
        ttft_ms=answer.ttft_ms,
        first_chunk_ms=None,
        model=answer.model,
        data=answer.data,
        tool_calls=answer.tool_calls,
        prompt_tokens=answer.prompt_tokens,
        completion_tokens=answer.completion_tokens,
        cached_tokens=answer.cached_tokens,
        choices=answer.choices,
    )
