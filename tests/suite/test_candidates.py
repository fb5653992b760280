"""Instructions, mutants and layouts: what tasks are made of, without running anything."""

from __future__ import annotations

import ast
import subprocess
from typing import TYPE_CHECKING

import pytest

from core.harness.commands.toolchain import language_of
from core.harness.mining.candidates import TaskCandidate
from core.harness.mining.history import candidate_of
from core.harness.mining.instruction import instruction_of
from core.harness.mining.line_mutants import line_mutants
from core.harness.mining.mutants import mutants, probe
from core.harness.mining.project_layout import (
    TESTS,
    find_check,
    given_check,
    is_source,
    is_test,
    map_tests,
    suites_among,
)
from core.harness.mining.repository import Repository
from core.harness.suites.tasks import CheckCommand, WorkTree
from tests.support.suite.making import write
from tests.support.suite.repository import CART, FREE_MESSAGE, commit, git, make_repository

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("message", "instruction"),
    [
        (
            FREE_MESSAGE,
            "Up to two kilograms ship for free\n\nCustomers paid for small parcels.",
        ),
        ("Round totals half up, see JIRA-12 and https://example.com/x", "Round totals half up, "),
        ("Keep `price` as it is\n\n```\nreturn weight\n```\n    weight <= 2\n", "Keep `price`"),
        ("Call fresh_name() for the total", ""),
        ("Handle the case when a parcel weighs two less", "Handle the case"),
        ("fix", ""),
    ],
)
def test_an_instruction_gives_nothing_away(message: str, instruction: str) -> None:
    """Trailers, issue numbers, links, blocks and code that only the fix has are gone."""
    found = instruction_of(message, ["    return 0 if weight <= 2 else fresh_name()"], "price")
    assert found.startswith(instruction)
    assert bool(found) == bool(instruction)
    for word in ("#12", "Signed", "weight <=", "JIRA", "http", "fresh_name"):
        assert word not in found


SOURCE = '''\
"""A module."""


class Stack:
    """Holds things."""

    def __init__(self, limit: int = 3) -> None:
        self.items: list[int] = []
        self.limit = limit

    def push(self, item: int) -> bool:
        """Add an item; False when full."""
        if len(self.items) >= self.limit and not item < 0:  # é
            return False
        self.items.append(item)
        return True


def area(width: int, height: int = 1) -> int:
    return max(width, 0) * height
'''


def test_mutants_are_other_programs_in_the_same_words() -> None:
    """Each parses, differs from the source as a program, and changes one place."""
    found = list(mutants("stack.py", SOURCE))
    assert {each.operator for each in found} >= {
        *("boundary", "logic", "negation", "constant", "lost-call", "off-by-one"),
        *("arithmetic", "return-value", "swapped-arguments"),
    }
    for each in found:
        assert ast.dump(ast.parse(each.text)) != ast.dump(ast.parse(SOURCE))
        assert '"""Add an item; False when full."""' in each.text
        assert "# é" in each.text
        lines = list(zip(SOURCE.splitlines(), each.text.splitlines(), strict=True))
        changed = [number for number, (old, new) in enumerate(lines, 1) if old != new]
        assert changed == [each.line]


def test_a_probe_raises_in_one_function_alone() -> None:
    """Signature and docstring stay."""
    changed = probe(SOURCE, "Stack.push")
    assert changed is not None
    assert changed.count("raise NotImplementedError") == 1
    assert '"""Add an item; False when full."""' in changed
    assert "return max(width, 0) * height" in changed
    assert probe(SOURCE, "Stack.pop") is None


@pytest.mark.parametrize("source", ["def f(:", "x = 1\n" * 20_000, "(" * 9_000, "\0"])
def test_source_that_cannot_be_parsed_has_no_mutants(source: str) -> None:
    """Any file may be in a repository."""
    assert list(mutants("odd.py", source)) == []


def test_line_mutants_leave_strings_comments_and_tests_alone() -> None:
    """In a language that we do not parse, only what is surely code is changed."""
    source = (
        "// a <= b\n"
        "pub fn fits(a: u32, b: u32) -> bool {\n"
        '    println!("a <= b");\n'
        "    a <= b && true\n"
        "}\n"
        "#[cfg(test)]\n"
        "mod tests { fn t() { assert!(1 == 1); } }\n"
    )
    found = list(line_mutants("lib.rs", source))
    assert {(each.function, each.line) for each in found} == {("fits", 4)}
    assert {each.after for each in found} == {"a < b && true", "a <= b || true", "a <= b && false"}


def test_source_and_tests_are_told_apart() -> None:
    """By directory and name, in any language."""
    tests = (
        "tests/test_a.py",
        "pkg/a_test.go",
        "src/__tests__/a.ts",
        "src/a.spec.ts",
        "conftest.py",
    )
    sources = ("pkg/a.py", "src/lib.rs", "cmd/main.go", "web/a.tsx")
    neither = ("README.md", "setup.py", "docs/conf.py", ".github/x.py", "vendor/a.go")
    assert all(map(is_test, tests))
    assert all(map(is_source, sources))
    assert not any(map(is_source, (*tests, *neither)))
    aside = suites_among(["mine/suite.toml", "mine/a/task.toml", "suite.toml", "pkg/a.py"])
    assert aside == ("mine/",)
    assert not is_source("mine/a/workspace/a.py", aside)
    assert is_source("pkg/a.py", aside)


