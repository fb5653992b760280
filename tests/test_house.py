"""The house: how modules may be laid out, held by reading their imports."""

from __future__ import annotations

import ast
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

from core.syntax import parse

ROOT = Path(__file__).parents[1]
MOST_LINES = 500
SUITES = ROOT / "core" / "harness" / "suites"


@cache
def modules() -> dict[str, ast.Module]:
    """The product's modules by dotted name; a package by its own name."""
    found = {}
    for package in ("core", "reflex_tui"):
        for path in sorted((ROOT / package).rglob("*.py")):
            if SUITES in path.parents and path.parent != SUITES:
                continue  # tasks: broken on purpose
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts).removesuffix(".__init__")
            found[name] = parse(path.read_text(encoding="utf-8"))
    return found


@cache
def package_of(module: str) -> str:
    """The folder of ``module``."""
    is_package = any(other.startswith(f"{module}.") for other in modules())
    return module if is_package else module.rpartition(".")[0]


@cache
def imports(module: str, *, lazy: bool) -> set[str]:
    """The product's modules that it imports at run time; with ``lazy`` in functions too."""
    found = set()
    waiting: list[ast.AST] = [modules()[module]]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if not lazy and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            for each in node.names:
                inner = f"{node.module}.{each.name}"
                found.add(inner if inner in modules() else node.module)
        waiting.extend(ast.iter_child_nodes(node))
    return found & set(modules())


def test_no_two_public_classes_share_a_name() -> None:
    """A name means one thing, wherever it is read."""
    homes = defaultdict(list)
    for name, tree in modules().items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].append(name)
    assert {name: where for name, where in homes.items() if len(where) > 1} == {}


def test_no_file_outgrows_one_thought() -> None:
    """A file that cannot be read in one sitting holds more than one thought."""
    long = {}
    for package in ("core", "reflex_tui"):
        for path in (ROOT / package).rglob("*.py"):
            lines = len(path.read_text(encoding="utf-8").splitlines())
            if lines > MOST_LINES:
                long[path.relative_to(ROOT).as_posix()] = lines
    assert long == {}


@cache
def users() -> dict[str, set[str]]:
    """The modules that import a library, by its name; also for types alone."""
    found = defaultdict(set)
    for name, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for each in node.names:
                    found[each.name.split(".")[0]].add(name)
            elif isinstance(node, ast.ImportFrom) and node.module:
                found[node.module.split(".")[0]].add(name)
    return found


@pytest.mark.parametrize(
    ("library", "where"),
    [
        ("httpx", {"core.client.proxy_environment", "core.client.transport"}),
        ("plotext", {"reflex_tui.screens.dashboard", "reflex_tui.widgets.chart"}),
        ("pyarrow", {"core.export.parquet"}),
    ],
)
def test_a_library_that_may_be_replaced_has_few_users(library: str, where: set[str]) -> None:
    """So that another one in its place is a day's work."""
    assert users()[library] == where


def test_no_two_folders_import_each_other() -> None:
    """Arrows between folders point one way, lazy imports included."""
    arrows = {
        (package_of(name), package_of(other))
        for name in modules()
        if not name.endswith("__main__")  # a way in, above all else
        for other in imports(name, lazy=True)
        if package_of(name) != package_of(other)
    }
    assert sorted(pair for pair in arrows if pair[::-1] in arrows and pair[0] < pair[1]) == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Each module can be loaded first; what functions import later counts as well."""
    graph = {name: imports(name, lazy=True) - {name} for name in modules()}
    done: set[str] = set()
    circles: list[list[str]] = []

    def visit(name: str, way: list[str]) -> None:
        if name in way:
            circles.append([*way[way.index(name) :], name])
            return
        if name in done:
            return
        for other in sorted(graph[name]):
            visit(other, [*way, name])
        done.add(name)

    for name in graph:
        visit(name, [])
    assert circles == []


def test_every_package_opens_with_its_design() -> None:
    """Whoever opens a package reads first what is where in it, and why."""
    packages = [name for name in modules() if package_of(name) == name]
    short = [
        name
        for name in packages
        if len((ast.get_docstring(modules()[name]) or "").splitlines()) < 4
    ]
    assert short == []


def test_no_test_module_imports_another() -> None:
    """What tests share lies in ``tests/support``, so that each module can be read alone."""
    imported = []
    for path in sorted((ROOT / "tests").rglob("*.py")):
        for node in ast.walk(parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                names = [node.module or "", *(each.name for each in node.names)]
            elif isinstance(node, ast.Import):
                names = [each.name for each in node.names]
            else:
                continue
            if any(part.startswith("test_") for name in names for part in name.split(".")):
                imported.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert imported == []
