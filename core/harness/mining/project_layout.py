"""How a project is laid out: its source, its tests, and the command that checks it."""

from __future__ import annotations

import ast
import json
import re
import shlex
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from core.harness.commands.toolchain import language_of
from core.harness.suites.reading import text_of
from core.harness.suites.tasks import CheckCommand
from core.syntax import NOT_PYTHON, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from core.harness.suites.tasks import ResultKind, WorkTree

LANGUAGES = {
    ".py": "python",
    ".rs": "rust",
    ".go": "go",
    ".ts": "typescript",
    ".tsx": "typescript",
    ".js": "javascript",
    ".jsx": "javascript",
    ".mjs": "javascript",
    ".cjs": "javascript",
    ".rb": "ruby",
    ".java": "java",
    ".c": "c",
    ".cc": "cpp",
    ".cpp": "cpp",
    ".sh": "shell",
}
TESTS = "{tests}"
_SUITE = "suite.toml"
_REPORT = ".reflex-report.xml"
_TEST_PLACES = frozenset(
    {"test", "tests", "__tests__", "spec", "specs", "testing", "testdata", "fixtures"}
)
_TEST_NAME = re.compile(r"(test_.*|.*_test|.*[._](test|spec)|conftest|.*_spec)\.\w+")
_PASSED_OVER = frozenset({"docs", "doc", "examples", "example", "vendor", "third_party", "build"})
_NO_SOURCE = frozenset({"setup.py", "conf.py", "noxfile.py", "build.rs", "__init__.py"})
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")  # that a suite's files may have
_RUNNABLE = re.compile(r"(test_.*|.*_test)\.py")
_MOST_CONFIG = 256 << 10
MOST_CHOSEN = 3
_FEW_TEST_FILES = 12


def language(path: str) -> str:
    """The language of a path by its ending; empty for what is no source code."""
    return LANGUAGES.get(PurePosixPath(path).suffix, "")


def is_test(path: str) -> bool:
    """Whether a path is a test, or something that only tests use."""
    parts = PurePosixPath(path).parts
    return any(part in _TEST_PLACES for part in parts[:-1]) or bool(_TEST_NAME.fullmatch(parts[-1]))


def suites_among(paths: Iterable[str]) -> tuple[str, ...]:
    """Where suites of tasks lie, such as ``mine/``: their code is broken on purpose."""
    return tuple(path.removesuffix(_SUITE) for path in paths if path.endswith(f"/{_SUITE}"))


def is_source(path: str, aside: tuple[str, ...] = ()) -> bool:
    """Whether a path is code that a task may be about; below ``aside`` none is."""
    if path.startswith(aside):
        return False
    parts = PurePosixPath(path).parts
    hidden = any(part in _PASSED_OVER or part.startswith(".") for part in parts)
    odd = hidden or parts[-1] in _NO_SOURCE or not all(map(_NAME.fullmatch, parts))
    return bool(language(path)) and not is_test(path) and not odd


def find_check(tree: WorkTree) -> CheckCommand | None:
    """The command that checks a project of this layout; None where nothing tells."""
    names = set(tree.files)
    if "Cargo.toml" in names:
        return CheckCommand(
            ("cargo", "test", "--offline"), ("cargo", "build", "--offline", "--tests"), "cargo"
        )
    if "go.mod" in names:
        command = ("go", "test", "-vet=off", "-json", "./...")
        return CheckCommand(command, ("go", "build", "./..."), "go")
    if any(_RUNNABLE.fullmatch(PurePosixPath(path).name) for path in names):
        return python_check(tree)
    if "package.json" in names:
        return _node_check(tree.files["package.json"][0])
    return None


def python_check(tree: WorkTree) -> CheckCommand:
    """Pytest on the tests that matter to a task, with a report of each test."""
    words = ("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={_REPORT}")
    inner = ("src",) if any(path.startswith("src/") for path in tree.files) else ()
    return CheckCommand((*words, TESTS), result="junit", report=_REPORT, python_path=inner)


def _node_check(package: bytes) -> CheckCommand | None:
    try:
        data = json.loads(package[:_MOST_CONFIG])
        script = str(data["scripts"]["test"])
        words = shlex.split(script)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if "vitest" in words:
        command = ("npx", "vitest", "run", "--reporter=junit", f"--outputFile={_REPORT}")
        return CheckCommand(command, result="junit", report=_REPORT)
    if words[:1] == ["node"] and "--test" in words:
        return CheckCommand((*words, "--test-reporter=tap"), result="tap")
    return CheckCommand(("npm", "test", "--silent"))


