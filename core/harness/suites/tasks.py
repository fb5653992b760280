"""Suite and Task: what a bakeoff runs, held in memory so that no run can change it."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from core.errors import SuiteError
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from core.stages import EditFormatName

Answers = Literal["solution", "control"]

ResultKind = Literal["exit", "junit", "tap", "cargo", "go"]

DEFAULT_ATTEMPTS = 3
DEFAULT_TIME_LIMIT_S = 10.0
MAX_TASKS = 2000
LANGUAGES = {
    "py": "python",
    "js": "javascript",
    "mjs": "javascript",
    "ts": "typescript",
    "go": "go",
    "rs": "rust",
    "java": "java",
    "c": "c",
    "h": "c",
    "cc": "c++",
    "cpp": "c++",
    "rb": "ruby",
    "sh": "shell",
}
# Lines in the files that may be edited, at most.
SIZES = {"small": 20, "medium": 80}


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
    ``golden`` task must work on reflex whenever it works on the cloud.

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
    def labels(self) -> tuple[str, ...]:
        """Its tags as ``name:value``, completed by what it is: language, kind, size."""
        languages = {LANGUAGES.get(path.rpartition(".")[2].lower(), "") for path in self.editable}
        lines = sum(self.workspace.get(path, "").count("\n") for path in self.editable)
        derived = {
            "language": "+".join(sorted(languages - {""})),
            "kind": self.category,
            "size": next((name for name, most in SIZES.items() if lines <= most), "large"),
        }
        named = {**derived, **self.tags}
        return tuple(f"{name}:{value}" for name, value in sorted(named.items()) if value)

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

    ``hash`` is what reports have: ``core.fingerprint.suite_content_hash`` of all of the suite;
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
        """The tasks whose id matches ``glob``; a run on less than all is marked ``subset``.

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
        return replace(self, tasks=tasks)


def lay_out(files: Mapping[str, str], directory: Path) -> None:
    """Write ``files``, such as a task's workspace or tests, below ``directory``."""
    for path, text in files.items():
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="")
