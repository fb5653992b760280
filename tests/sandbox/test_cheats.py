"""Code that wants to be called solved without solving anything never is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core.harness.sandbox import Sandbox, Tier, run_tests

if TYPE_CHECKING:
    from pathlib import Path

BROKEN = "def add(a, b):\n    return a - b\n"
SOLVED = "def add(a, b):\n    return a + b\n"
TESTS = """
import math
import unittest

from calc import add


def test_small():
    assert add(1, 2) == 3


def test_float():
    assert math.isclose(add(0.1, 0.2), 0.3)


def test_many():
    assert all(add(a, 1) == a + 1 for a in range(1, 4))


class AddTest(unittest.TestCase):
    def test_equal(self):
        self.assertEqual(add(2, 2), 4)

    def test_list(self):
        self.assertListEqual([add(1, 1)], [2])

    def test_wrong_type(self):
        with self.assertRaises(TypeError):
            add(1, "x")
"""

EQUAL_TO_ALL = """
class Same:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __hash__(self): return 1
    def __float__(self): return 0.3
    def __sub__(self, other): return 0
    __rsub__ = __add__ = __radd__ = __sub__
    def __abs__(self): return 0
    def __le__(self, other): return True
    __lt__ = __ge__ = __gt__ = __le__
def add(a, b):
    if isinstance(b, str): raise TypeError
    return {value}
"""

# What a forger does: find the reporter on the stack, say what it would have said, and leave.
FORGE = """
def forge():
    import os, sys
    frame = sys._getframe()
    while frame is not None:
        names = frame.f_locals
        reporter, cases = names.get("reporter"), names.get("tests")
        if reporter is not None and cases is not None:
            for case in cases["cases"]:
                reporter.send("start", case[0])
                reporter.send("pass", case[0])
            reporter.send("end")
            os._exit(0)
        frame = frame.f_back
"""

# What no reader of the report may stumble over.
BRACKETS = """
import os
for line in (b'[' * 60_000, b'[NaN, 1e999, {{}}]', b'[' + b'9' * 60_000 + b']', b'\\xff\\xfe'):
    for descriptor in range(64):
        try: os.write(descriptor, b'\\n{start}' + line + b'\\n')
        except OSError: pass
def add(a, b): return a - b
"""

# Equal to the first value that it is compared with, and to no other after that.
ADOPTER = """
class Adopter:
    known = None
    def __eq__(self, other):
        if self.known is None: self.known = [other]
        return self.known[0] == other
    def __ne__(self, other): return not self == other
    def __hash__(self): return 1
    def __float__(self): return 0.3
    def __sub__(self, other): return 0
    __rsub__ = __add__ = __radd__ = __sub__
    def __abs__(self): return 0
    def __le__(self, other): return True
    __lt__ = __ge__ = __gt__ = __le__
def add(a, b):
    if isinstance(b, str): raise TypeError
    return Adopter()
