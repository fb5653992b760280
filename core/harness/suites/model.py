"""Suite and Task: what a bakeoff runs, held in memory so that no run can change it."""

from __future__ import annotations

import difflib
import hashlib
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from core.errors import SuiteError
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from core.settings.model import EditFormatName

Answers = Literal["solution", "control"]

ResultKind = Literal["exit", "junit", "tap", "cargo", "go"]

DEFAULT_ATTEMPTS = 3
DEFAULT_TIME_LIMIT_S = 10.0
MAX_TASKS = 2000


@dataclass(frozen=True, slots=True)
class CheckCommand:
    """How a task in any language is checked: commands in its work tree, as words for no shell.

    ``compile`` goes first and tells a failure to compile apart. ``result`` says how ``command`` is
    judged: ``junit`` by the XML it writes to ``report``, a path in the work tree, ``tap``,
    ``cargo`` and ``go`` by what it prints, ``exit`` by its status alone. ``python_path`` are
    directories of the work tree to import from. ``bind`` are places of the machine it also reads,
    shown only once the user has accepted them.
    """

    command: tuple[str, ...]
    compile: tuple[str, ...] = ()
    result: ResultKind = "exit"
    report: str = ""
    python_path: tuple[str, ...] = ()
    bind: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Task:
    """One repair task; all files are mappings of relative path to text.

    ``editable`` are those of ``workspace`` that a patch may change; ``tests`` are protected.
    ``level`` runs from 0 (a wrong token in one function) by 1 (one line) to 3 (several files, or a
    subtle fault). ``tags`` say of what kind it is (``language``, ``kind``, ``size``, ``origin``); a
    ``golden`` task must never be lost again once it is solved.

    A task with a ``check`` is judged by that command. It runs in the work tree ``base``, if there
    is one, with ``workspace`` and then ``tests`` laid over it, and ``expected`` are the tests that
    must pass: none named, all.
    """

    id: str
    title: str
    prompt: str
    level: int
    category: str
    editable: tuple[str, ...]
    time_limit_s: float
    workspace: Mapping[str, str] = field(repr=False, hash=False)
    tests: Mapping[str, str] = field(repr=False, hash=False)
    answers: Callable[[Answers], Mapping[str, str]] = field(repr=False, compare=False)
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)
    golden: bool = False
    check: CheckCommand | None = None
    base: Callable[[], WorkTree] | None = field(default=None, repr=False, compare=False)
    expected: tuple[str, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        for part in ("workspace", "tests", "tags"):
            object.__setattr__(self, part, MappingProxyType(dict(getattr(self, part))))

    @property
    def solution(self) -> Mapping[str, str]:
        """The reference: each changed file complete. Read on demand; never shown to an arm."""
        return self.answers("solution")

    @property
    def control(self) -> Mapping[str, str]:
        """A wrong fix that the tests must refuse, in the same form; empty where there is none."""
        return self.answers("control")


@dataclass(frozen=True, slots=True)
class WorkTree:
    """A project's files as they are checked out: content and whether it may be run, and links."""

    files: Mapping[str, tuple[bytes, bool]]
    links: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Suite:
    """Tasks in order of their ids.

    ``hash`` is ``sha256:`` over every relative path and content, the same on every machine;
    ``left_out`` says of each task that cannot be used here why. ``made`` says what a suite of the
    user's own code was made from: ``commit``, ``at`` and the like.
    """

    name: str
    version: str
    tasks: tuple[Task, ...]
    hash: str
    edit_format: EditFormatName
    attempts: int
    root: Path
    description: str = ""
    left_out: tuple[str, ...] = ()
    made: Mapping[str, str] = field(default_factory=dict, hash=False)

    def select(self, glob: str) -> Suite:
        """The tasks whose id matches ``glob``, as a suite with a hash of its own.

        The hash differs because a pass on some of the tasks is no pass of the suite.

        Raises:
            SuiteError: No task matches.
        """
        tasks = tuple(task for task in self.tasks if fnmatchcase(task.id, glob))
        if len(tasks) == len(self.tasks):
            return self
        if not tasks:
            near = difflib.get_close_matches(glob, [task.id for task in self.tasks], n=3, cutoff=0)
            raise SuiteError(
                f"suite {plain(self.name, 80)}: no task matches {plain(glob, 80)!r}",
                remedy=f"Name a task or a pattern, for example {' or '.join(near)}.",
            )
        chosen = {task.id: b"" for task in tasks}
        return replace(self, tasks=tasks, hash=content_hash({self.hash: b""} | chosen))


def content_hash(files: Mapping[str, bytes]) -> str:
    """``sha256:…`` over all paths and contents, whatever the order of the mapping."""
    digest = hashlib.sha256()
    for path in sorted(files):
        for part in (path.encode(), files[path]):
            digest.update(len(part).to_bytes(8, "big") + part)
    return f"sha256:{digest.hexdigest()}"


def lay_out(files: Mapping[str, str], directory: Path) -> None:
    """Write ``files``, such as a task's workspace or tests, below ``directory``."""
    for path, text in files.items():
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="")
