"""Checks a suite's tasks: tests in the sandbox, then lint of what changed."""

from __future__ import annotations

import asyncio
import math
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from core.errors import SuiteError
from core.harness.bakeoff.lint import lint_findings
from core.harness.gate.trial import FailureKind
from core.harness.patchloop.job import Checked
from core.harness.patchloop.prompt import MOST_FEEDBACK
from core.harness.sandbox import run_tests
from core.harness.suites.find import lay_out
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from core.harness.sandbox import Sandbox, TestReport
    from core.harness.suites.find import Task

_MOST_LINT = 1000


class TaskCheck:
    """Runs one task's own tests, laid out once below ``directory``, out of any patch's reach."""

    def __init__(self, task: Task, sandbox: Sandbox, directory: Path) -> None:
        self._task = task
        self._sandbox = sandbox
        self._directory = directory
        self._tests = directory / "tests"
        self._limits = replace(
            sandbox.limits, wall_s=task.time_limit_s, cpu_s=math.ceil(task.time_limit_s)
        )
        lay_out(task.tests, self._tests)

    async def __call__(self, files: Mapping[str, str], changed: Sequence[str]) -> Checked:
        """Tests decide; lint of the ``changed`` files is looked at once they pass.

        Raises:
            SandboxError: The sandbox could not be set up.
        """
        report = await self._run(files)
        if not report.solved:
            return Checked(
                passed=False, feedback=report.feedback(MOST_FEEDBACK), failure=FailureKind.TEST
            )
        findings = await lint_findings(self._task.workspace, files, changed)
        if findings is None:
            return Checked(passed=True)
        return Checked(
            passed=True,
            feedback="\n".join(findings)[:_MOST_LINT],
            failure=FailureKind.LINT if findings else None,
            lint_passed=not findings,
        )

    async def failing(self) -> str:
        """What the tests say of the workspace as it is.

        Raises:
            SuiteError: They pass: there is nothing to repair.
        """
        report = await self._run(self._task.workspace)
        if report.solved:
            raise SuiteError(
                f"task {plain(self._task.id, 80)}: its tests pass before anything is changed",
                remedy="Break its workspace/, or take the task out of the suite.",
            )
        return report.feedback(MOST_FEEDBACK)

    async def _run(self, files: Mapping[str, str]) -> TestReport:
        with tempfile.TemporaryDirectory(dir=self._directory) as scratch:
            workspace = Path(scratch)
            lay_out(files, workspace)
            return await run_tests(
                self._sandbox, workspace=workspace, tests=self._tests, limits=self._limits
            )


class Checks:
    """The checks of a run by task, made when first asked for; use it as a context manager."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._root = tempfile.TemporaryDirectory(prefix="reflex-bakeoff-")
        self._ready: dict[str, asyncio.Task[tuple[TaskCheck, str]]] = {}

    async def of(self, task: Task) -> tuple[TaskCheck, str]:
        """The task's check, and what its tests say before any change.

        Raises:
            SuiteError: The tests cannot be used, or pass as it is.
            SandboxError: The sandbox could not be set up.
        """
        if task.id not in self._ready:
            directory = Path(self._root.name) / str(len(self._ready))
            self._ready[task.id] = asyncio.create_task(self._prepare(task, directory))
        # Shielded: both arms wait for the same preparation, and one of them may be cancelled.
        return await asyncio.shield(self._ready[task.id])

    async def _prepare(self, task: Task, directory: Path) -> tuple[TaskCheck, str]:
        check = TaskCheck(task, self._sandbox, directory)
        return check, await check.failing()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._ready.values():
            task.cancel()
        await asyncio.gather(*self._ready.values(), return_exceptions=True)
        self._root.cleanup()