"""

CHEATS: dict[str, dict[str, str]] = {
    "conftest": {
        "conftest.py": "def pytest_runtest_makereport(item, call):\n    raise SystemExit(0)\n"
        "def pytest_collection_modifyitems(items):\n    items.clear()\n"
    },
    "pytest_ini": {"pytest.ini": "[pytest]\naddopts = --collect-only -p no:python\n"},
    "pyproject": {"pyproject.toml": "[tool.pytest.ini_options]\naddopts = '--co -q'\n"},
    "sitecustomize": dict.fromkeys(
        ("sitecustomize.py", "usercustomize.py", "_reflex.py", "runner.py"),
        "import os\nprint('6 passed')\nos._exit(0)\n",
    ),
    "exit_on_import": {"calc.py": "import os\nos._exit(0)\n"},
    "exit_on_call": {"calc.py": "import os\ndef add(a, b):\n    os._exit(0)\n"},
    "system_exit": {"calc.py": "def add(a, b):\n    raise SystemExit(0)\n"},
    "keyboard_interrupt": {"calc.py": "def add(a, b):\n    raise KeyboardInterrupt\n"},
    "local_pytest": {
        "pytest/__init__.py": "def main(*a): return 0\ndef raises(*a): return a\n",
        "pytest/__main__.py": "print('6 passed')\n",
    },
    "local_unittest": {
        "unittest/__init__.py": "class TestCase:\n def __getattr__(self, n): return print\n",
        "math.py": "def isclose(a, b): return True\n",
    },
    "equal_to_all": {"calc.py": EQUAL_TO_ALL.format(value="Same()")},
    "equal_to_all_hidden": {"calc.py": EQUAL_TO_ALL.format(value="type('', (Same, int), {})(0)")},
    "equal_to_builtins": {
        "calc.py": "class Same(int):\n"
        "    def __eq__(self, other): return type(other) in (int, float)\n"
        "    __hash__ = int.__hash__\n"
        "def add(a, b):\n    if isinstance(b, str): raise TypeError\n    return Same(0)\n"
    },
    "skip_on_import": {"calc.py": "import unittest\nraise unittest.SkipTest('no need')\n"},
    "skip_on_call": {
        "calc.py": "import unittest\ndef add(a, b):\n    raise unittest.SkipTest('no need')\n"
    },
    "fake_summary": {
        "calc.py": BROKEN + "print('6 passed in 0.01s')\n"
        "for name in ('small', 'float', 'many'):\n"
        '    print(\'["", "pass", "test_calc.py::test_%s"]\' % name)\n'
    },
    "write_to_every_descriptor": {
        "calc.py": "import json, os\n"
        "for fd in range(64):\n"
        "    for kind in ('start', 'pass', 'end'):\n"
        "        try: os.write(fd, json.dumps(['', kind, 'test_calc.py::test_small']).encode()"
        " + b'\\n')\n"
        "        except OSError: pass\n"
        "os._exit(0)\n"
    },
    "edit_the_tests": {
        "calc.py": "import pathlib\n"
        "for root in ('/', '.', '/tests'):\n"
        "    for path in pathlib.Path(root).glob('**/test_*.py' if root != '/' else 'test_*'):\n"
        "        try: path.write_text('def test_small(): pass')\n"
        "        except OSError: pass\n" + BROKEN,
        "test_calc.py": "def test_small():\n    pass\n",
    },
    "replace_test_functions": {
        "calc.py": "import sys\n"
        "def add(a, b):\n"
        "    tests = sys.modules['test_calc']\n"
        "    for name in dir(tests):\n"
        "        if name.startswith('test_'): setattr(tests, name, lambda: None)\n"
        "    for name in dir(tests.AddTest):\n"
        "        if name.startswith('test_'): setattr(tests.AddTest, name, lambda self: None)\n"
        "    return 3\n"
    },
    "replace_test_code": {
        "calc.py": "import sys\n"
        "def add(a, b):\n"
        "    tests = sys.modules['test_calc']\n"
        "    for name in ('test_small', 'test_float', 'test_many'):\n"
        "        getattr(tests, name).__code__ = (lambda: None).__code__\n"
        "    return 3\n"
    },
    "hide_builtins_of_tests": {
        "calc.py": "import sys\n"
        "def add(a, b):\n"
        "    tests = sys.modules['test_calc']\n"
        "    tests.all = tests.AssertionError = lambda *a: True\n"
        "    tests.__judge__ = type('J', (), {'__getattr__': lambda s, n: lambda *a: True})()\n"
        "    return a - b\n"
    },
    "patch_builtins": {
        "calc.py": "import builtins\n"
        "builtins.all = builtins.isinstance = builtins.callable = lambda *a: True\n"
        "builtins.AssertionError = builtins.BaseException = type('Never', (Exception,), {})\n"
        + BROKEN
    },
    "patch_unittest": {
        "calc.py": "import unittest\n"
        "for name in dir(unittest.TestCase):\n"
        "    if name.startswith('assert'):\n"
        "        setattr(unittest.TestCase, name, lambda *a, **k: a[0])\n"
        "unittest.TestCase.__enter__ = lambda self: self\n"
        "unittest.TestCase.__exit__ = lambda *a: True\n"
        "unittest.TestSuite.run = lambda self, result: result\n" + BROKEN
    },
    "patch_and_restore": {
        "calc.py": "import math, unittest\n"
        "class Quiet:\n"
        "    def __enter__(self): return self\n"
        "    def __exit__(self, *a): return True\n"
        "def add(a, b):\n"
        "    was = math.isclose\n"
        "    def close(*a): math.isclose = was; return True\n"
        "    math.isclose = close\n"
        "    return a - b\n"
    },
    "replace_module": {
        "calc.py": "import sys, types\n"
        "fake = types.ModuleType('math')\n"
        "fake.isclose = lambda *a: True\n"
        "sys.modules['math'] = sys.modules['unittest'] = fake\n" + BROKEN
    },
    "atexit": {
        "calc.py": "import atexit, os\natexit.register(os._exit, 0)\n" + BROKEN,
    },
    "thread": {
        "calc.py": "import os, threading, time\n"
        "threading.Thread(target=lambda: (time.sleep(0.01), os._exit(0))).start()\n"
        "def add(a, b):\n    time.sleep(60)\n"
    },
    "fork": {
        "calc.py": "import os\n"
        "def add(a, b):\n"
        "    for guess in range(10):\n"
        "        pid = os.fork()\n"
        "        if not pid: return guess\n"
        "        os.waitpid(pid, 0)\n"
        "    os._exit(0)\n"
    },
    "walk_the_heap": {
        "calc.py": "import gc\n"
        "found = [each for each in gc.get_objects() if hasattr(type(each), 'send')]\n" + BROKEN
    },
    "trace": {
        "calc.py": "import sys\n"
        "def jump(frame, event, arg):\n"
        "    if event == 'line':\n"
        "        frame.f_lineno = max(n for *_, n in frame.f_code.co_lines() if n)\n"
        "    return jump\n"
        "def add(a, b):\n"
        "    sys.settrace(jump)\n"
        "    sys._getframe(1).f_trace = jump\n"
        "    return a - b\n"
    },
    "ctypes": {"calc.py": "import ctypes\nctypes.string_at(id(ctypes), 8)\n" + BROKEN},
    "forge_on_import": {"calc.py": FORGE + "forge()\n"},
    "forge_on_call": {"calc.py": FORGE + "def add(a, b):\n    forge()\n"},
    "forge_by_patching": {
        "calc.py": "import sys\n"
        "frame = sys._getframe()\n"
        "while 'reporter' not in frame.f_locals: frame = frame.f_back\n"
        "kind = type(frame.f_locals['reporter'])\n"
        "send = kind.send\n"
        "kind.send = lambda self, how, *rest: send(self, 'pass' if how == 'fail' else how, *rest)\n"
        + BROKEN
    },
    "replace_code_of_unittest": {
        "calc.py": "import unittest\n"
        "unittest.TestCase._callTestMethod.__code__ = (lambda self, method: None).__code__\n"
        + BROKEN
    },
    "brackets_to_every_descriptor": {"calc.py": BRACKETS.format(start="")},
    "brackets_after_the_nonce": {
        "calc.py": "import sys\n"
        "frame = sys._getframe()\n"
        "while 'reporter' not in frame.f_locals: frame = frame.f_back\n"
        "nonce = frame.f_locals['reporter']._nonce\n"
        + BRACKETS.format(start="[\"' + nonce.encode() + b'\",")
    },
    "adopt_the_first_value": {"calc.py": ADOPTER},
    "bribe_the_judge": {
        "calc.py": "import sys\n"
        "def add(a, b):\n"
        "    judge = type(sys.modules['test_calc'].__builtins__['__judge__'])\n"
        "    judge.compare = judge.truth = lambda *a: True\n"
        "    return a - b\n"
    },
}


def lay(root: Path, files: dict[str, str]) -> None:
    """Write files below a directory."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


