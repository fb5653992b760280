"""What honest code gets: a right verdict, and a message that helps to mend what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core.errors import SandboxError, SuiteError
from core.harness.sandbox import Limits, Sandbox, TestReport, run_tests

if TYPE_CHECKING:
    from pathlib import Path


def lay(root: Path, files: dict[str, str]) -> None:
    """Write files below a directory."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


HONEST = {
    "shop/__init__.py": "",
    "shop/money.py": """
import dataclasses, enum, functools


@functools.total_ordering
class Money:
    def __init__(self, cents): self.cents = cents
    def __eq__(self, other):
        if isinstance(other, Money): return self.cents == other.cents
        if isinstance(other, int): return self.cents == other
        return NotImplemented
    def __lt__(self, other): return self.cents < other.cents
    def __hash__(self): return hash(self.cents)
    def __contains__(self, digit): return str(digit) in str(self.cents)


@dataclasses.dataclass
class Order:
    lines: list
    total: Money


class Fussy:
    def __eq__(self, other): return other.cents == 1


class Level(enum.Enum):
    LOW = 1


def count(limit):
    yield from range(limit)


def parse(text):
    if not text:
        raise ValueError("nothing to parse")
    return [int(part) for part in text.split(",")]


async def later(value):
    return value


def nan():
    return float("nan")
""",
}

HONEST_TESTS = {
    "helpers.py": "def check(left, right):\n    assert left == right\n",
    "more/deep.py": "LIMIT = 3\n",
    "tools/__init__.py": "from tools.one import ONE\n",
    "tools/one.py": "ONE = 1\n",
    "test_money.py": """
import asyncio
import contextlib
import math
import time
import unittest
from unittest import mock

from helpers import check
from more.deep import LIMIT
from tools import ONE
from shop import money
from shop.money import Fussy, Level, Money, Order, count, later, nan, parse


def test_equal_objects():
    assert Money(5) == Money(5)
    assert Money(5) == 5
    assert Money(5) != Money(6)
    assert Fussy() == Money(1)


def test_orders_and_sets():
    assert Money(1) < Money(2) <= Money(2)
    assert max([Money(1), Money(3)]) == Money(3)
    assert {Money(1), Money(2)} == {Money(2), Money(1)}
    assert Money(1) in [Money(1)] and 4 in Money(42)
    assert {Money(1): [Money(2)]} == {Money(1): [Money(2)]}


def test_dataclass_and_enum():
    assert Order([Money(1)], Money(1)) == Order([Money(1)], Money(1))
    assert Level(1) is Level.LOW
    assert Level.LOW in {Level.LOW: 1}


def test_iterator_and_walrus():
    numbers = count(LIMIT)
    assert next(numbers) == 0
    assert (rest := list(numbers)) == [1, 2]
    assert len(rest) == 2, f"{rest}"


def test_nothing_asserted():
    assert (ONE, "a tuple is always true")
    parse("\\d" and "1")


def test_expected_by_return():
    try:
        parse("")
    except ValueError:
        return
    raise AssertionError("no error")


def test_expected_by_else():
    try:
        parse("")
    except ValueError as error:
        assert "nothing" in str(error)
    else:
        assert False, "no error"


def test_no_error():
    try:
        parse("1,2")
    except ValueError:
        assert False, "an error"


def test_helper():
    check(parse("1,2"), [1, 2])


def test_nan():
    value = nan()
    assert value != value
    assert math.isnan(value)


async def test_coroutine():
    assert await later(3) == 3
    assert await asyncio.gather(later(1), later(2)) == [1, 2]


def test_patched():
    with mock.patch("time.sleep") as sleep:
        time.sleep(5)
    assert sleep.call_args == mock.call(5)
    with contextlib.suppress(ValueError):
        parse("")


class TestPlain:
    def test_method(self):
        assert isinstance(Money(1), Money)


class Base(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.limit = 3

    def test_inherited(self):
        self.assertEqual(list(count(self.limit)), [0, 1, 2])


class Derived(Base):
    def setUp(self):
        self.value = Money(2)

    def test_methods(self):
        self.assertTrue(self.value)
        self.assertIs(self.value, self.value)
        self.assertIsNone(None)
        self.assertIsNotNone(self.value, "message")
        self.assertGreater(Money(3), self.value)
        self.assertAlmostEqual(0.1 + 0.2, 0.3, places=5)
        self.assertCountEqual([2, 1], [1, 2])
        self.assertDictEqual({"a": 1}, {"a": 1})
        self.assertRegex("abc", "b")
        self.assertEqual(first=1, second=1)

    def test_raising(self):
        with self.assertRaises(ValueError) as caught:
            parse("")
        self.assertEqual(str(caught.exception), "nothing to parse")
        self.assertRaises(ValueError, parse, "")
        with self.assertRaisesRegex(ValueError, "nothing"):
            parse("")

    def test_sub(self):
        for number in range(3):
            with self.subTest(number=number):
                self.assertLess(number, 3)

    @unittest.expectedFailure
    def test_known(self):
        self.assertEqual(1, 2)


class Coroutines(unittest.IsolatedAsyncioTestCase):
    async def test_await(self):
        self.assertEqual(await later(1), 1)
""",
}


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
    report = await run_tests(
        sandbox, workspace=workspace, tests=tests_dir, limits=Limits(wall_s=0.5)
    )
    assert report.error == "The tests were stopped after 0.5 s in test_it.py::test_b."
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
