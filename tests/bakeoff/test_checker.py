"""A task's check: its own tests in the sandbox, then lint of what the edit changed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from core.errors import SuiteError
from core.harness.bakeoff.checker import Checks, lint_findings
from core.harness.suites.loading import load_suite
from core.patchloop.trial import FailureKind
from tests.support.bakeoff.arena import make_suite, solution

if TYPE_CHECKING:
    from pathlib import Path

    from core.harness.sandbox import SelfTest


@pytest.mark.slow
async def test_tasks_prepared_at_once_keep_their_own_tests(
    tmp_path: Path, self_test: SelfTest
) -> None:
    """Each is judged by its tests alone, and prepared once for all who ask."""
    suite = load_suite(make_suite(tmp_path / "suite", 3))
    async with Checks(self_test.sandbox()) as checks:
        ready = await asyncio.gather(*(checks.of(task) for task in suite.tasks * 2))
        assert [one[0] for one in ready[:3]] == [one[0] for one in ready[3:]]
        for number, (check, failing) in enumerate(ready[:3], 1):
            assert f"answer() == {number}" in failing
            good = await check({"answer.py": solution(number)}, ["answer.py"])
            assert (good.passed, good.failure) == (True, None)
        wrong = await ready[0][0]({"answer.py": solution(2)}, ["answer.py"])
        assert (wrong.passed, wrong.failure) == (False, FailureKind.TEST)
        assert "2 == 1 is false" in wrong.feedback


async def test_the_reference_decides_where_the_code_runs(
    tmp_path: Path, self_test: SelfTest
) -> None:
    """Tests that need the code in their own process have it there, and no model decides it."""
    root = make_suite(tmp_path / "suite", 1)
    (root / "t01/tests/test_answer.py").write_text(
        "import types\nfrom answer import answer\n\n\n"
        "def test_answer():\n"
        "    assert answer() == 1\n"
        "    assert isinstance(answer, types.FunctionType)\n",
        encoding="utf-8",
    )
    async with Checks(self_test.sandbox()) as checks:
        check, _ = await checks.of(load_suite(root).tasks[0])
        good = await check({"answer.py": solution(1)}, ["answer.py"])
        assert good.passed, good.feedback


async def test_files_that_no_disk_holds_are_a_failed_trial(
    tmp_path: Path, self_test: SelfTest
) -> None:
    """Half a surrogate pair in a reply ends the trial, not the run."""
    suite = load_suite(make_suite(tmp_path / "suite", 1))
    async with Checks(self_test.sandbox()) as checks:
        check, _ = await checks.of(suite.tasks[0])
        found = await check({"answer.py": "X = '\ud800'\n"}, ["answer.py"])
    assert (found.passed, found.failure) == (False, FailureKind.SANDBOX)


async def test_a_task_that_passes_as_it_is_is_no_task(tmp_path: Path, self_test: SelfTest) -> None:
    """It would count as solved whatever a model says."""
    root = make_suite(tmp_path / "suite", 1)
    (root / "t01/workspace/answer.py").write_text(solution(1), encoding="utf-8")
    async with Checks(self_test.sandbox()) as checks:
        with pytest.raises(SuiteError, match="t01"):
            await checks.of(load_suite(root).tasks[0])


async def test_an_unused_import_is_a_lint_failure_of_a_solution(
    tmp_path: Path, self_test: SelfTest
) -> None:
    """It passes all the same; feedback names line and rule."""
    suite = load_suite(make_suite(tmp_path / "suite", 1))
    async with Checks(self_test.sandbox()) as checks:
        check, _ = await checks.of(suite.tasks[0])
        found = await check({"answer.py": "import os\n" + solution(1)}, ["answer.py"])
    assert (found.passed, found.failure, found.lint_passed) == (True, FailureKind.LINT, False)
    assert "answer.py:1: F401" in found.feedback


async def test_only_new_faults_count() -> None:
    """What was there before the edit is not its fault; each new one is."""
    before = {"a.py": "import os\n"}
    after = {"a.py": "import os\nx = 1\n", "b.py": "y = undefined\n", "c.txt": "import os\n"}
    assert await lint_findings(before, after, ["a.py", "c.txt"]) == ()
    found = await lint_findings(before, after, ["a.py", "b.py"])
    assert found is not None
    assert [one.split(":")[0] for one in found] == ["b.py"]
