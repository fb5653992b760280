"""The code under test in a process of its own: as if it were not, and out of their reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core.harness.sandbox import Sandbox, TestReport, run_tests
from tests.support.sandbox.honest import lay

if TYPE_CHECKING:
    from pathlib import Path


async def check(
    sandbox: Sandbox, workspace: Path, tests_dir: Path, code: str, tests: str
) -> TestReport:
    """Run one file of tests against one module ``code_``, which must be kept apart."""
    lay(workspace, {"code_.py": code})
    lay(tests_dir, {"test_it.py": tests})
    report = await run_tests(sandbox, workspace=workspace, tests=tests_dir)
    assert report.separate
    return report


CODE = '''
"""A module."""
import collections, contextlib, dataclasses, datetime, enum
from decimal import Decimal
LIMIT = 3
class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2
class Color(enum.Enum):
    RED = "r"
Point = collections.namedtuple("Point", "x y")
class ShopError(Exception):
    def __init__(self, code):
        super().__init__(f"code {code}")
        self.code = code
class NotThere(ShopError, KeyError):
    pass
@dataclasses.dataclass
class Order:
    lines: list
    total: int = 0
    def add(self, line):
        self.lines.append(line)
        return self
class Money:
    def __init__(self, cents): self._cents = cents
    def __eq__(self, other):
        if isinstance(other, Money): return self._cents == other._cents
        return self._cents == other if isinstance(other, int) else NotImplemented
    def __lt__(self, other): return self._cents < other._cents
    def __add__(self, other): return Money(self._cents + getattr(other, "_cents", other))
    __radd__ = __add__
    def __hash__(self): return hash(self._cents)
    def __repr__(self): return f"Money({self._cents})"
    @property
    def cents(self): return self._cents
    @classmethod
    def free(cls): return cls(0)
def shared(item, into=[]):
    into.append(item)
    return into
STATE = {"a": [1]}
def state(): return STATE
def double_all(items):
    for index, item in enumerate(items): items[index] = item * 2
def nested(): return {"a": [1, {"b": (2, 3)}], 4: {5, 6}, "c": b"x", "d": bytearray(b"y")}
def apply(function, *args, **kwargs): return function(*args, **kwargs)
def raising(code): raise NotThere(code)
def chained():
    try: int("x")
    except ValueError as error: raise ShopError(1) from error
def count(limit): yield from range(limit)
@contextlib.contextmanager
def opened(log):
    log.append("in")
    try: yield 5
    finally: log.append("out")
def later(): return datetime.datetime(2024, 1, 2, tzinfo=datetime.timezone.utc)
def price(): return Decimal("1.10")
def counted(words): return collections.Counter(words)
def grouped(pairs):
    found = collections.defaultdict(list)
    for key, value in pairs: found[key].append(value)
    return found
def huge(): return 7 ** 3000
def odd(): return float("nan"), float("inf"), -0.0, 1e-320, "\\ud800", None, ...
def written(path): path.write_text("done"); return path
def use(thing): return thing.size + len(thing)
def order_of(function):
    try: return function()
    except LookupError as error: return error
'''

TESTS = """
import datetime, math, tempfile, unittest
from collections import Counter
from decimal import Decimal
from pathlib import Path
import code_
from code_ import *
from code_ import Level, Money, NotThere, Order, ShopError

class Thing:
    size = 3
    def __len__(self): return 4

class Own(LookupError):
    pass

def test_values():
    assert nested() == {"a": [1, {"b": (2, 3)}], 4: {5, 6}, "c": b"x", "d": bytearray(b"y")}
    assert huge() == 7 ** 3000
    nan, inf, zero, tiny, half, none, dots = odd()
    assert math.isnan(nan) and inf == math.inf and math.copysign(1, zero) == -1 and tiny == 1e-320
    assert half == "\\ud800" and none is None and dots is ...
    assert later() == datetime.datetime(2024, 1, 2, tzinfo=datetime.timezone.utc)
    assert price() == Decimal("1.1") and isinstance(price(), Decimal)
    assert counted("aab") == Counter({"a": 2, "b": 1})
    assert counted("aab").most_common(1) == [("a", 2)]
    assert grouped([(1, 2), (1, 3)]) == {1: [2, 3]}
    assert LIMIT == 3 and code_.__doc__ == "A module."

def test_containers_are_the_same_on_both_sides():
    assert shared(1) == [1] and shared(2) == [1, 2] and shared(3) is shared(4)
    state()["a"].append(2)
    assert state() == {"a": [1, 2]} and state() is state()
    items = [1, [2]]
    assert double_all(items) is None and items == [2, [2, 2]]
    lines = ["x"]
    order = Order(lines)
    assert order.lines is lines and order.add("y") is order and lines == ["x", "y"]
    lines.clear()
    assert order.lines == [] and order == Order([], 0)
    for number in range(300):
        assert double_all([number]) is None
    assert state() == {"a": [1, 2]}

