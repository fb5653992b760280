"""What may become a task: the state that is broken, the one that is right, how both are told."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from core.harness.suites.reading import MAX_FILE_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.harness.suites.tasks import CheckCommand, WorkTree

Origin = Literal["history", "mutation"]

# Of all files that may be edited; a change may make them longer, and a suite's have a limit.
MOST_SHOWN_BYTES = MAX_FILE_BYTES - (4 << 10)
_ONE_LINE, _FEW_LINES = 3, 16
_SMALL, _MEDIUM = 80, 250
_MOST_ID = 56


@dataclass(frozen=True, slots=True)
class TaskCandidate:
    """A task that has not been checked yet.

    ``broken`` and ``solution`` are the editable files, ``tree`` all others, ``notice`` the tests
    that should see the fault, None where that is not known. ``control`` is a wrong fix.
    """

    id: str
    origin: Origin
    title: str
    prompt: str
    category: str
    language: str
    check: CheckCommand
    tree: WorkTree = field(repr=False)
    broken: Mapping[str, str] = field(repr=False)
    solution: Mapping[str, str] = field(repr=False)
    control: Mapping[str, str] = field(default_factory=dict, repr=False)
    notice: frozenset[str] | None = field(default=None, repr=False)

    @property
    def lines_changed(self) -> int:
        """How many lines the solution adds or takes away."""
        return sum(
            len(changed_lines(self.broken[path], self.solution[path])) for path in self.broken
        )

    @property
    def level(self) -> int:
        """1 for a line or two, 2 for a few, 3 for more or several files."""
        if len(self.broken) > 1 or self.lines_changed > _FEW_LINES:
            return 3
        return 1 if self.lines_changed <= _ONE_LINE else 2

    @property
    def tags(self) -> dict[str, str]:
        """Language, where the task comes from, and the size of what is shown."""
        lines = sum(text.count("\n") for text in self.broken.values())
        size = "small" if lines < _SMALL else "medium" if lines < _MEDIUM else "large"
        return {"language": self.language, "kind": self.origin, "size": size}


def changed_lines(before: str, after: str) -> list[str]:
    """The lines that a change adds (``+``) or takes away (``-``)."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return [line for line in lines if line[:1] in "+-" and not line.startswith(("+++", "---"))]


def slug(*words: str) -> str:
    """Words as a task's id."""
    text = re.sub(r"[^a-z0-9]+", "-", "-".join(words).lower()).strip("-")
    return text[:_MOST_ID].strip("-") or "task"
