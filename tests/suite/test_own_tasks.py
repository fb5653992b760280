"""Each task of our own suites is sound: broken fails, solved passes, a wrong fix fails."""

from __future__ import annotations

import ast
import asyncio
import io
import json
import subprocess
import sys
from collections import Counter
from tokenize import generate_tokens
from typing import TYPE_CHECKING

import pytest

from core.harness.sandbox import Limits, TestReport, Tier, choose_tier, run_tests
from core.harness.suites.loading import Suite, Task, lay_out, load_suite
from tests.support.suite.variants import Ended, try_tasks

if TYPE_CHECKING:
    from pathlib import Path

SUITE = load_suite("reflex_patchloop_v1")
SECOND = load_suite("reflex_patchloop_v2")
# Its other levels are the first suite's tasks, byte for byte.
EASIEST = tuple(task for task in SECOND.tasks if task.level == 0)
TASKS = (*SUITE.tasks, *EASIEST)
# Tests that need the code in their own process: they patch, fork or derive from its classes.
MOST_IN_ONE_PROCESS = 8
# Faults that a linter sees: they are what these two tasks are about.
LINT_FINDS_THE_FAULT = {("menu-callbacks", "B023"), ("note-tags-default", "B006")}


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Ended]]:
    """All tests of all tasks, run in all variants."""
    return try_tasks(TASKS, tmp_path_factory.mktemp("tasks"))


def each_task() -> pytest.MarkDecorator:
    """Run a test once a task."""
    return pytest.mark.parametrize("task", TASKS, ids=lambda task: task.id)


@each_task()
def test_broken_workspace_fails_some_tests_and_passes_others(
    task: Task, ended: dict[str, dict[str, Ended]]
) -> None:
    """As in real life, the fault shows in some of the tests."""
    failures = [test for test, failure in ended[task.id]["broken"].items() if failure]
    assert failures
    assert len(failures) < len(ended[task.id]["broken"])


@each_task()
def test_reference_passes_every_test(task: Task, ended: dict[str, dict[str, Ended]]) -> None:
    """The reference solution is right by the task's own tests."""
    failures = {test: why for test, why in ended[task.id]["solution"].items() if why}
    assert not failures
    assert 3 <= len(ended[task.id]["solution"]) <= 12


@each_task()
def test_wrong_fix_fails(task: Task, ended: dict[str, dict[str, Ended]]) -> None:
    """The tempting wrong fix runs, passes some tests, and is found out by others."""
    outcomes = list(ended[task.id]["control"].values())
    assert any(outcomes)
    assert not all(outcomes)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("part", ["workspace", "solution"])
def test_sandbox_agrees(part: str, tmp_path: Path, *, torture: bool) -> None:
    """As a bakeoff runs them, references are solved and broken workspaces are not.

    Of the tasks that were all run above, every sixth; all of them with the torture.
    """
    tasks = (*SUITE.tasks[:: 1 if torture else 6], *EASIEST[::6])
    solved, separate = asyncio.run(in_sandbox(tasks, part, tmp_path))
    assert solved == ({task.id for task in tasks} if part == "solution" else set())
    assert len(tasks) - len(separate) <= MOST_IN_ONE_PROCESS


async def in_sandbox(
    tasks: tuple[Task, ...], part: str, directory: Path
) -> tuple[set[str], set[str]]:
    """The tasks that are solved by this part, and those whose code runs without the tests."""
    sandbox = (await choose_tier()).sandbox(Limits(wall_s=30, cpu_s=30))
    if sandbox.tier is Tier.NONE:
        pytest.skip("this machine has no sandbox")
    free = asyncio.Semaphore(3)

    async def run(task: Task) -> TestReport:
        workspace, tests = directory / task.id / "workspace", directory / task.id / "tests"
        lay_out({**task.workspace, **({} if part == "workspace" else task.solution)}, workspace)
        lay_out(task.tests, tests)
        async with free:
            return await run_tests(sandbox, workspace=workspace, tests=tests)

    reports = await asyncio.gather(*map(run, tasks))
    ran = [*zip((task.id for task in tasks), reports, strict=True)]
    return {name for name, report in ran if report.solved}, {
        name for name, report in ran if report.separate
    }


@each_task()
def test_task_is_well_made(task: Task) -> None:
    """Short files, a plain prompt, and nothing in the tests that is slow or from elsewhere."""
    assert 1 <= len(task.workspace) <= 3
    assert set(task.solution) <= set(task.editable)
    assert set(task.control) <= set(task.editable)
    assert task.solution != {path: task.workspace[path] for path in task.solution}
    assert 80 <= len(task.prompt) <= 800
    assert sum(text.count("\n") for text in task.workspace.values()) <= 100
    own = {path.removesuffix(".py") for path in [*task.workspace, *task.tests]}
    assert not own & sys.stdlib_module_names
    for path, text in {**task.workspace, **task.tests, **task.solution}.items():
        assert imported(text) <= own | (sys.stdlib_module_names - {"time", "socket"}), path