def test_objects():
    assert Money(5) == Money(5) and Money(5) == 5 and Money(5) != 6 and Money(1) < Money(2)
    assert sum([Money(1), Money(2)]) == Money(3) and max([Money(1), Money(3)]) == Money(3)
    assert {Money(1): 2}[Money(1)] == 2 and Money(1) in [Money(1)] and repr(Money(1)) == "Money(1)"
    assert Money(7).cents == 7 and Money.free() == 0 and isinstance(Money(1), Money)
    assert not hasattr(Money(1), "missing") and type(Money(1)) is Money
    assert Level.LOW == 1 and Level(2) is Level.HIGH and [l.name for l in Level] == ["LOW", "HIGH"]
    assert code_.Color("r") is code_.Color.RED and code_.Color.RED.value == "r"
    assert code_.Point(1, 2) == (1, 2) and code_.Point(1, 2).x == 1
    assert isinstance(code_.Point(1, 2), tuple)

def test_errors():
    try:
        raising(7)
    except KeyError as error:
        assert isinstance(error, NotThere) and isinstance(error, ShopError)
        assert error.code == 7 and error.args == ("code 7",)
    else:
        assert False
    try:
        chained()
    except ShopError as error:
        assert isinstance(error.__cause__, ValueError) and str(error) == "code 1"
    try:
        Path("missing").read_text() and order_of(print)
    except FileNotFoundError as error:
        assert error.errno == 2
    assert Money(1) != "x"

def test_calls_back():
    seen = []
    assert apply(lambda a, b: seen.append(a) or a + b, 1, b=2) == 3 and seen == [1]
    assert apply(sorted, [3, 1], key=lambda x: -x) == [3, 1]
    assert use(Thing()) == 7 and apply(int, "4") == 4
    def fails(): raise Own("mine")
    error = order_of(fails)
    assert isinstance(error, Own) and str(error) == "mine"
    try:
        apply(lambda: 1 / 0)
    except ZeroDivisionError: pass
    else: assert False
    assert list(count(3)) == [0, 1, 2] and next(count(1)) == 0
    with opened(seen) as five:
        assert five == 5
    assert seen == [1, "in", "out"]
    code_.LIMIT = 9
    assert code_.LIMIT == 9

def test_files():
    with tempfile.TemporaryDirectory() as directory:
        path = written(Path(directory, "x"))
        assert path.read_text() == "done"

class T(unittest.TestCase):
    def test_methods(self):
        with self.assertRaises(NotThere) as caught:
            raising(1)
        self.assertEqual(caught.exception.code, 1)
        self.assertAlmostEqual(Money(3).cents, 3.00000001)
        self.assertCountEqual(count(3), [2, 1, 0])
        self.assertIn("a", nested())
"""


async def test_all_is_as_in_one_process(sandbox: Sandbox, workspace: Path, tests_dir: Path) -> None:
    """Values, shared containers, objects, exceptions, callbacks and files behave as ever."""
    report = await check(sandbox, workspace, tests_dir, CODE, TESTS)
    assert report.solved, report.feedback(20_000) + report.output
    again = await run_tests(sandbox, workspace=workspace, tests=tests_dir, one_process=True)
    assert again.solved, again.feedback(20_000)


@pytest.mark.parametrize(
    "body",
    [
        "assert shared(1) == [1]\n    assert shared(2) == [2]",
        "state()['a'].clear()\n    assert state() == {'a': [1]}",
        "assert Money(5) == 6",
        "assert Money(5) != 5",
        "assert 6 in [Money(5)]",
        "assert nested()['a'] == [1, {'b': (2, 4)}]",
        "assert odd()[0] == odd()[0]",
    ],
)
async def test_what_is_wrong_in_one_process_is_wrong_here(
    sandbox: Sandbox, workspace: Path, tests_dir: Path, body: str
) -> None:
    """Nothing passes because of where the code runs."""
    tests = f"from code_ import *\nfrom code_ import Money\ndef test_a():\n    {body}\n"
    report = await check(sandbox, workspace, tests_dir, CODE, tests)
    assert not report.solved
    assert len(report.failed) == 1


SIMPLE = """
import math
import unittest
from code_ import add

def test_small():
    assert add(1, 2) == 3

def test_list():
    assert [add(1, 1), add(2, 2)] == [2, 4]

def test_in():
    assert add(1, 2) in (3, 5)

def test_order():
    assert 2 < add(1, 2) < 4

class T(unittest.TestCase):
    def test_equal(self):
        self.assertEqual(add(2, 2), 4)

    def test_almost(self):
        self.assertAlmostEqual(add(0.1, 0.2), 0.3)
"""
BASE = """
class Base({base}):
    def __hash__(self): return 1
    def __lt__(self, other): return True
    __le__ = __gt__ = __ge__ = __lt__
    def __sub__(self, other): return 0
    __rsub__ = __sub__
    def __round__(self, digits=0): return 0
    def __abs__(self): return self
    def __ne__(self, other): return not self == other
