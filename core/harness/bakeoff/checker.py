"""Checks a suite's tasks: tests in the sandbox, then lint of the files that an edit changed.

Tests decide. Lint, by ruff where it is installed, is part of the diff's quality only.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import shutil
import sys
import tempfile
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from core.errors import ReflexError, SuiteError
from core.harness.bakeoff.command_check import CommandCheck
from core.harness.sandbox import run_tests
from core.harness.suites.loading import lay_out
from core.patchloop.job import CheckResult
from core.patchloop.prompt import MOST_FEEDBACK
from core.patchloop.trial import FailureKind
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from core.harness.sandbox import Sandbox, TestReport
    from core.harness.suites.loading import Task


# Errors that pyflakes knows and those of syntax; no matter of style.
_RULES = "F,E9"
_TIMEOUT_S = 5.0
_MOST_LINT = 1000


async def lint_findings(
    before: Mapping[str, str], after: Mapping[str, str], changed: Sequence[str]
) -> tuple[str, ...] | None:
    """What ruff finds in the ``changed`` Python files of ``after`` and did not find ``before``.

    None where there is no ruff, or it gave no answer. The code is read, never run.
    """
    program = _ruff()
    if program is None:
        return None
    new: list[str] = []
    for path in changed:
        if not path.endswith(".py"):
            continue
        found = await _lint(program, path, after[path])
        if found is None:
            return None
        # A fault that was there already is none of this edit's; most files have none.
        known = await _lint(program, path, before[path]) if found and path in before else ()
        left = Counter(one["code"] for one in known or ())
        for one in found:
            if left[one["code"]] > 0:
                left[one["code"]] -= 1
            else:
                row = one["location"]["row"]
                new.append(plain(f"{path}:{row}: {one['code']} {one['message']}", 300))
    return tuple(new)


async def _lint(program: str, path: str, text: str) -> list[dict[str, Any]] | None:
    process = await asyncio.create_subprocess_exec(
        *(program, "check", "--isolated", "--no-cache", "--quiet", "--exit-zero"),
        *("--select", _RULES, "--output-format", "json", "--stdin-filename", path, "-"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,  # a Ctrl-C is ours to handle
    )
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            output, _ = await process.communicate(text.encode())
        found = json.loads(output)
    except (TimeoutError, ValueError, RecursionError):
        return None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return found if isinstance(found, list) else None


@cache
def _ruff() -> str | None:
    beside = Path(sys.executable).with_name("ruff")
    return str(beside) if beside.exists() else shutil.which("ruff")


class TaskCheck:
    """Runs one task's own tests, laid out once below ``directory``, out of any patch's reach."""

    def __init__(self, task: Task, sandbox: Sandbox, directory: Path) -> None:
        self._task = task
        self._sandbox = sandbox
        self._directory = directory
        self._tests = directory / "tests"
        self._one_process = False
        self._limits = replace(
            sandbox.limits, wall_s=task.time_limit_s, cpu_s=math.ceil(task.time_limit_s)
        )
        lay_out(task.tests, self._tests)

    async def __call__(self, files: Mapping[str, str], changed: Sequence[str]) -> CheckResult:
        """Tests decide; lint of the ``changed`` files is looked at once they pass.

        Raises:
            SandboxError: The sandbox could not be set up.
        """
        try:
            report = await self._run(files)
            feedback = "" if report.solved else report.feedback(MOST_FEEDBACK)
        except ReflexError:
            raise
        except Exception as error:  # noqa: BLE001  hostile input: any kind may come of it
            why = plain(f"the check could not be made: {type(error).__name__}: {error}", 500)
            return CheckResult(passed=False, feedback=why, failure=FailureKind.SANDBOX)
        if not report.solved:
            return CheckResult(passed=False, feedback=feedback, failure=FailureKind.TEST)
        findings = await lint_findings(self._task.workspace, files, changed)
        if findings is None:
            return CheckResult(passed=True)
        return CheckResult(
            passed=True,
            feedback="\n".join(findings)[:_MOST_LINT],
            failure=FailureKind.LINT if findings else None,
            lint_passed=not findings,
        )

    async def failing(self) -> str:
        """What the tests say of the workspace as it is.

        The reference solution shows here whether the tests can run in another process than the
        code. No model has a say in that.

        Raises:
            SuiteError: They pass: there is nothing to repair.
        """
        report = await self._run(self._task.workspace)
        if report.separate and not await self._reference_passes():
            self._one_process = True
            if await self._reference_passes():
                report = await self._run(self._task.workspace)
            else:
                self._one_process = False
        if report.solved:
            raise SuiteError(
                f"task {plain(self._task.id, 80)}: its tests pass before anything is changed",
                remedy="Break its workspace/, or take the task out of the suite.",
            )
        return report.feedback(MOST_FEEDBACK)

    async def _reference_passes(self) -> bool:
        return (await self._run({**self._task.workspace, **self._task.solution})).solved

    async def _run(self, files: Mapping[str, str]) -> TestReport:
        with tempfile.TemporaryDirectory(dir=self._directory) as scratch:
            workspace = Path(scratch)
            lay_out(files, workspace)
            return await run_tests(
                self._sandbox,
                workspace=workspace,
                tests=self._tests,
                limits=self._limits,
                one_process=self._one_process,
            )


class Checks:
    """The checks of a run by task, made when first asked for; use it as a context manager.

    ``project`` is where commands look for their toolchain: the workspace.
    """

    def __init__(self, sandbox: Sandbox, project: Path | None = None) -> None:
        self._sandbox = sandbox
        self._project = project or Path.cwd()
        self._root = tempfile.TemporaryDirectory(prefix="reflex-bakeoff-")
        self._ready: dict[str, asyncio.Task[tuple[TaskCheck | CommandCheck, str]]] = {}

    async def of(self, task: Task) -> tuple[TaskCheck | CommandCheck, str]:
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

    async def _prepare(self, task: Task, directory: Path) -> tuple[TaskCheck | CommandCheck, str]:
        check: TaskCheck | CommandCheck
        if task.check is None:
            check = TaskCheck(task, self._sandbox, directory)
        else:
            check = await asyncio.to_thread(CommandCheck, task, self._sandbox, self._project)
        return check, await check.failing()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._ready.values():
            task.cancel()
        await asyncio.gather(*self._ready.values(), return_exceptions=True)
        self._root.cleanup()
