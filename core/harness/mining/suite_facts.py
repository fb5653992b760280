"""What is known of a suite without running it: tasks, languages, age, whether the code moved."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from core.clock import SystemClock
from core.errors import ConfigError, SuiteError
from core.harness.mining.repository import Repository
from core.harness.suites.loading import available_suites, load_suite, own_names

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from core.harness.suites.tasks import Suite, Task

_LANGUAGES = {".py": "python", ".rs": "rust", ".go": "go", ".ts": "typescript"}
_MOST_LISTED = 200


@dataclass(frozen=True, slots=True)
class SuiteFacts:
    """``languages`` and ``kinds`` count tasks; ``age`` and ``moved`` are None where unknown.

    ``moved`` is how many commits the code is ahead of the one the suite was made from. ``problem``
    says why it cannot be used, and then there is nothing else.
    """

    name: str
    own: bool
    tasks: int = 0
    languages: Mapping[str, int] | None = None
    kinds: Mapping[str, int] | None = None
    golden: int = 0
    age: timedelta | None = None
    moved: int | None = None
    problem: str = ""

    def as_json(self) -> dict[str, object]:
        """The facts in JSON; ``age_days`` in place of ``age``."""
        return {
            "name": self.name,
            "own": self.own,
            "tasks": self.tasks,
            "languages": dict(self.languages or {}),
            "kinds": dict(self.kinds or {}),
            "golden": self.golden,
            "age_days": None if self.age is None else round(self.age.total_seconds() / 86_400, 2),
            "moved": self.moved,
            "problem": self.problem,
        }


def all_suites(workspace: Path) -> list[SuiteFacts]:
    """The package's suites, then those made from this workspace's code; it reads files."""
    own = own_names(workspace)[:_MOST_LISTED]
    return [
        *(_facts(name, workspace, own=False) for name in available_suites()),
        *(_facts(name, workspace, own=True) for name in own),
    ]


def facts_of(suite: Suite, workspace: Path, *, own: bool) -> SuiteFacts:
    """The facts of a suite that is loaded."""
    return SuiteFacts(
        suite.name,
        own,
        len(suite.tasks),
        Counter(language_of_task(task) for task in suite.tasks),
        Counter(task.tags.get("kind", "written") for task in suite.tasks),
        sum(task.golden for task in suite.tasks),
        _age(suite.made.get("at", "")),
        _moved(suite.made.get("commit", ""), workspace) if own else None,
    )


def _facts(name: str, workspace: Path, *, own: bool) -> SuiteFacts:
    try:
        return facts_of(load_suite(name, workspace), workspace, own=own)
    except SuiteError as error:
        return SuiteFacts(name, own, problem=error.message)


def language_of_task(task: Task) -> str:
    """The tag, else the language of the first file that may be edited."""
    suffix = "." + task.editable[0].rpartition(".")[2]
    return task.tags.get("language") or _LANGUAGES.get(suffix, "other")


def _age(made_at: str) -> timedelta | None:
    try:
        return SystemClock().now() - datetime.fromisoformat(made_at)
    except (ValueError, TypeError, OverflowError):
        return None


def _moved(commit: str, workspace: Path) -> int | None:
    try:
        with Repository(workspace) as repository:
            return repository.commits_since(commit)
    except ConfigError:
        return None