"""
KNOWS = {
    "first": "self.seen = getattr(self, 'seen', other); return self.seen == other",
    "second": "self.n = getattr(self, 'n', 0) + 1\n"
    "        if self.n == 2: self.seen = other\n"
    "        return getattr(self, 'seen', None) == other",
    "last": "self.seen, was = other, getattr(self, 'seen', None); return was == other",
    "plain": "return type(other) in (int, float, str, list)",
    "numbers": "return isinstance(other, (int, float)) and other == other",
    "always": "return True",
    "becomes": "self.__class__ = type('X', (Base,), {'__eq__': lambda s, o: o == other})\n"
    "        return True",
}


BASES = ("object", "int", "str", "list", "dict", "float")


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("knows", KNOWS)
async def test_object_that_learns_from_comparisons(
    sandbox: Sandbox, workspace: Path, tests_dir: Path, knows: str, base: str, *, torture: bool
) -> None:
    """Whatever it makes of what it is compared with, it does not pass.

    Each way and each base once every day, all of both with the torture.
    """
    if not torture and list(KNOWS).index(knows) % len(BASES) != BASES.index(base):
        pytest.skip("one of each kind is tried every day")
    code = BASE.format(base="" if base == "object" else base)
    code += f"    def __eq__(self, other):\n        {KNOWS[knows]}\n"
    report = await check(
        sandbox, workspace, tests_dir, code + "def add(a, b): return Base()\n", SIMPLE
    )
    assert not report.solved
    assert report.failed


FORGER = """
import gc, json, os, sys
def lines():
    for name in ("test_small", "test_list", "test_in", "test_order"):
        yield json.dumps(["", "pass", "test_it.py::" + name])
    yield json.dumps(["", "end"])
def say(data):
    for descriptor in range(64):
        try: os.write(descriptor, data)
        except OSError: pass
def secrets():
    frame = sys._getframe()
    while frame:
        yield from frame.f_locals.values()
        yield from frame.f_globals.values()
        frame = frame.f_back
    yield from gc.get_objects()
"""
FORGERS = {
    "lines": "def add(a, b):\n    say('\\n'.join(lines()).encode() + b'\\n')\n    os._exit(0)\n",
    "message": "def add(a, b):\n"
    "    data = json.dumps({'r': 3, 'u': [], 'c': [], 'f': []}).encode()\n"
    "    say(len(data).to_bytes(4, 'little') + data)\n    return 0\n",
    "brackets": "def add(a, b):\n    data = b'[' * 60_000\n"
    "    say(len(data).to_bytes(4, 'little') + data)\n    return 0\n",
    "endless": "def add(a, b):\n    say(b'\\xff' * 1000)\n    return 0\n",
    "numbers": 'def add(a, b):\n    data = b\'{"r":["i","\' + b\'f\' * 60_000 + b\'"],"u":[[]]}\'\n'
    "    say(len(data).to_bytes(4, 'little') + data)\n    return 0\n",
    "secrets": "def add(a, b):\n    for each in secrets():\n"
    "        if type(each) is dict and 'nonce' in each: os._exit(0)\n"
    "        if type(each) is bytes and b'test_small' in each: return 3\n    return 0\n",
    "patched": "import builtins, json, operator, unittest\n"
    "unittest.TestCase.assertEqual = operator.eq = builtins.repr = lambda *a: True\n"
    'json.dumps = lambda *a, **k: \'{"r":true,"u":[],"c":[],"f":[]}\'\n'
    "def add(a, b): return 0\n",
}


@pytest.mark.parametrize("name", FORGERS)
async def test_forger_that_knows_the_runner(
    sandbox: Sandbox, workspace: Path, tests_dir: Path, name: str
) -> None:
    """It finds neither the tests nor the report, and what it sends ends nothing but its trial."""
    report = await check(sandbox, workspace, tests_dir, FORGER + FORGERS[name], SIMPLE)
    assert not report.solved


async def test_callback_does_not_lead_to_the_tests(
    sandbox: Sandbox, workspace: Path, tests_dir: Path
) -> None:
    """Of a function of the tests the code may have the result and the name, nothing else."""
    code = (
        "def use(function, thing):\n"
        "    found = []\n"
        "    for name in ('__globals__', '__code__', '__closure__', '__self__', 'f_back'):\n"
        "        for each in (function, thing, thing.method):\n"
        "            try: found.append((name, str(getattr(each, name))))\n"
        "            except AttributeError: pass\n"
        "    return found, function.__name__, function()\n"
    )
    tests = (
        "from code_ import use\n"
        "class Thing:\n    def method(self): return SECRET\n"
        "SECRET = 'x'\n"
        "def give(): return 4\n"
        "def test_a():\n    assert use(give, Thing()) == ([], 'give', 4)\n"
    )
    report = await check(sandbox, workspace, tests_dir, code, tests)
    assert report.solved, report.feedback()


async def test_process_that_ends_is_named(
    sandbox: Sandbox, workspace: Path, tests_dir: Path
) -> None:
    """What the code printed before it is kept, and the test that it ended in is named."""
    code = "import os\ndef add(a, b):\n    print('so far', flush=True)\n    os._exit(0)\n"
    report = await check(sandbox, workspace, tests_dir, code, SIMPLE)
    assert report.error == "The process ended before the tests did in test_it.py::test_small."
    assert report.output == "so far\n"
