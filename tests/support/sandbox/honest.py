"""Honest code, and tests of it in every ordinary way to write one."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