def imported(text: str) -> set[str]:
    """Top-level names of the modules that the code imports."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(str(node.module).split(".")[0])
    return found


def test_there_are_enough_tasks_of_each_level() -> None:
    """Over 59 tasks give a bound on P95 in one trial; all levels are there."""
    levels = Counter(task.level for task in SUITE.tasks)
    assert len(SUITE.tasks) >= 64
    assert levels.keys() == {1, 2, 3}
    assert min(levels.values()) >= 12
    assert len({task.category for task in SUITE.tasks}) >= 30
    assert len({task.title for task in SUITE.tasks}) == len(SUITE.tasks)


def test_the_second_suite_has_four_levels() -> None:
    """Enough of each to tell small, middle and large models apart."""
    assert Counter(task.level for task in SECOND.tasks) == {0: 24, 1: 24, 2: 20, 3: 12}
    assert len({task.title for task in SECOND.tasks}) == len(SECOND.tasks)
    assert len({task.category for task in SECOND.tasks}) >= 30
    first = {task.id: task for task in SUITE.tasks}
    for task in SECOND.tasks:
        if task.level:
            assert task == first[task.id]
            assert (task.solution, task.control) == (
                first[task.id].solution,
                first[task.id].control,
            )


@pytest.mark.parametrize("task", EASIEST, ids=lambda task: task.id)
def test_level_0_is_one_function_with_one_wrong_token(task: Task) -> None:
    """The reference differs from the workspace in one place of one line."""
    ((path, right),) = task.solution.items()
    wrong = task.workspace[path]
    assert sum(isinstance(node, ast.FunctionDef) for node in ast.parse(wrong).body) == 1
    assert wrong.count("\n") <= 20
    shorter, longer = sorted((tokens(wrong), tokens(right)), key=len)
    missing = len(longer) - len(shorter)  # such as "not" or a minus
    assert missing in {0, 1}
    at = next(at for at, token in enumerate(longer) if token != [*shorter, ""][at])
    assert shorter[at + 1 - missing :] == longer[at + 1 :]


def tokens(text: str) -> list[str]:
    """The words and signs of a program."""
    return [one.string for one in generate_tokens(io.StringIO(text).readline) if one.string.strip()]


def test_code_is_clean_but_for_faults_that_a_linter_sees() -> None:
    """Workspace, tests and reference of every task pass the linter as the patch loop runs it."""
    found = {
        (task_id, code)
        for part, task_id, code in (*lint(SUITE), *lint(SECOND))
        if part in {"workspace", "solution", "tests"}
        and (part != "workspace" or (task_id, code) not in LINT_FINDS_THE_FAULT)
    }
    assert found == set()


def test_linter_is_awake() -> None:
    """The two faults that it can see are seen."""
    assert {(task_id, code) for part, task_id, code in lint(SUITE) if part == "workspace"} == (
        LINT_FINDS_THE_FAULT
    )


def lint(suite: Suite) -> list[tuple[str, str, str]]:
    """Part, task and rule of each finding."""
    options = ["--isolated", "--select=E,F,W,B,I", "--line-length=100", "--no-cache"]
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", *options, "--output-format=json", suite.root],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode in {0, 1}, done.stderr
    findings = []
    for finding in json.loads(done.stdout):
        task_id, part = finding["filename"].split("/")[-3:-1]
        findings.append((part, task_id, finding["code"]))
    return findings


def test_own_suite_is_known_by_name() -> None:
    """Its facts are those of suite.toml."""
    for number, suite in ((1, SUITE), (2, SECOND)):
        name = f"reflex_patchloop_v{number}"
        assert (suite.name, suite.edit_format, suite.attempts) == (name, "auto", 3)
        assert suite.left_out == ()


def test_hash_does_not_depend_on_where_it_lies(tmp_path: Path) -> None:
    """A copy elsewhere, with bytecode and a README added, has the same hash."""
    copy = tmp_path / "elsewhere"
    for path in SUITE.root.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            target = copy / path.relative_to(SUITE.root)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    (copy / "branch-name" / "workspace" / "__pycache__").mkdir()
    (copy / "branch-name" / "workspace" / "__pycache__" / "refs.pyc").write_bytes(b"\xff")
    (copy / "README.md").write_text("About.")
    assert load_suite(copy).hash == SUITE.hash
    (copy / "branch-name" / "tests" / "test_refs.py").write_text("def test_a(): pass\n")
    assert load_suite(copy).hash != SUITE.hash
