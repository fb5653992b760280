"""Test files as they are sent into a sandbox: read, listed and compiled outside of it.

Two versions of a test module, neither of which is run as it was written.

The *verdict* version shows the values of an assertion that fails and has its comparisons checked
for bribery. The *control* version does all that the test does and must fail: what its assertions
say is ignored, its expectations are wrong, the exceptions it waits for are ones that nobody raises,
and its end is a failure. A test that passes there is not being run honestly.
"""

from __future__ import annotations

import ast
import sys
import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from core.errors import SuiteError
from core.syntax import parse

if TYPE_CHECKING:
    from pathlib import Path
    from types import CodeType


_JUDGE = "__judge__"
_SIGNS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
    ast.NotIn: "not in",
}
_AS_COMPARISON: dict[str, type[ast.cmpop]] = {
    "assertEqual": ast.Eq,
    "assertNotEqual": ast.NotEq,
    "assertIs": ast.Is,
    "assertIsNot": ast.IsNot,
    "assertIn": ast.In,
    "assertNotIn": ast.NotIn,
    "assertLess": ast.Lt,
    "assertLessEqual": ast.LtE,
    "assertGreater": ast.Gt,
    "assertGreaterEqual": ast.GtE,
}
_RAISES = ("assertRaises", "assertRaisesRegex", "assertWarns", "assertWarnsRegex")


def _judge(method: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(_attribute(method), list(arguments), [])


def _attribute(name: str) -> ast.Attribute:
    return ast.Attribute(ast.Name(_JUDGE, ast.Load()), name, ast.Load())


def _raise(exception: ast.expr) -> ast.Raise:
    return ast.Raise(exc=exception, cause=None)


def _assertion_method(node: ast.AST) -> str:
    """``assertX`` for a call ``self.assertX(…)`` of unittest's own, else nothing."""
    from unittest import TestCase  # its package costs a start that reads no tests

    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=name)):
            return name if name.startswith("assert") and hasattr(TestCase, name) else ""
    return ""


class VerdictRewrite(ast.NodeTransformer):
    """Assertions that say what they saw, over comparisons that the judge makes."""

    def __init__(self, text: str) -> None:
        self._text = text

    def visit_Assert(self, node: ast.Assert) -> ast.If:
        """``assert x, m`` as ``if not (judge.begin() or x): raise AssertionError(…)``."""
        source = " ".join((ast.get_source_segment(self._text, node) or "").split())
        return self._asserted(node, node.test, node.msg, source)

    def visit_Compare(self, node: ast.Compare) -> ast.Call:
        """``a < b`` as ``judge.compare("<", a, b)``."""
        self.generic_visit(node)
        signs: list[ast.expr] = [ast.Constant(_SIGNS[type(each)]) for each in node.ops]
        values = [node.left, *node.comparators]
        if len(signs) == 1:
            return ast.copy_location(_judge("compare", signs[0], *values), node)
        chain = _judge("chain", ast.Tuple(signs, ast.Load()), *values)
        return ast.copy_location(chain, node)

    def visit_Expr(self, node: ast.Expr) -> ast.stmt:
        """``self.assertEqual(a, b)`` as an assertion; other such methods get honest arguments."""
        name = _assertion_method(node.value)
        call: Any = node.value
        if name and not call.keywords and not any(isinstance(a, ast.Starred) for a in call.args):
            source = " ".join((ast.get_source_segment(self._text, node) or "").split())
            test, message = _as_test(name, call.args)
            if test is not None:
                return self._asserted(node, ast.copy_location(test, node), message, source)
            if len(call.args) > 1 and name not in _RAISES:
                pair = ast.Starred(_judge("honest", *call.args[:2]), ast.Load())
                call.args = [pair, *call.args[2:]]
        return self._visited(node)

    def _visited(self, node: ast.Expr) -> ast.stmt:
        self.generic_visit(node)
        return node

    def _asserted(
        self, node: ast.stmt, test: ast.expr, message: ast.expr | None, source: str
    ) -> ast.If:
        begun = ast.BoolOp(ast.Or(), [_judge("begin"), self._seen(test)])
        said = [self.visit(message)] if message is not None else []
        failure = _judge("failed", ast.Constant(source), *said)
        error = ast.Call(ast.Name("AssertionError", ast.Load()), [failure], [])
        new = ast.If(ast.UnaryOp(ast.Not(), begun), [_raise(error)], [])
        return ast.copy_location(new, node)

    def _seen(self, test: ast.expr) -> ast.expr:
        """``test`` with its value remembered; for ``not x`` that of ``x``."""
        match test:
            case ast.Compare():
                return self.visit(test)  # type: ignore[no-any-return]
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return ast.UnaryOp(ast.Not(), self._seen(operand))
        return _judge("truth", self.visit(test))