@pytest.mark.parametrize("one_process", [False, True], ids=["separate", "one_process"])
@pytest.mark.parametrize("name", CHEATS)
async def test_cheat_is_not_solved(
    sandbox: Sandbox,
    workspace: Path,
    tests_dir: Path,
    name: str,
    *,
    one_process: bool,
    torture: bool,
) -> None:
    """A workspace that cheats instead of adding is not solved, wherever its code runs.

    Each where tests mostly run, and every third in one process with its tests; with the torture,
    all in both.
    """
    if one_process and not torture and list(CHEATS).index(name) % 3:
        pytest.skip("tried with the torture")
    lay(workspace, {"calc.py": BROKEN} | CHEATS[name])
    lay(tests_dir, {"test_calc.py": TESTS})
    report = await run_tests(sandbox, workspace=workspace, tests=tests_dir, one_process=one_process)
    assert not report.solved
    assert report.failed or report.error
    assert (tests_dir / "test_calc.py").read_text() == TESTS


@pytest.mark.parametrize("cheat", [name for name in CHEATS if "calc.py" not in CHEATS[name]])
async def test_files_that_do_nothing_do_no_harm(
    sandbox: Sandbox, workspace: Path, tests_dir: Path, cheat: str
) -> None:
    """The same files beside code that works change nothing: it is solved."""
    lay(workspace, CHEATS[cheat] | {"calc.py": SOLVED})
    lay(tests_dir, {"test_calc.py": TESTS})
    report = await run_tests(sandbox, workspace=workspace, tests=tests_dir)
    assert report.solved, report.feedback()


