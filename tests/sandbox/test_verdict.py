"""What honest code gets: a right verdict, and a message that helps to fix what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core.errors import SandboxError, SuiteError
from core.harness.sandbox import Limits, Sandbox, TestReport, run_tests
from tests.support.sandbox.honest import HONEST, HONEST_TESTS, lay

if TYPE_CHECKING:
    from pathlib import Path


async def check(
    sandbox: Sandbox, workspace: Path, tests_dir: Path, code: str, tests: str
) -> TestReport:
    """Run one file of tests against one module ``code``."""
    lay(workspace, {"code_.py": code})
    lay(tests_dir, {"test_it.py": tests})
    return await run_tests(sandbox, workspace=workspace, tests=tests_dir)


async def test_honest_code_is_solved(sandbox: Sandbox, workspace: Path, tests_dir: Path) -> None:
    """Every ordinary way to write a test is understood, in the control run as well."""
    lay(workspace, HONEST)
    lay(tests_dir, HONEST_TESTS)
    report = await run_tests(sandbox, workspace=workspace, tests=tests_dir)
    assert report.solved, report.feedback()
    assert report.complete
    assert len(report.passed) == 20
    assert "test_money.py::Derived::test_inherited" in report.passed


async def test_values_are_shown(sandbox: Sandbox, workspace: Path, tests_dir: Path) -> None:
    """A failing assertion says what it compared, where, and nothing about this machine."""
    report = await check(
        sandbox,
        workspace,
        tests_dir,
        "def f(x):\n    return {'a': [x]}\ndef g():\n    return object()\n",
        "from code_ import f, g\n"
        "def test_value():\n    assert f(2) == {'a': [3]}, 'three'\n"
        "def test_truth():\n    assert not g()\n"
        "def test_error():\n    assert f() == 1\n",
    )
    assert not report.solved
    value, truth, error = [failure.message for failure in report.failed]
    assert value == (
        "assert f(2) == {'a': [3]}, 'three'\n  {'a': [2]} == {'a': [3]} is false\nthree\n"
        "  test_it.py:3"
    )
    assert truth == "assert not g()\n  it is <object object>\n  test_it.py:5"
    assert error == (
        "TypeError: f() missing 1 required positional argument: 'x'\n"
        "  test_it.py:7: assert f() == 1"
    )


async def test_error_in_the_workspace_names_its_line(
    sandbox: Sandbox, workspace: Path, tests_dir: Path
) -> None:
    """The traceback's lines in the workspace are quoted, by relative path."""
    report = await check(
        sandbox,
        workspace,
        tests_dir,
        "def mean(values):\n    return sum(values) / len(values)\n",
        "from code_ import mean\ndef test_empty():\n    assert mean([]) == 0\n",
    )
    assert report.failed[0].message == (
        "ZeroDivisionError: division by zero\n"
        "  test_it.py:3: assert mean([]) == 0\n"
        "  code_.py:2: return sum(values) / len(values)"
    )


async def test_syntax_error_in_the_workspace(
    sandbox: Sandbox, workspace: Path, tests_dir: Path
) -> None:
    """Code that does not compile fails every test and says why."""
    report = await check(
        sandbox, workspace, tests_dir, "def f(:\n", "from code_ import f\ndef test_a():\n    f()\n"
    )
    assert report.failed[0].message.startswith("SyntaxError: invalid syntax (code_.py, line 1)")
    assert report.complete


async def test_endless_test_is_named(sandbox: Sandbox, workspace: Path, tests_dir: Path) -> None:
    """When time runs out the report keeps what passed before and says where it stuck."""
    lay(workspace, {"code_.py": "def f():\n    while True: pass\n"})
    lay(
        tests_dir,
        {"test_it.py": "from code_ import f\ndef test_a(): pass\ndef test_b():\n    f()\n"},
    )
    for wall_s in (0.5, 5, 30):  # a busy machine is slow to begin
        report = await run_tests(
            sandbox, workspace=workspace, tests=tests_dir, limits=Limits(wall_s=wall_s)
        )
        if report.passed:
            break
    assert report.error == f"The tests were stopped after {wall_s} s in test_it.py::test_b."
    assert report.passed == ("test_it.py::test_a",)
    assert (report.complete, report.solved) == (False, False)


async def test_feedback_is_the_same_every_time(
    sandbox: Sandbox, workspace: Path, tests_dir: Path
) -> None:
    """Two runs of the same code give the same words: no addresses, paths, times, or set order."""
    code = (
        "import traceback\n"
        "class Thing: pass\n"
        "def f():\n"
        "    print(Thing(), {'a', 'b', 'c', 'd'}, __file__)\n"
        "    try: int('x')\n"
        "    except ValueError: traceback.print_exc()\n"
        "    return Thing()\n"
    )
    tests = "from code_ import f\ndef test_a():\n    assert f() == {'p', 'q', 'r', 's'}\n"
    one = await check(sandbox, workspace, tests_dir, code, tests)
    two = await check(sandbox, workspace, tests_dir, code, tests)
    assert one.feedback() == two.feedback()
    assert " at 0x" not in one.feedback()
    assert 'File "code_.py", line 5' in one.feedback()
    assert one.feedback().startswith("1 of 1 tests fail.\n\ntest_it.py::test_a\n")
    assert len(one.feedback(limit=40)) == 40


