"""What the patch loop is given: the job, who answers a question, and who checks files."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from core.patchloop.formats import EditFormat

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from core.client.backend import ChatRequest
    from core.patchloop.trial import FailureKind
    from core.router.evidence import Outcome


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be done.

    ``files`` (path to text) are shown, ``editable`` of them may be changed; ``failing`` is what
    the check says before any change. ``candidates`` replies are asked for at once in each of at
    most ``attempts`` attempts. A reply later than ``timeout_ms`` fails its attempt. ``seed``, when
    given, makes each request's own.
    """

    instruction: str
    files: Mapping[str, str]
    editable: tuple[str, ...]
    failing: str = ""
    edit_format: EditFormat = EditFormat.AUTO
    attempts: int = 3
    candidates: int = 1
    timeout_ms: float = math.inf
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check found; ``feedback`` is for the model, ``lint_passed`` None where not looked at.

    Code that passes its tests is solved, whatever its lint: that is recorded, as a person would
    rather have a working patch with an unused import than none.
    """

    passed: bool
    feedback: str = ""
    failure: FailureKind | None = None
    lint_passed: bool | None = None


class Ask(Protocol):
    """One question to whoever answers."""

    async def __call__(self, request: ChatRequest) -> Outcome:
        """How it ended: a whole, valid reply or a BackendError, and when.

        Raises only what must end the loop, such as evidence that cannot be written.
        """


class Check(Protocol):
    """Whether files do what they should."""

    async def __call__(self, files: Mapping[str, str], changed: Sequence[str]) -> CheckResult:
        """Look at all ``files``, of which those ``changed`` differ from the job's."""
