"""A task for the patch loop on the user's own files: what is asked for, and how it ended."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core.errors import ConfigError
from core.harness.patchloop.edits import EditFormat
from core.implement.files import Original, Place, read_named, relative
from core.plain import plain
from core.stages import Stage

if TYPE_CHECKING:
    from core.harness.gate.trial import Attempt
    from core.implement.command import Ran
    from core.implement.writing import Change
    from core.router.answer import Answer
    from core.router.stream import Asked


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person asks for; ``names`` are as typed, ``check`` in words.

    ``attempts`` are at most so many in all; None is ``max_failures`` for each backend there is.
    """

    prompt: str
    names: tuple[str, ...]
    check: tuple[str, ...]
    check_timeout_s: float = 300.0
    also: tuple[str, ...] = ()
    stage: Stage = Stage.IMPLEMENT
    attempts: int | None = None
    candidates: int | None = None
    edit_format: EditFormat = EditFormat.AUTO


@dataclass(frozen=True, slots=True)
class Tried:
    """An attempt that ended: who was asked (None: nobody could be), and who is given up now."""

    number: int
    asked: Asked | None
    attempt: Attempt
    given_up: frozenset[str]


@dataclass(frozen=True, slots=True)
class Task:
    """What a person asks for, found and read: everything that can be refused has been."""

    wanted: Wanted
    place: Place
    originals: dict[str, Original]
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Solved:
    """How the work on a task ended; ``changes`` are empty and ``answer`` None where unsolved.

    ``before`` is the check of the files as they were; ``left`` says why nobody was left to ask.
    """

    before: Ran
    tried: tuple[Tried, ...]
    changes: tuple[Change, ...] = ()
    diff: str = field(default="", repr=False)
    answer: Answer | None = None
    left: str = ""
    run_id: str = ""
    policy_hash: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def lines_changed(self) -> int:
        """Added plus removed."""
        return (self.tried[-1].attempt.lines_changed or 0) if self.changes else 0


def prepare(wanted: Wanted, place: Place) -> Task:
    """The task with its files read.

    Raises:
        ConfigError: A file cannot or may not be worked on.
    """
    also = tuple(relative(place, name, "--also") for name in wanted.also)
    for name, path in zip(wanted.also, also, strict=True):
        if not os.path.lexists(place.root / path):
            raise ConfigError(f"--also {plain(name, 200)!r}: there is no such file or directory")
    return Task(wanted, place, read_named(place, wanted.names), also)
