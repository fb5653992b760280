"""Checks a task by its own command: protected files are laid anew for every run."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from core.errors import SuiteError
from core.harness.commands.accepted import refuse_unaccepted
from core.harness.commands.running import laid_out, run_command
from core.harness.commands.toolchain import find_toolchain, own_packages, with_places
from core.patchloop.job import CheckResult
from core.patchloop.trial import FailureKind
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from core.harness.commands.running import CommandReport
    from core.harness.sandbox import Sandbox
    from core.harness.suites.tasks import Task


class CommandCheck:
    """Runs one task's command in its work tree, of which an edit changes editable files only.

    ``project`` is where the toolchain is looked for: the workspace that the suite was made from.

    Raises:
        SuiteError: The task has no command, needs a program that is not here, or asks to show a
            place that the user has not accepted.
    """

    def __init__(self, task: Task, sandbox: Sandbox, project: Path) -> None:
        if task.check is None:
            raise SuiteError(f"task {plain(task.id, 80)} has no command to be checked by")
        refuse_unaccepted(project, task.check.bind)
        self._task = task
        self._check = task.check
        self._sandbox = sandbox
        self._tree = task.base() if task.base else None
        own = own_packages(self._paths())
        found = find_toolchain(task.check, project, own_packages=own)
        self._toolchain = with_places(found, task.check.bind)

    async def __call__(self, files: Mapping[str, str], changed: Sequence[str]) -> CheckResult:  # noqa: ARG002  the patch loop's signature
        """Whether the tests that must pass do, with ``files`` in place of the task's own.

        Raises:
            SandboxError: The sandbox could not be set up.
        """
        report = await self.run(files)
        if report.solves(self._task.expected):
            return CheckResult(passed=True)
        failure = FailureKind.TEST if report.compiled else FailureKind.COMPILE
        feedback = report.feedback(self._task.expected)
        return CheckResult(passed=False, feedback=feedback, failure=failure)

    async def failing(self) -> str:
        """What the check says of the task as it is; its solution shows that the check works here.

        Raises:
            SuiteError: It passes before anything is changed, or fails with the solution as well.
            SandboxError: The sandbox could not be set up.
        """
        broken = await self.run(self._task.workspace)
        if broken.solves(self._task.expected):
            raise self._unusable(
                "its check passes before anything is changed", "Take the task out of the suite."
            )
        solved = await self.run({**self._task.workspace, **self._task.solution})
        if solved.stopped:
            raise self._unusable(
                f"its check does not end with the reference solution either: {solved.stopped}",
                "Try again while the machine does less, or raise time_limit_s in its task.toml.",
            )
        if not solved.solves(self._task.expected):
            said = plain(solved.feedback(self._task.expected, 300), 300)
            raise self._unusable(
                f"its check fails with the reference solution too: {said}",
                "See whether what it needs is installed here.",
            )
        return broken.feedback(self._task.expected)

    async def run(self, files: Mapping[str, str]) -> CommandReport:
        """The check's report on the work tree with ``files`` laid over it, and the tests over both.

        Raises:
            SandboxError: The sandbox could not be set up.
        """
        tree = await asyncio.to_thread(laid_out, self._tree, files, self._task.tests)
        return await run_command(
            self._sandbox,
            self._check,
            self._toolchain,
            tree,
            time_limit_s=self._task.time_limit_s,
        )

    def _paths(self) -> tuple[str, ...]:
        return (*(self._tree.files if self._tree else ()), *self._task.workspace)

    def _unusable(self, what: str, remedy: str) -> SuiteError:
        return SuiteError(f"task {plain(self._task.id, 80)}: {what}", remedy=remedy)
