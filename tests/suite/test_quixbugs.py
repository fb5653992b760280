"""A tiny clone in the form of QuixBugs, made here, is read and its tasks are sound."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core.errors import SuiteError
from core.harness.suites.loading import Suite, load_suite
from tests.support.suite.making import write
from tests.support.suite.quixbugs import HALVE, JSON_TEST
from tests.support.suite.variants import try_tasks

if TYPE_CHECKING:
    from pathlib import Path

CLAMP = '''
def clamp(value, low, high):
    return max(low, {outer}(value, high))

"""
Input: a number and two bounds
Output: the number, kept within the bounds
"""
'''
COUNTDOWN = """
def countdown(start, step):
    while start {sign} 0:
        yield [start, (start, step)]
        start -= step
"""
TAIL = """
def tail(node):
    while node.successor{more}:
        node = node.successor
    return node
"""
NODE = """
class Node:
    def __init__(self, value=None, successor=None):
        self.value = value
        self.successor = successor
"""
GRAPH_TEST = """
import pytest
from node import Node

if pytest.use_correct:
    from correct_python_programs.tail import tail
else:
    from python_programs.tail import tail


def test1():
    last = Node("c")
    assert tail(Node("a", Node("b", last))) is last


def test2():
    only = Node("a")
    assert tail(only) is only
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Four programs that can be used, and what lies beside them."""
    root = tmp_path / "QuixBugs"
    for name, text, broken, correct in (
        ("clamp", CLAMP, {"outer": "max"}, {"outer": "min"}),
        ("countdown", COUNTDOWN, {"sign": ">="}, {"sign": ">"}),
        ("halve", HALVE, {"divisor": "3"}, {"divisor": "2"}),
        ("tail", TAIL, {"more": ".successor"}, {"more": ""}),
    ):
        write(root / f"python_programs/{name}.py", text.format(**broken))
        write(root / f"correct_python_programs/{name}.py", text.format(**correct))
    write(
        root / "json_testcases/clamp.json",
        "[[5, 1, 10], 5]\n[[10, 1, 10], 10]\n\n[[-3, 1, 10], 1]\n[[7, -1000000, 7], 7]\n",
    )
    write(root / "json_testcases/countdown.json", "[[4, 2], [[4, [4, 2]], [2, [2, 2]]]]\n")
    write(root / "json_testcases/halve.json", "[[3, 0.01], 1.4951]\n[[0, 0.01], 0.0]\n")
    for name in ("clamp", "countdown", "halve"):
        write(root / f"python_testcases/test_{name}.py", JSON_TEST.format(name=name))
    write(root / "python_testcases/test_tail.py", GRAPH_TEST)
    write(root / "python_testcases/node.py", NODE)
    write(root / "python_programs/node.py", NODE)
    write(root / "python_programs/tail_test.py", "def main():\n    pass\n")
    write(root / "java_programs/CLAMP.java", "class CLAMP {}\n")
    return root


def ids(suite: Suite) -> list[str]:
    """Ids in order."""
    return [task.id for task in suite.tasks]


def test_programs_with_cases_become_tasks(clone: Path, tmp_path: Path) -> None:
    """Broken fails, correct passes, in JSON cases, generators, floats and graphs alike."""
    suite = load_suite(clone)
    assert suite.name == "quixbugs"
    assert ids(suite) == ["clamp", "countdown", "halve", "tail"]
    assert suite.left_out == ()
    ended = try_tasks(suite.tasks, tmp_path / "runs", ["broken", "solution"])
    for task in suite.tasks:
        assert any(ended[task.id]["broken"].values()), task.id
        assert not any(ended[task.id]["solution"].values()), task.id


@pytest.mark.parametrize("unless", ["not pytest.run_slow and ", ""])
def test_each_case_is_a_test_but_for_slow_ones(clone: Path, tmp_path: Path, unless: str) -> None:
    """The case that QuixBugs skips because it takes minutes is skipped here, too."""
    tests = JSON_TEST.format(name="clamp").replace("not pytest.run_slow and ", unless)
    write(clone / "python_testcases/test_clamp.py", tests)
    suite = load_suite(clone).select("clamp")
    ended = try_tasks(suite.tasks, tmp_path / "runs", ["broken"])["clamp"]["broken"]
    assert list(ended) == ["test_case_1", "test_case_2", "test_case_4"]
    assert [test for test, failure in ended.items() if failure] == ["test_case_1", "test_case_4"]


def test_helper_modules_are_shown_but_not_editable(clone: Path) -> None:
    """``node.py`` is part of the workspace of programs on graphs."""
    (task,) = load_suite(clone).select("tail").tasks
    assert set(task.workspace) == {"tail.py", "node.py"}
    assert task.editable == ("tail.py",)
    assert "pytest" not in task.tests["test_tail.py"]


def test_what_cannot_be_used_is_left_out_by_name(clone: Path) -> None:
    """Tests that need pytest itself, and programs without tests, are named with the reason."""
    write(clone / "python_programs/lonely.py", "def lonely():\n    return 1\n")
    write(clone / "python_programs/picky.py", "def picky():\n    return 1\n")
    write(clone / "python_testcases/test_picky.py", "import pytest\n\nX = pytest.approx(1)\n")
    write(clone / "python_programs/empty.py", "def empty():\n    return 1\n")
    write(clone / "json_testcases/empty.json", "\n")
    suite = load_suite(clone)
    assert ids(suite) == ["clamp", "countdown", "halve", "tail"]
    assert [each.split(":")[0] for each in suite.left_out] == ["empty", "lonely", "picky"]
    assert "pytest" in suite.left_out[2]


def test_bad_case_is_named_by_file_and_line(clone: Path) -> None:
    """A case that is no pair is a fault of the clone."""
    write(clone / "json_testcases/clamp.json", "[[1, 2, 3], 2]\n[[1, 2, 3]]\n")
    with pytest.raises(SuiteError, match=r"json_testcases/clamp.json, line 2"):
        load_suite(clone)


def test_missing_correct_program_is_a_fault(clone: Path) -> None:
    """Without it there is nothing to check the task by."""
    (clone / "correct_python_programs/tail.py").unlink()
    with pytest.raises(SuiteError, match=r"correct_python_programs/tail.py"):
        load_suite(clone)


def test_links_out_of_the_clone_are_refused(clone: Path) -> None:
    """A program that is a link to some other file is not read."""
    (clone / "python_programs/clamp.py").unlink()
    (clone / "python_programs/clamp.py").symlink_to("/etc/hostname")
    with pytest.raises(SuiteError, match="link"):
        load_suite(clone)


def test_the_hash_covers_the_clone(clone: Path) -> None:
    """Its README aside, as with every suite."""
    before = load_suite(clone).hash
    write(clone / "README.md", "About.\n")
    assert load_suite(clone).hash == before
    write(clone / "json_testcases/countdown.json", "[[2, 1], [[2, [2, 1]], [1, [1, 1]]]]\n")
    assert load_suite(clone).hash != before