def given_check(words: Sequence[str], tree: WorkTree, result: ResultKind | None) -> CheckCommand:
    """The user's own command; by its program it is judged test by test where that can be done."""
    check = CheckCommand(tuple(words))
    joined = " ".join(words)
    kind = language_of(check)
    if result in {None, "junit"} and kind == "python" and "pytest" in joined:
        own = python_check(tree)
        return replace(
            own, command=(*words, "-p", "no:cacheprovider", f"--junitxml={_REPORT}"), result="junit"
        )
    if result is not None:
        return replace(check, result=result)
    if kind == "rust":
        return replace(check, result="cargo")
    if kind == "go" and "-json" in words:
        return replace(check, result="go")
    return replace(check, result="tap" if "--test-reporter=tap" in words else "exit")


def for_tests(check: CheckCommand, tests: Sequence[str]) -> CheckCommand:
    """The check with the test files that matter in the place that it has for them."""
    words: list[str] = []
    for word in check.command:
        words += tests if word == TESTS else [word]
    return replace(check, command=tuple(words))


def takes_tests(check: CheckCommand) -> bool:
    """Whether the check can be run on some test files alone."""
    return TESTS in check.command


def runnable(paths: Sequence[str]) -> list[str]:
    """Those of ``paths`` that a test runner can be given by name."""
    return [path for path in paths if _RUNNABLE.fullmatch(PurePosixPath(path).name)]


@dataclass(frozen=True, slots=True)
class TestMap:
    """Which test files look at which Python modules, by what they import.

    ``words`` are the names that a test file uses, ``sizes`` its bytes.
    """

    __test__ = False
    imported: Mapping[str, frozenset[str]]
    sizes: Mapping[str, int]
    words: Mapping[str, frozenset[str]]

    def cost(self, source: str) -> tuple[bool, int]:
        """Sorts files by how soon they may give a task: a test named like it, and a short one."""
        first = self.of(source)[0]
        return PurePosixPath(source).stem not in first, self.sizes[first]

    def names(self, tests: Sequence[str], function: str) -> bool:
        """Whether one of ``tests`` uses a function by its name."""
        name = function.rpartition(".")[2]
        return any(name in self.words.get(path, ()) for path in tests)

    def importing(self, source: str) -> list[str]:
        """The test files that import the module itself."""
        module = module_name(source)
        return [path for path, names in self.imported.items() if _imports(names, module)]

    def of(self, source: str) -> tuple[str, ...]:
        """The test files for a source file, those that import it itself before others."""
        direct = self.importing(source)
        if not direct:
            package = module_name(source).rpartition(".")[0]
            direct = [path for path, names in self.imported.items() if package in names]
        named = PurePosixPath(source).stem
        ranked = sorted(direct, key=lambda path: (named not in path, self.sizes[path], path))
        if not ranked and len(self.imported) <= _FEW_TEST_FILES:
            ranked = sorted(self.imported)
        return tuple(ranked[:MOST_CHOSEN])


def map_tests(tree: WorkTree) -> TestMap:
    """The map of a work tree; tests that cannot be parsed are not in it."""
    imported, sizes, words = {}, {}, {}
    for path in runnable(sorted(tree.files)):
        content = tree.files[path][0]
        try:
            parsed = parse(text_of(content, path))
        except NOT_PYTHON:
            continue
        imported[path] = frozenset(_imported(parsed))
        sizes[path] = len(content)
        words[path] = frozenset(
            each.id if isinstance(each, ast.Name) else each.attr
            for each in ast.walk(parsed)
            if isinstance(each, ast.Name | ast.Attribute)
        )
    return TestMap(imported, sizes, words)


def _imported(parsed: ast.Module) -> set[str]:
    found = set()
    for node in ast.walk(parsed):
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
            found |= {f"{node.module}.{each.name}" for each in node.names}
    return found


def _imports(names: frozenset[str], module: str) -> bool:
    return any(name == module or name.startswith(f"{module}.") for name in names)


def module_name(source: str) -> str:
    """``src/shop/cart.py`` is the module ``shop.cart``."""
    path = PurePosixPath(source).with_suffix("")
    parts = path.parts[1:] if path.parts[0] in {"src", "lib"} else path.parts
    return ".".join(parts).removesuffix(".__init__")
