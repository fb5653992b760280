"""A suite's tasks as the stand-in answers them: from their reference solutions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.engine.answers import SolvedTask, SuiteAnswerer
from core.engine.edit_replies import edit_reply

if TYPE_CHECKING:
    from core.harness.suites.find import Task


def suite_answerer(name_or_path: str, *, success_rate: float, seed: int) -> SuiteAnswerer:
    """An answerer for all tasks of a suite.

    Raises:
        SuiteError: There is no such suite, or it cannot be used.
    """
    from core.harness.suites.find import load_suite  # noqa: PLC0415  the harness costs start-up

    tasks = [_solved(task) for task in load_suite(name_or_path).tasks]
    return SuiteAnswerer(tasks, edit_reply, success_rate=success_rate, seed=seed)


def _solved(task: Task) -> SolvedTask:
    broken = {path: task.workspace[path] for path in task.editable if path in task.workspace}
    first = task.editable[0]
    # A suite of a public format has no control; a comment mends nothing either.
    wrong = task.control or {first: broken.get(first, "").rstrip("\n") + "\n# unchanged\n"}
    return SolvedTask(
        task.id, task.prompt, broken, {**broken, **task.solution}, {**broken, **wrong}
    )