def _as_test(name: str, args: list[ast.expr]) -> tuple[ast.expr | None, ast.expr | None]:
    """The expression that an assertion method checks, and its message."""
    if name in _AS_COMPARISON and len(args) >= 2:  # noqa: PLR2004  a pair
        test: ast.expr = ast.Compare(args[0], [_AS_COMPARISON[name]()], [args[1]])
        return test, args[2] if len(args) > 2 else None  # noqa: PLR2004
    message = args[1] if len(args) > 1 else None
    match name:
        case "assertTrue":
            return args[0], message
        case "assertFalse":
            return ast.UnaryOp(ast.Not(), args[0]), message
        case "assertIsNone":
            return ast.Compare(args[0], [ast.Is()], [ast.Constant(None)]), message
        case "assertIsNotNone":
            return ast.Compare(args[0], [ast.IsNot()], [ast.Constant(None)]), message
    return None, None


class ControlRewrite(ast.NodeTransformer):
    """Functions that cannot come to a good end."""

    def visit_Module(self, node: ast.Module) -> ast.Module:
        """Only what is in functions: what a module does when it is imported stays as it is."""
        for each in node.body:
            if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                self.visit(each)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.stmt:
        """In a test, the end and every ``return`` fails."""
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.stmt:
        """As for other functions."""
        return self._function(node)

    def visit_Assert(self, node: ast.Assert) -> ast.stmt:
        """Evaluated, with a wrong expectation where it compares."""
        return ast.copy_location(ast.Expr(_mistaken(node.test)), node)

    def visit_Expr(self, node: ast.Expr) -> Any:
        """``self.assertX(…)`` with an argument that makes it fail; if it does not, it tripped."""
        name = _assertion_method(node.value)
        if not name:
            return node
        call: Any = node.value
        if name in _RAISES:
            call.args[:1] = [_attribute("NeverRaised")]
        elif len(call.args) > 1 and _as_test(name, call.args)[0] is None:
            call.args[1] = _attribute("other")
        else:
            if name == "assertEqual" and len(call.args) > 1:
                call.args[:2] = [_judge("mistaken", *call.args[:2])]
            values = [*call.args, *(keyword.value for keyword in call.keywords)]
            return ast.copy_location(ast.Expr(ast.Tuple(values, ast.Load())), node)
        return [node, _tripped(node)]

    def visit_With(self, node: ast.With) -> Any:
        """``with self.assertRaises(E):`` waits in vain."""
        return self._with(node)

    def visit_AsyncWith(self, node: ast.AsyncWith) -> Any:
        """As for the other."""
        return self._with(node)

    def _with(self, node: ast.With | ast.AsyncWith) -> ast.stmt | list[ast.stmt]:
        self.generic_visit(node)
        calls: list[Any] = [item.context_expr for item in node.items]
        waits = [call for call in calls if _assertion_method(call) in _RAISES]
        for call in waits:
            call.args[:1] = [_attribute("NeverRaised")]
        return [node, _tripped(node)] if waits else node

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.stmt:
        self.generic_visit(node)
        if node.name.startswith("test"):
            plain = [d for d in node.decorator_list if "expectedFailure" not in ast.unparse(d)]
            node.decorator_list = plain
            Unreturning().visit(node)
            node.body.append(_failure(node.body[-1]))
        return node


