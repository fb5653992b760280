"""Whether a suite's tasks are sound here, and whether a report shows that it tells models apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import SuiteError
from core.harness.bakeoff.checker import Checks
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from core.harness.report.document import Report
    from core.harness.sandbox import Sandbox
    from core.harness.suites.tasks import Suite, Task

_LEAST_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class TaskState:
    """A task and what is wrong with it; ``problem`` is empty for one that is sound."""

    task: str
    problem: str = ""


async def check_tasks(suite: Suite, sandbox: Sandbox, project: Path) -> AsyncGenerator[TaskState]:
    """Each task in turn: broken must fail, the solution pass, and the control, if any, fail.

    Raises:
        SandboxError: No sandbox could be set up.
    """
    async with Checks(sandbox, project) as checks:
        for task in suite.tasks:
            yield TaskState(task.id, await _problem(task, checks))


async def _problem(task: Task, checks: Checks) -> str:
    try:
        check, _ = await checks.of(task)
        solved = await check({**task.workspace, **task.solution}, task.editable)
        if not solved.passed:
            return f"its solution fails: {solved.feedback[:200]}"
        if not task.control:
            return ""
        control = await check({**task.workspace, **task.control}, task.editable)
    except SuiteError as error:
        return f"{error.message.rstrip('.')}. {error.remedy}".strip()
    return "its control passes: the tests are too weak" if control.passed else ""


@dataclass(frozen=True, slots=True)
class Spread:
    """How a report's tasks fell: by each arm the share solved, and tasks by who solved them.

    ``easy`` tasks were solved in every trial of every arm, ``hard`` ones in none.
    """

    solved: dict[str, float]
    easy: tuple[str, ...]
    between: tuple[str, ...]
    hard: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """What follows for the suite, in a sentence."""
        total = len(self.easy) + len(self.between) + len(self.hard)
        if len(self.easy) == total:
            return "It cannot tell models apart: everything was solved. Add harder tasks."
        if len(self.hard) == total:
            return "It cannot tell models apart: nothing was solved. Add easier tasks."
        if len(self.between) < _LEAST_SHARE * total:
            return (
                "It hardly tells models apart: almost every task was solved by all or by none. "
                "Add tasks in between."
            )
        return "It tells models apart."


def spread_of(report: Report, suite: Suite) -> Spread:
    """How the trials of a report fell.

    Raises:
        SuiteError: The report is not about this suite as it is now, or has no trial of its tasks.
    """
    if report.suite.hash != suite.hash:
        raise _other_suite(plain(report.suite.name, 80), plain(suite.name, 80))
    known = {task.id for task in suite.tasks}
    outcomes: dict[str, list[bool]] = {}
    by_arm: dict[str, list[bool]] = {}
    for trial in report.trials:
        if trial.task in known:
            outcomes.setdefault(trial.task, []).append(trial.solved)
            by_arm.setdefault(trial.arm, []).append(trial.solved)
    if not outcomes:
        raise SuiteError(
            f"the report has no trial of these tasks of {plain(suite.name, 80)}",
            remedy="Name a report of this suite: code reflex report list",
        )
    return Spread(
        {arm: sum(each) / len(each) for arm, each in by_arm.items()},
        tuple(sorted(task for task, each in outcomes.items() if all(each))),
        tuple(sorted(task for task, each in outcomes.items() if any(each) and not all(each))),
        tuple(sorted(task for task, each in outcomes.items() if not any(each))),
    )


def _other_suite(reported: str, wanted: str) -> SuiteError:
    what = f"the report is about the suite {reported}, not about {wanted}"
    if reported == wanted:
        what = f"the report is about another state of {wanted}: its tasks have changed since"
    return SuiteError(
        what,
        remedy=f"Name a report of it as it is now (code reflex report list), or make one: "
        f"code reflex bakeoff --suite {wanted}",
    )
