"""A patch loop's surroundings: replies as planned, and a check that looks for a word."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from core.client.backend import ChatRequest, Reply
from core.client.schema import parse
from core.errors import BackendError, NotCompliant
from core.patchloop.job import CheckResult, Job
from core.patchloop.trial import FailureKind
from core.router.evidence import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

GOOD = "def answer():\n    return 42\n"
WRONG = "def answer():\n    return 41\n"
BROKEN = "def answer():\n    return 0\n"


def job(**changes: Any) -> Job:
    """Make ``answer.py`` return 42."""
    given: dict[str, Any] = {
        "instruction": "The answer is 42.",
        "files": {"answer.py": BROKEN, "notes.txt": "keep\n"},
        "editable": ("answer.py",),
        "failing": "0 == 42 is false",
    }
    return Job(**{**given, **changes})


def whole(content: str, path: str = "answer.py") -> str:
    """A reply in the form that ``auto`` chooses for a short file."""
    lines = content.removesuffix("\n").split("\n")
    return json.dumps({"edits": [{"path": path, "code": lines}]})


Said = str | BackendError


class Answers:
    """An ``Ask`` that gives planned replies, in order of asking; the last one again and again.

    A plan is the reply's text or a BackendError, with the latency in ms and, in seconds, how long
    it really takes.
    """

    def __init__(
        self, *plans: str | BackendError | tuple[str | BackendError, float, float]
    ) -> None:
        self._plans = [one if isinstance(one, tuple) else (one, 10.0, 0.0) for one in plans]
        self.requests: list[ChatRequest] = []
        self.cancelled = 0

    async def __call__(self, request: ChatRequest) -> Outcome:
        plan, latency_ms, takes_s = self._plans[min(len(self.requests), len(self._plans) - 1)]
        self.requests.append(request)
        try:
            await asyncio.sleep(takes_s)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if isinstance(plan, BackendError):
            return Outcome(latency_ms, error=plan)
        try:
            data = parse(plan, request.schema) if request.schema else None
        except NotCompliant as error:
            return Outcome(latency_ms, error=error)
        reply = Reply(
            text=plan,
            finish_reason="stop",
            latency_ms=latency_ms,
            ttft_ms=latency_ms / 2,
            first_chunk_ms=latency_ms / 2,
            data=data,
            prompt_tokens=100,
            completion_tokens=len(plan),
        )
        return Outcome(latency_ms, reply=reply)


class Wants42:
    """A ``Check`` that passes when ``answer.py`` returns 42; ``lint`` is what it says of lint."""

    def __init__(self, *, lint: bool | None = None) -> None:
        self._lint = lint
        self.looked_at: list[tuple[Mapping[str, str], Sequence[str]]] = []

    async def __call__(self, files: Mapping[str, str], changed: Sequence[str]) -> CheckResult:
        self.looked_at.append((files, changed))
        if "return 42" not in files["answer.py"]:
            return CheckResult(passed=False, feedback="it is not 42", failure=FailureKind.TEST)
        failure = FailureKind.LINT if self._lint is False else None
        return CheckResult(passed=True, feedback="unused", failure=failure, lint_passed=self._lint)
