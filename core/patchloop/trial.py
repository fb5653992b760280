"""What a bakeoff observed: an arm's trials at a task, attempt by attempt, as reports store them."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, ClassVar

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
)

from core.errors import ReportError
from core.plain import plain

Count = Annotated[int, Field(ge=0)]
# RFC JSON has no ∞: null is a reply that never came.
Latency = Annotated[
    float,
    BeforeValidator(lambda value: math.inf if value is None else value),
    Field(ge=0),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0}, {"type": "null"}]}),
]
MOST_DIFF = 2000
# How a report's dataclasses are read.
STRICT = ConfigDict(extra="forbid", strict=True)


class FailureKind(StrEnum):
    """The first thing that went wrong with an attempt."""

    TRANSPORT = "transport"
    REFUSED = "refused"
    TOO_LONG = "too_long"
    BUSY = "busy"
    TIMEOUT = "timeout"
    ONLY_REASONING = "only_reasoning"
    FORMAT = "format"
    APPLY = "apply"
    COMPILE = "compile"
    UNCHANGED = "unchanged"
    TEST = "test"
    LINT = "lint"
    SANDBOX = "sandbox"


UNANSWERED = frozenset(
    {FailureKind.TRANSPORT, FailureKind.REFUSED, FailureKind.TOO_LONG, FailureKind.BUSY}
)
"""The kinds of failure after which no reply came."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One of several replies asked for at once; ``compliant`` is None when it was cancelled.

    ``latency_ms`` runs from the request to its last byte, ∞ when it never came.
    """

    __pydantic_config__: ClassVar = STRICT

    index: Count
    compliant: bool | None
    passed: bool
    latency_ms: Latency
    completion_tokens: Count | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call to the model and what its reply was worth.

    Times are in ms from the request; ``latency_ms`` is ∞ when the call was given up for good.
    ``late`` says that the reply came after ``timeout_ms``, which fails the attempt. ``compliant``
    is None when no reply came, ``lint_passed`` when it was not reached. ``rung`` says how the task
    was asked (``core.patchloop.ladder``), ``edit_format`` in which format, never ``auto``; both are
    empty in older reports. ``tokens_of_all`` is what was written of all candidates, where one
    request asked for several: not every server counts each. ``diff`` is what an attempt that failed
    had changed, cut to 2,000 characters; the solving one's is its trial's.
    """

    __pydantic_config__: ClassVar = STRICT

    ttft_ms: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None
    latency_ms: Latency
    late: bool = False
    compliant: bool | None = None
    failure: FailureKind | None = None
    detail: str = ""
    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None
    cached_tokens: Count | None = None
    fences_stripped: Count = 0
    lines_changed: Count | None = None
    lint_passed: bool | None = None
    candidates: tuple[Candidate, ...] = ()
    tokens_of_all: Count | None = None
    rung: Annotated[str, Field(max_length=20)] = ""
    edit_format: Annotated[str, Field(max_length=20)] = ""
    diff: Annotated[str, Field(max_length=MOST_DIFF)] = ""

    @property
    def answered_ms(self) -> float:
        """The latency that percentiles count: ∞ for a call refused, broken off or given up.

        A server that refuses in a millisecond has not answered in a millisecond.
        """
        gave_up = self.failure is FailureKind.TIMEOUT and not self.late
        return math.inf if gave_up or self.failure in UNANSWERED else self.latency_ms

    @property
    def replies(self) -> tuple[bool, ...]:
        """Compliance of every complete reply: the candidates' where there were several."""
        judged = [one.compliant for one in self.candidates] or [self.compliant]
        return tuple(one for one in judged if one is not None)


@dataclass(frozen=True, slots=True)
class Trial:
    """One arm at one task, once: its attempts in order, and the diff that solved it, if one did."""

    __pydantic_config__: ClassVar = STRICT

    task: str
    arm: str
    trial: Count
    attempts: tuple[Attempt, ...]
    solved: bool
    diff: str = ""

    @property
    def solved_first(self) -> bool:
        """The first attempt solved it."""
        return self.solved and len(self.attempts) == 1

    @property
    def failure(self) -> FailureKind | None:
        """What went wrong with the last attempt."""
        return self.attempts[-1].failure if self.attempts else None

    def as_json(self) -> dict[str, Any]:
        """The trial in RFC JSON: lists for tuples, null for ∞."""
        values: dict[str, Any] = _finite(asdict(self))
        return values

    @staticmethod
    def from_json(data: object) -> Trial:
        """The trial that ``as_json`` wrote; a field with a default may be missing.

        Raises:
            ReportError: A field is unknown, missing or of the wrong kind, or the trial claims to be
                solved without an attempt.
        """
        try:
            # By way of text, because only there does strict reading take lists and enum values.
            trial = _reader().validate_json(json.dumps(data))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = plain(".".join(map(str, first["loc"])) or "itself", 120)
            raise ReportError(f"a trial is malformed: {where}: {first['msg']}") from None
        except (TypeError, ValueError) as error:
            raise ReportError(f"a trial is malformed: {plain(error, 120)}") from None
        if trial.solved and not trial.attempts:
            raise ReportError(f"a trial of {plain(trial.task, 80)!r} is solved without an attempt")
        return trial


@cache
def _reader() -> TypeAdapter[Trial]:
    return TypeAdapter(Trial)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if value == math.inf else value
