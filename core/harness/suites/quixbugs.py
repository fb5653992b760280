"""Reads a clone of QuixBugs: programs with one wrong line each, and their test cases.

Cases in ``json_testcases/NAME.json`` (a JSON array ``[arguments, result]`` a line) become one test
function each. Programs without such a file have ``python_testcases/test_NAME.py``, which runs under
pytest; where pytest only chooses between the broken and the correct program, it is adapted.
"""

from __future__ import annotations

import ast
import json
from functools import partial
from typing import TYPE_CHECKING

from core.harness.suites.public import LEVEL, LeftOutError, answers, collect, parse, uses
from core.harness.suites.reading import decode, fault, listed, read_bytes, read_text
from core.harness.suites.tasks import DEFAULT_TIME_LIMIT_S, Suite, Task

if TYPE_CHECKING:
    from pathlib import Path

_HELPERS = ("node",)
_PROLOGUE = '''\
"""Cases of {name}, each a JSON array of arguments and result."""

import json
import math
from types import GeneratorType

from {name} import {name}


def plain(value):
    if isinstance(value, GeneratorType):
        value = list(value)
    if isinstance(value, (list, tuple)):
        return [plain(each) if isinstance(each, (list, tuple)) else each for each in value]
    return value


def check(case):
    arguments, expected = json.loads(case)
    arguments = arguments if isinstance(arguments, list) else [arguments]
    last = arguments[-1] if arguments else None
    tolerance = abs(last) if isinstance(last, float) else 0.0
    result = plain({name}(*arguments))
    if isinstance(expected, float) and isinstance(result, float):
        assert result == expected or math.isclose(result, expected, abs_tol=tolerance)
    else:
        assert result == expected
'''
_CASE = """

def test_case_{number}():
    check({case!r})
"""


def detect(root: Path) -> bool:
    """Whether ``root`` looks like a clone of QuixBugs."""
    cases = (root / "json_testcases", root / "python_testcases")
    return (root / "python_programs").is_dir() and any(path.is_dir() for path in cases)


def read(root: Path) -> Suite:
    """One task a program that has test cases.

    Raises:
        SuiteError: A program has no counterpart in ``correct_python_programs``, or a file cannot
            be read.
    """
    programs = sorted(
        stem
        for entry in listed(root / "python_programs")
        if entry.name.endswith(".py")
        and (stem := entry.name.removesuffix(".py")).isidentifier()
        and stem not in {*_HELPERS, "__init__"}
        and not stem.endswith("_test")
    )
    return collect("quixbugs", root, programs, partial(_task, root))


def _task(root: Path, name: str) -> Task:
    program = f"{name}.py"
    if (root / f"json_testcases/{name}.json").exists():
        tests = _from_json(root, name)
        workspace: dict[str, str] = {}
    else:
        tests, workspace = _from_pytest(root, name)
    workspace[program] = read_text(root, f"python_programs/{program}")
    solution = f"correct_python_programs/{program}"
    read_bytes(root, solution)
    return Task(
        id=name.lower(),
        title=name.replace("_", " "),
        prompt=f"The function {name} in {program} does not do what the description at the end "
        "of the file says: one line of it is wrong.",
        level=LEVEL,
        category="algorithms",
        editable=(program,),
        time_limit_s=DEFAULT_TIME_LIMIT_S,
        workspace=workspace,
        tests={f"test_{name}.py": tests},
        answers=answers(lambda: {program: read_text(root, solution)}),
    )


def _from_json(root: Path, name: str) -> str:
    where = f"json_testcases/{name}.json"
    slow = _slow_arguments(root, name)
    tests = [_PROLOGUE.format(name=name)]
    for number, line in enumerate(decode(read_bytes(root, where), where).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            case = json.loads(line)
        except (ValueError, RecursionError):
            case = None
        if not isinstance(case, list) or len(case) != 2:  # noqa: PLR2004  arguments and result
            raise fault(f"{where}, line {number}", "is no JSON pair", "Write [arguments, result].")
        if case[0] not in slow:
            tests.append(_CASE.format(number=number, case=line.strip()))
    if len(tests) == 1:
        raise LeftOutError("it has no test cases")
    return "".join(tests)


def _slow_arguments(root: Path, name: str) -> list[object]:
    """Arguments of the cases that take minutes, which QuixBugs' own tests skip."""
    path = f"python_testcases/test_{name}.py"
    if not (root / path).exists():
        return []
    found = []
    for node in ast.walk(parse(read_text(root, path), path)):
        if not isinstance(node, ast.If) or "pytest.skip" not in ast.unparse(node.body[0]):
            continue
        for part in ast.walk(node.test):
            match part:
                case ast.Compare(
                    left=ast.Name(id="input_data"), ops=[ast.Eq()], comparators=[same]
                ):
                    found.append(_literal(same))
    return found


def _literal(node: ast.expr) -> object:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        raise LeftOutError("a slow case in its tests is no literal") from None


def _from_pytest(root: Path, name: str) -> tuple[str, dict[str, str]]:
    """The adapted test file, and the helper modules it imports."""
    path = f"python_testcases/test_{name}.py"
    if not (root / path).exists():
        raise LeftOutError("it has neither json_testcases nor python_testcases")
    tree = parse(read_text(root, path), path)
    body: list[ast.stmt] = []
    for node in tree.body:
        match node:
            case ast.Import(names=[ast.alias(name="pytest")]):
                continue
            case ast.If(test=ast.Attribute(value=ast.Name(id="pytest"), attr="use_correct")):
                body += ast.parse(f"from {name} import {name}").body
            case _:
                body.append(node)
    tree.body = body
    for module in ("pytest", "load_testdata", "conftest"):
        if uses(tree, module):
            raise LeftOutError(f"its tests need {module}")
    return ast.unparse(tree) + "\n", _helpers(root, tree)


def _helpers(root: Path, tree: ast.Module) -> dict[str, str]:
    helpers = {}
    for module in _HELPERS:
        if uses(tree, module):
            at = [f"{folder}/{module}.py" for folder in ("python_testcases", "python_programs")]
            here = [path for path in at if (root / path).exists()]
            if not here:
                raise LeftOutError(f"its tests need {module}.py")
            helpers[f"{module}.py"] = read_text(root, here[0])
    return helpers
