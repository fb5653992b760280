"""Test files as they are sent into a sandbox: read, listed and compiled outside of it."""

from __future__ import annotations

import ast
import sys
import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from core.errors import SuiteError
from core.harness.sandbox.rewrite import Control, Verdict

if TYPE_CHECKING:
    from pathlib import Path
    from types import CodeType


@dataclass(frozen=True, slots=True)
class Case:
    """One test: ``id`` is ``file.py::Class::function``; ``kind`` is its class, if it has one."""

    id: str
    module: str
    kind: str | None
    function: str
    coroutine: bool


@dataclass(frozen=True, slots=True)
class Module:
    """A file of the test directory; ``file`` is its path there."""

    name: str
    file: str
    lines: tuple[str, ...]
    verdict: CodeType
    control: CodeType


@dataclass(frozen=True, slots=True)
class Instrumented:
    """All of a test directory. ``preload`` names the stdlib modules it imports."""

    cases: tuple[Case, ...]
    modules: tuple[Module, ...]
    packages: tuple[str, ...]
    preload: tuple[str, ...]
    has_data: bool


def read_tests(tests: Path) -> Instrumented:
    """Read a directory of test files (``test_*.py``, ``*_test.py``) and what they import there.

    A test is a function ``test*`` of a test file or of a class in it named ``Test*`` or derived
    from ``TestCase``. Raises ``SuiteError`` for a file that cannot be read or compiled, or when
    there is no test.
    """
    try:
        paths = sorted(path for path in tests.rglob("*") if path.is_file())
        python = [path for path in paths if path.suffix == ".py"]
        texts = tuple((p.relative_to(tests).as_posix(), p.read_text("utf-8")) for p in python)
    except (OSError, UnicodeDecodeError) as error:
        raise SuiteError(f"The tests in {tests} cannot be read: {error}") from error
    data = any(path.suffix != ".py" and "__pycache__" not in path.parts for path in paths)
    return _compile(texts, has_data=data)


@lru_cache(maxsize=512)
def _compile(texts: tuple[tuple[str, str], ...], *, has_data: bool) -> Instrumented:
    modules, cases, preload = [], [], {"builtins"}
    for file, text in texts:
        try:
            verdict, control = _parsed(text, file), _parsed(text, file)
            name = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            if _is_test_file(file):
                cases += _cases(verdict, file, name)
            preload |= _stdlib_imports(verdict)
            modules.append(
                Module(
                    name=name,
                    file=file,
                    lines=tuple(text.splitlines()),
                    verdict=_code(Verdict(text).visit(verdict), file),
                    control=_code(Control().visit(control), file),
                )
            )
        except (SyntaxError, ValueError) as error:
            raise SuiteError(f"The test file {file} is not valid Python: {error}") from error
    if not cases:
        raise SuiteError("There is no test in the tests directory.")
    if any(case.coroutine for case in cases):
        preload.add("asyncio")
    if any(each.split(".")[0] == "unittest" for each in preload):
        preload |= {"unittest", "unittest.case", "unittest.suite", "unittest.result"}
    names = {module.name for module in modules}
    parents = {
        name.rsplit(".", depth)[0] for name in names for depth in range(1, 1 + name.count("."))
    }
    return Instrumented(
        tuple({case.id: case for case in cases}.values()),  # of two of one name the later is run
        tuple(modules),
        tuple(sorted(parents - names)),
        tuple(sorted(preload)),
        has_data,
    )


def _is_test_file(file: str) -> bool:
    name = file.rpartition("/")[2]
    return name.startswith("test_") or name.endswith("_test.py")


def _parsed(text: str, file: str) -> ast.Module:
    with warnings.catch_warnings(action="ignore"):  # of the test's style, and not ours to tell
        return ast.parse(text, file)


def _code(tree: ast.Module, file: str) -> CodeType:
    with warnings.catch_warnings(action="ignore"):
        return compile(ast.fix_missing_locations(tree), file, "exec", dont_inherit=True)


def _stdlib_imports(tree: ast.Module) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return {n for n in found if n.split(".")[0] in sys.stdlib_module_names and n != "__future__"}


def _cases(tree: ast.Module, file: str, module: str) -> list[Case]:
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    found = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if node.name.startswith("test"):
                coroutine = isinstance(node, ast.AsyncFunctionDef)
                found.append(Case(f"{file}::{node.name}", module, None, node.name, coroutine))
        elif isinstance(node, ast.ClassDef) and _is_test_class(node, classes):
            for name, method in _methods(node, classes).items():
                coroutine = isinstance(method, ast.AsyncFunctionDef)
                found.append(
                    Case(f"{file}::{node.name}::{name}", module, node.name, name, coroutine)
                )
    return found


def _is_test_class(node: ast.ClassDef, classes: dict[str, ast.ClassDef]) -> bool:
    if node.name.startswith("Test") and not node.bases:
        return True
    bases = [ast.unparse(base) for base in node.bases]
    return any(
        base.endswith("TestCase") or (base in classes and _is_test_class(classes[base], classes))
        for base in bases
    )


def _methods(node: ast.ClassDef, classes: dict[str, ast.ClassDef]) -> dict[str, ast.stmt]:
    found: dict[str, ast.stmt] = {}
    for base in reversed(node.bases):
        inherited = classes.get(ast.unparse(base))
        found |= _methods(inherited, classes) if inherited is not None else {}
    for each in node.body:
        match each:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                if name.startswith("test"):
                    found[name] = each
    return found
