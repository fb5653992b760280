"""What was solved by where the tasks come from: mutants are never pooled with history unsaid."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.harness.report.derived import solved
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.harness.report.document import Report

SHIPPED, WRITTEN = "shipped", "written"
MINED = ("history", "mutation")
ORIGINS = (SHIPPED, WRITTEN, *MINED)
_LANGUAGE = "language:"


@dataclass(frozen=True, slots=True)
class OriginShare:
    """How the tasks of one origin or language fell: ``arms`` has trials (solved, made) by name.

    ``by`` is ``origin`` or ``language``, ``name`` which, safe to show; ``tasks`` were to be run.
    """

    by: str
    name: str
    tasks: int
    arms: Mapping[str, tuple[int, int]]

    def as_json(self) -> dict[str, Any]:
        """In RFC JSON."""
        arms = {name: {"solved": won, "trials": made} for name, (won, made) in self.arms.items()}
        return {"by": self.by, "name": self.name, "tasks": self.tasks, "arms": arms}


def by_origin(report: Report) -> tuple[OriginShare, ...]:
    """A line for each origin of the tasks, then for each language where there are several."""
    origins = {task: _origin(report, task) for task in report.suite.selected}
    languages = {task: _language(report, task) for task in report.suite.selected}
    found = _shares(report, "origin", origins)
    found.sort(key=lambda one: ORIGINS.index(one.name))
    several = _shares(report, "language", languages)
    return (*found, *(several if len(several) > 1 else ()))


def _shares(report: Report, by: str, groups: Mapping[str, str]) -> list[OriginShare]:
    made: Counter[tuple[str, str]] = Counter()
    won: Counter[tuple[str, str]] = Counter()
    for trial in report.trials:
        if trial.trial < report.settings.trials:  # golden tasks may have had further ones
            key = groups[trial.task], trial.arm
            made[key] += 1
            won[key] += solved(report, trial)
    tasks = Counter(groups.values())
    return [
        OriginShare(
            by,
            name,
            tasks[name],
            {arm: (won[name, arm], made[name, arm]) for arm in report.pair},
        )
        for name in sorted(tasks)
    ]


def _origin(report: Report, task: str) -> str:
    """Of a suite that ships all tasks are ours, whatever their kind is called."""
    if "/" not in report.suite.root:
        return SHIPPED
    kinds = {tag.removeprefix("kind:") for tag in report.suite.tags.get(task, ())}
    return next((name for name in MINED if name in kinds), WRITTEN)


def _language(report: Report, task: str) -> str:
    tags = report.suite.tags.get(task, ())
    named = (tag.removeprefix(_LANGUAGE) for tag in tags if tag.startswith(_LANGUAGE))
    return plain(next(named, "other"), 40)