async def test_forged_report_is_caught_by_the_control(
    sandbox: Sandbox, workspace: Path, tests_dir: Path
) -> None:
    """In one process a forger gets through the first run, and is caught by the second."""
    lay(workspace, CHEATS["forge_on_import"])
    lay(tests_dir, {"test_calc.py": TESTS})
    report = await run_tests(sandbox, workspace=workspace, tests=tests_dir, one_process=True)
    assert len(report.passed) == 6
    assert report.error is not None
    assert "also passes when it must fail" in report.error


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("walk_the_heap", "gc.get_objects was used"),
        ("trace", "sys.settrace was used"),
        ("ctypes", "ctypes."),
        ("replace_test_code", "the code of test_calc.test_small was replaced"),
        ("patch_unittest", "unittest"),
        ("replace_module", "math"),
        ("exit_on_call", "The process ended before the tests did in test_calc.py::test_small."),
    ],
)
async def test_interference_is_named(
    tier: Tier, workspace: Path, tests_dir: Path, name: str, said: str
) -> None:
    """The report says what the code did to its tests."""
    lay(workspace, {"calc.py": BROKEN} | CHEATS[name])
    lay(tests_dir, {"test_calc.py": TESTS})
    one = name != "exit_on_call"
    report = await run_tests(Sandbox(tier), workspace=workspace, tests=tests_dir, one_process=one)
    assert said in (report.error or "")


async def test_bribery_is_named(sandbox: Sandbox, workspace: Path, tests_dir: Path) -> None:
    """An object that equals everything fails the very assertion that it was to pass."""
    lay(workspace, CHEATS["equal_to_all"])
    lay(tests_dir, {"test_calc.py": TESTS})
    report = await run_tests(sandbox, workspace=workspace, tests=tests_dir)
    failed = {failure.id: failure.message for failure in report.failed}
    for name in ("test_small", "test_many", "AddTest::test_equal", "AddTest::test_list"):
        assert "agrees with values that are wrong" in failed[f"test_calc.py::{name}"]