@pytest.mark.parametrize(
    ("files", "language", "result"),
    [
        ({"Cargo.toml": "", "src/lib.rs": ""}, "rust", "cargo"),
        ({"go.mod": ""}, "go", "go"),
        ({"src/a.py": "", "tests/test_a.py": ""}, "python", "junit"),
        ({"package.json": '{"scripts": {"test": "node --test"}}'}, "node", "tap"),
        ({"package.json": '{"scripts": {"test": "vitest"}}'}, "node", "junit"),
        ({"package.json": '{"scripts": {"test": "mocha"}}'}, "node", "exit"),
    ],
)
def test_the_check_is_found(files: dict[str, str], language: str, result: str) -> None:
    """By what lies in the project."""
    tree = WorkTree({path: (text.encode(), False) for path, text in files.items()})
    check = find_check(tree)
    assert check is not None
    assert (language_of(check), check.result) == (language, result)


@pytest.mark.parametrize("package", ["", "[]", "{", '{"scripts": 1}', "[" * 5000])
def test_an_odd_package_file_has_no_check(package: str) -> None:
    """It may hold anything."""
    assert find_check(WorkTree({"package.json": (package.encode(), False)})) is None


def test_a_given_check_is_read_test_by_test_where_that_can_be_done() -> None:
    """Pytest gets a report; a script is judged by its status alone."""
    tree = WorkTree({})
    ours = given_check(("pytest", "-q", "{tests}"), tree, None)
    assert ours.result == "junit"
    assert any(word.startswith("--junitxml=") for word in ours.command)
    assert given_check(("make", "test"), tree, None).result == "exit"
    assert given_check(("make", "test"), tree, "tap").result == "tap"


def test_tests_are_found_by_what_they_import() -> None:
    """Those that import the module itself, before those that import its package."""
    files = {
        "shop/cart.py": "",
        "shop/tax.py": "",
        "tests/test_cart.py": "from shop.cart import total",
        "tests/test_all.py": "import shop.cart, shop.other",
        "tests/test_shop.py": "import shop",
        "tests/test_odd.py": "def (",
    }
    found = map_tests(WorkTree({path: (text.encode(), False) for path, text in files.items()}))
    assert found.of("shop/cart.py") == ("tests/test_cart.py", "tests/test_all.py")
    assert found.of("shop/tax.py") == ("tests/test_shop.py",)
    assert found.cost("shop/cart.py") < found.cost("shop/tax.py")


def test_a_commits_tests_are_narrowed_to_a_few(tmp_path: Path) -> None:
    """Those that import what it changed come first: a wide change has a short check as well."""
    root = make_repository(tmp_path)
    for number in range(5):
        write(root / f"tests/test_{number}.py", "import os\n")
    write(root / "cart.py", CART.replace("> 0", ">= 0"))
    write(root / "tests/test_cart.py", "# Longer than the others.\nfrom cart import total\n")
    commit(root, "Count what is free")
    check = CheckCommand(("python", "check.py", TESTS))
    with Repository(root) as repository:
        (newest,) = list(repository.commits(1))
        found = candidate_of(newest, repository, check)
    assert isinstance(found, TaskCandidate)
    chosen = ("tests/test_cart.py", "tests/test_0.py", "tests/test_1.py")
    assert found.check.command[2:] == chosen
    assert "tests/test_4.py" in found.tree.files


def test_a_byte_order_mark_hides_nothing(tmp_path: Path) -> None:
    """Neither which tests import a file, nor the functions that a commit changed."""
    root = make_repository(tmp_path, mark="\ufeff")
    with Repository(root) as repository:
        (newest,) = list(repository.commits(1))
        found = candidate_of(newest, repository, CheckCommand(("python", "check.py")))
        tree = repository.tree(repository.head)
    assert isinstance(found, TaskCandidate)
    assert found.solution["cart.py"].startswith(CART)
    assert found.control
    assert map_tests(tree).of("cart.py") == ("tests/test_cart.py",)


def test_nothing_of_a_repositorys_configuration_runs(tmp_path: Path) -> None:
    """Hooks, filters and monitors of a repository that came from anywhere stay asleep."""
    root = make_repository(tmp_path / "project")
    ran = tmp_path / "ran"
    write(root / ".gitattributes", "*.py filter=evil diff=evil export-subst\n")
    commit(root, "Attributes")
    hook = write(tmp_path / "evil.sh", f"#!/bin/sh\ntouch {ran}\ncat\n")
    hook.chmod(0o755)
    for key in ("core.fsmonitor", "filter.evil.smudge", "diff.evil.textconv", "core.pager"):
        git(root, "config", key, str(hook))
    (root / ".git/objects/info").mkdir(exist_ok=True)
    with Repository(root) as repository:
        commits = list(repository.commits(10))
        tree = repository.tree(repository.head)
        assert repository.commits_since(commits[1].id) == 1
        assert repository.commits_since("--output=x") is None
    assert commits[0].message == "Attributes\n"
    assert tree.files["cart.py"][0].startswith(b'"""A cart."""')
    assert not ran.exists()
    status = subprocess.run(
        ["git", "-c", "core.fsmonitor=false", "status", "--porcelain"],
        cwd=root, check=True, capture_output=True,
    )  # fmt: skip
    assert status.stdout == b""


@pytest.mark.parametrize("word", [" ", "word", "word.", "fix ", "GH ", "A-", "(", "[", "`", "a("])
def test_a_message_of_much_of_the_same(word: str) -> None:
    """It is read as far as it could be kept: all of it would take hours."""
    instruction = instruction_of(f"Round half up\n\n{word * 300_000}", ["x"], "y")
    assert instruction.startswith("Round half up")
    assert len(instruction) <= 2000
