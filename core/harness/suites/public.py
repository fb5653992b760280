"""What the readers of public formats share: a suite of converted tasks."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from core import syntax
from core.fingerprint import suite_content_hash
from core.harness.suites.reading import MAX_SUITE_BYTES, TASK_ID, fault
from core.harness.suites.tasks import DEFAULT_ATTEMPTS, MAX_TASKS, Suite, Task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from core.harness.suites.tasks import Answers

LEVEL = 2  # public formats do not grade their tasks


class LeftOutError(Exception):
    """A task of a public format that cannot be used here; the text says why."""


def collect(name: str, root: Path, items: Iterable[str], convert: Callable[[str], Task]) -> Suite:
    """A suite of all ``items`` (names in the format's own words) that can be converted.

    Raises:
        SuiteError: None can, two have the same id, there are too many, or ``convert`` raises it.
    """
    tasks: dict[str, Task] = {}
    left_out = []
    left_bytes = MAX_SUITE_BYTES
    for item in items:
        try:
            task = convert(item)
            task.answers("solution")  # what cannot be read, or leads elsewhere, is said now
        except LeftOutError as reason:
            left_out.append(f"{item}: {reason}")
            continue
        if not re.match(TASK_ID, task.id):
            raise fault(f"{root}: {item}", f"odd id {task.id!r}", "Rename it.")
        if task.id in tasks:
            raise fault(f"{root}: {item}", f"a second task {task.id}", "Rename one of them.")
        tasks[task.id] = task
        left_bytes -= sum(map(len, (*task.workspace.values(), *task.tests.values())))
        if left_bytes < 0:
            raise fault(str(root), f"is over {MAX_SUITE_BYTES >> 20} MiB", "Split the suite.")
        if len(tasks) > MAX_TASKS:
            raise fault(str(root), f"has over {MAX_TASKS} tasks", "Split the suite.")
    if not tasks:
        raise fault(
            str(root),
            f"no task of it can be used ({left_out[0] if left_out else 'it has none'})",
            "See docs/suites.md for what is supported.",
        )
    ordered = tuple(tasks[key] for key in sorted(tasks))
    digest = suite_content_hash(root)
    return Suite(
        name=name,
        version=digest.removeprefix("sha256:")[:12],
        tasks=ordered,
        hash=digest,
        edit_format="auto",
        attempts=DEFAULT_ATTEMPTS,
        root=root,
        left_out=tuple(left_out),
    )


def answers(solution: Callable[[], Mapping[str, str]]) -> Callable[[Answers], Mapping[str, str]]:
    """A task's ``answers`` where there is a solution and no control."""
    return lambda which: solution() if which == "solution" else {}


def parse(text: str, what: str) -> ast.Module:
    """The tests' syntax tree.

    Raises:
        LeftOutError: It is not Python.
    """
    try:
        return syntax.parse(text)
    except syntax.NOT_PYTHON as error:
        raise LeftOutError(f"{what} is not valid Python: {error}") from None


def uses(tree: ast.AST, module: str) -> bool:
    """Whether the code imports ``module`` or names it."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                named = [alias.name for alias in names]
            case ast.ImportFrom(module=str(source)):
                named = [source]
            case ast.Name(id=name):
                named = [name]
            case _:
                continue
        if any(each.split(".")[0] == module for each in named):
            return True
    return False