class Unreturning(ast.NodeTransformer):
    """Makes every ``return`` of one function a failure."""

    def __init__(self) -> None:
        self._outer = True

    def visit_Return(self, node: ast.Return) -> list[ast.stmt]:
        """Evaluated, then failed."""
        value = [ast.copy_location(ast.Expr(node.value), node)] if node.value else []
        return [*value, _failure(node)]

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """Down, but not into functions inside."""
        inner = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef)
        if inner and not self._outer:
            return node
        self._outer = False
        return super().generic_visit(node)


def _mistaken(test: ast.expr) -> ast.expr:
    match test:
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
            return _judge("mistaken", left, right)
    return test


def _failure(at: Any) -> ast.stmt:
    error = ast.Call(ast.Name("AssertionError", ast.Load()), [ast.Constant("control")], [])
    return ast.copy_location(_raise(error), at)


def _tripped(at: Any) -> ast.stmt:
    return ast.copy_location(_raise(_attribute("Tripped")), at)


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
    """All of a test directory. ``preload`` names the stdlib modules it imports.

    ``separable`` says that the tests can run in another process than the code under test: that they
    share no more with it than objects.
    """

    cases: tuple[Case, ...]
    modules: tuple[Module, ...]
    packages: tuple[str, ...]
    preload: tuple[str, ...]
    has_data: bool
    separable: bool


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
    separable = True
    for file, text in texts:
        try:
            verdict, control = parse(text, file), parse(text, file)
            name = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            if _is_test_file(file):
                cases += _cases(verdict, file, name)
            preload |= _stdlib_imports(verdict)
            separable = separable and _separable(verdict)
            modules.append(
                Module(
                    name=name,
                    file=file,
                    lines=tuple(text.splitlines()),
                    verdict=_code(VerdictRewrite(text).visit(verdict), file),
                    control=_code(ControlRewrite().visit(control), file),
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
        separable,
    )


def _is_test_file(file: str) -> bool:
    name = file.rpartition("/")[2]
    return name.startswith("test_") or name.endswith("_test.py")


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


# Modules of the standard library that hold nothing which a test and the code it tests share.
_SHARES_NOTHING = frozenset(
    {
        *("abc", "base64", "bisect", "calendar", "collections", "contextlib", "copy", "csv"),
        *("dataclasses", "datetime", "decimal", "enum", "fractions", "functools", "hashlib"),
        *("heapq", "io", "itertools", "json", "math", "numbers", "operator", "os", "pathlib"),
        *("pprint", "re", "shutil", "statistics", "string", "struct", "tempfile", "textwrap"),
        *("time", "types", "typing", "unittest", "uuid", "zoneinfo", "__future__"),
    }
)
# Names by which a test reaches into the process it runs in.
_SHARES = frozenset(
    {
        *("mock", "patch", "IsolatedAsyncioTestCase", "expectedFailure", "environ", "putenv"),
        *("chdir", "umask", "fork", "kill", "getpid", "redirect_stdout", "redirect_stderr"),
        *("assertLogs", "assertNoLogs", "assertWarns", "assertWarnsRegex", "getcontext"),
        *("setcontext", "localcontext", "__builtins__", "__import__", "globals", "exec", "eval"),
    }
)


def _separable(tree: ast.Module) -> bool:
    """False for a module that shares more with the code it tests than objects.

    That is one that reaches into the process, or derives a class from one that it imports.
    """
    given = {
        alias.asname or alias.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        and (getattr(node, "module", None) or node.names[0].name).split(".")[0]
        not in sys.stdlib_module_names
        for alias in node.names
    }
    for node in ast.walk(tree):
        match node:
            case ast.AsyncFunctionDef() | ast.Await():
                return False
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.alias(name=name):
                if name in _SHARES:
                    return False
            case ast.ClassDef(bases=bases):
                named = {
                    each.id
                    for base in bases
                    for each in ast.walk(base)
                    if isinstance(each, ast.Name)
                }
                if named & given:
                    return False
    return all(n.split(".")[0] in _SHARES_NOTHING for n in _stdlib_imports(tree))


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