async def test_fixture_failure_fails_its_tests(
    sandbox: Sandbox, workspace: Path, tests_dir: Path
) -> None:
    """A class fixture that raises fails each test of the class once."""
    report = await check(
        sandbox,
        workspace,
        tests_dir,
        "def f(): raise ValueError('broken')\n",
        "import unittest\nfrom code_ import f\n"
        "class T(unittest.TestCase):\n"
        "    @classmethod\n    def setUpClass(cls): f()\n"
        "    def test_a(self): pass\n    def test_b(self): pass\n",
    )
    assert [failure.id for failure in report.failed] == [
        "test_it.py::T::test_a",
        "test_it.py::T::test_b",
    ]
    assert all("ValueError: broken" in failure.message for failure in report.failed)


async def test_skips_do_not_count(sandbox: Sandbox, workspace: Path, tests_dir: Path) -> None:
    """A test that is skipped did not pass."""
    report = await check(
        sandbox,
        workspace,
        tests_dir,
        "",
        "import unittest\nclass T(unittest.TestCase):\n"
        "    @unittest.skip('later')\n    def test_a(self): pass\n"
        "    @unittest.expectedFailure\n    def test_b(self): pass\n",
    )
    assert [failure.message for failure in report.failed] == [
        "skipped: later",
        "it passed, and should not have",
    ]


async def test_data_files_are_shown_read_only(
    sandbox: Sandbox, workspace: Path, tests_dir: Path
) -> None:
    """Tests may read files that lie beside them; nobody can write there."""
    tests_dir.parent.chmod(0o755)
    lay(tests_dir, {"data/cases.json": "[1, 2]"})
    report = await check(
        sandbox,
        workspace,
        tests_dir,
        "def f(path):\n"
        "    try: open(path, 'a')\n"
        "    except OSError: return True\n"
        "    return False\n",
        "import json, pathlib\nfrom code_ import f\n"
        "CASES = pathlib.Path(__file__).with_name('data') / 'cases.json'\n"
        "def test_a():\n"
        "    assert json.loads(CASES.read_text()) == [1, 2]\n"
        "    assert f(CASES)\n",
    )
    assert report.solved, report.feedback()


async def test_no_pytest_inside(sandbox: Sandbox, workspace: Path, tests_dir: Path) -> None:
    """A test that wants pytest is told that there is none, whatever the workspace offers."""
    lay(workspace, {"pytest.py": "def raises(*a): ..."})
    report = await check(
        sandbox, workspace, tests_dir, "", "import pytest\ndef test_a():\n    pass\n"
    )
    assert "ModuleNotFoundError" in report.failed[0].message


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "There is no test"),
        ({"helpers.py": "def test_a(): pass"}, "There is no test"),
        ({"test_a.py": "def test_a(:"}, "test_a.py is not valid Python"),
        ({"test_a.py": "def test_a():\n    return\0"}, "not valid Python"),
    ],
)
async def test_unusable_tests(
    sandbox: Sandbox, workspace: Path, tests_dir: Path, files: dict[str, str], said: str
) -> None:
    """A suite without usable tests is the suite's error, not the code's."""
    lay(tests_dir, files)
    with pytest.raises(SuiteError, match=said):
        await run_tests(sandbox, workspace=workspace, tests=tests_dir)


async def test_tests_inside_the_workspace_are_refused(sandbox: Sandbox, workspace: Path) -> None:
    """Tests with data would have to be mounted in a tree that the model wrote."""
    lay(workspace / "tests", {"test_a.py": "def test_a(): pass", "data.txt": ""})
    with pytest.raises(SandboxError, match="lies in the workspace"):
        await run_tests(sandbox, workspace=workspace, tests=workspace / "tests")


@pytest.mark.parametrize("module", ["asyncio", "unittest.mock", "concurrent.futures", "pdb"])
async def test_code_may_import_what_its_tests_do_not(
    sandbox: Sandbox, workspace: Path, tests_dir: Path, module: str
) -> None:
    """Loading a module of the standard library is no interference with the tests."""
    report = await check(
        sandbox,
        workspace,
        tests_dir,
        f"import {module}\ndef f(): return 1\n",
        "import unittest\nfrom code_ import f\n"
        "class T(unittest.TestCase):\n    def test_a(self): self.assertEqual(f(), 1)\n",
    )
    assert report.solved, report.feedback()


async def test_assertion_methods_of_the_tests_own(
    sandbox: Sandbox, workspace: Path, tests_dir: Path
) -> None:
    """A helper named like an assertion, which may pass in the control run, is no cheat."""
    report = await check(
        sandbox,
        workspace,
        tests_dir,
        "class Node:\n    def __init__(self): self.size = 2\n",
        "import unittest\nfrom code_ import Node\n"
        "class T(unittest.TestCase):\n"
        "    def assert_size(self, node, size):\n        self.assertEqual(node.size, size)\n"
        "    def test_a(self): self.assert_size(Node(), 2)\n",
    )
    assert report.solved, report.feedback()
