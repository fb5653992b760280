"""Reads the Python part of HumanEvalPack: JSON Lines, each a function with a planted fault."""

from __future__ import annotations

import ast
import json
import re
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from core.harness.suites.public import LEVEL, LeftOutError, answers, collect, parse
from core.harness.suites.reading import (
    MAX_FILE_BYTES,
    Lenient,
    checked,
    decode,
    fault,
    head_of,
    listed,
    read_bytes,
)
from core.harness.suites.tasks import DEFAULT_TIME_LIMIT_S, MAX_TASKS, Suite, Task
from core.plain import plain_block

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = "program.py"
_KEYS = ("declaration", "buggy_solution", "test", "entry_point")
_MAX_BYTES = 16 * 1024 * 1024


class _Row(Lenient):
    task_id: Annotated[str, Field(max_length=100)]
    declaration: str
    buggy_solution: str
    canonical_solution: str
    test: str
    entry_point: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,80}$")]
    prompt: str = ""
    docstring: str = ""
    imports: Annotated[str, Field(alias="import")] = ""
    test_setup: str = ""
    bug_type: str = ""


def detect(root: Path) -> bool:
    """Whether ``root`` is such a file, or a directory that holds one.

    Raises:
        SuiteError: The one that has its name is a link, or special.
    """
    file = _file(root)
    if file is None:
        return False
    first = head_of(file, MAX_FILE_BYTES).partition(b"\n")[0]
    try:
        row = json.loads(first)
    except (ValueError, RecursionError):
        return False
    return isinstance(row, dict) and all(key in row for key in _KEYS)


def read(root: Path) -> Suite:
    """One task a line.

    Raises:
        SuiteError: A line is no JSON object with the keys of the format, or there are too many.
    """
    file = _file(root)
    assert file is not None, "detect() came first"
    data = decode(read_bytes(file.parent, file.name, limit=_MAX_BYTES), file.name)
    lines = [(number, line) for number, line in enumerate(data.split("\n"), 1) if line.strip()]
    if len(lines) > MAX_TASKS:
        raise fault(file.name, f"has over {MAX_TASKS} lines", "Split it.")
    rows = {}
    for number, line in lines:
        where = f"{file.name}, line {number}"
        if len(line) > MAX_FILE_BYTES:
            raise fault(where, f"is over {MAX_FILE_BYTES // 1024} KiB", "Leave it out.")
        rows[where] = checked(_Row, _object(line, where), where)
    return collect("humanevalpack", root, rows, lambda where: _task(rows[where]))


def _file(root: Path) -> Path | None:
    if root.is_file():
        return root if root.suffix == ".jsonl" else None
    found = [entry.name for entry in listed(root) if entry.name.endswith(".jsonl")]
    return root / found[0] if len(found) == 1 else None


def _object(line: str, where: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        raise fault(where, "is not JSON", "Fix or remove the line.") from None


def _task(row: _Row) -> Task:
    language, _, number = row.task_id.partition("/")
    if language != "Python":
        raise LeftOutError(f"{row.task_id} is not Python")
    wanted = (row.docstring or _docstring(row)).strip()
    prompt = f"The function {row.entry_point} in {PROGRAM} does not do what it should."
    solution = partial(_program, row, row.canonical_solution)
    return Task(
        id=_label(f"python-{number}"),
        title=row.entry_point.replace("_", " "),
        prompt=plain_block(f"{prompt} It is meant so:\n\n{wanted}" if wanted else prompt),
        level=LEVEL,
        category=_label(row.bug_type) or "function",
        editable=(PROGRAM,),
        time_limit_s=DEFAULT_TIME_LIMIT_S,
        workspace=_program(row, row.buggy_solution),
        tests={f"test_{PROGRAM}": _tests(row)},
        answers=answers(solution),
    )


def _program(row: _Row, body: str) -> dict[str, str]:
    imports = f"{row.imports.strip()}\n\n" if row.imports.strip() else ""
    return {PROGRAM: f"{imports}{row.declaration.lstrip()}{body.rstrip()}\n"}


def _docstring(row: _Row) -> str:
    """The description in ``prompt``, which is the declaration with its docstring."""
    try:
        tree = ast.parse(f"{row.prompt.rstrip()}\n")
    except (SyntaxError, ValueError):
        return ""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == row.entry_point:
            return ast.get_docstring(node) or ""
    return ""


def _tests(row: _Row) -> str:
    """The tests as functions: the format calls ``check(function)`` when it is imported."""
    tree = parse(f"{row.test_setup}\n{row.test}", f"the test of {row.task_id}")
    calls = [node for node in tree.body if _is_check(node)]
    tree.body = [node for node in tree.body if not _is_check(node)]
    if not any(isinstance(node, ast.FunctionDef) and node.name == "check" for node in tree.body):
        raise LeftOutError(f"the test of {row.task_id} has no function check")
    called = [ast.unparse(node) for node in calls] or [f"check({row.entry_point})"]
    functions = [f"def test_{at}():\n    {call}\n" for at, call in enumerate(called, start=1)]
    imports = f"from program import *\nfrom program import {row.entry_point}\n"
    return "\n\n".join([imports, ast.unparse(tree) + "\n", *functions])


def _is_check(node: ast.stmt) -> bool:
    match node:
        case ast.Expr(value=ast.Call(func=ast.Name(id="check"))):
            return True
    return False


def _label(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:64]
