"""The judge agrees with Python about honest values and with nobody about bribes."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.harness.sandbox.inside.judge import Cheat, Judge, show

PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
KEYS = st.integers() | st.text()
VALUES = st.recursive(
    PLAIN,
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(KEYS, inner)
        | st.frozensets(KEYS)
    ),
    max_leaves=12,
)


class Same:
    """Equal to everything, and in any order."""

    def __eq__(self, other: object) -> bool:
        return True

    def __lt__(self, other: object) -> bool:
        return True

    __le__ = __gt__ = __ge__ = __lt__

    def __hash__(self) -> int:
        return 1


class SameNumber(int):
    """A number that is equal to all numbers, and to nothing else."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, int | str)

    __hash__ = int.__hash__


class Anything(list[int]):
    """A list that holds everything."""

    def __contains__(self, item: object) -> bool:
        return True


@dataclasses.dataclass
class Point:
    """Honest, with room for bribes inside."""

    x: Any
    y: Any


class Node:
    """Honest, and part of a circle."""

    def __init__(self) -> None:
        self.peers: list[Node] = []

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Node) and len(self.peers) == len(other.peers)

    __hash__ = object.__hash__


@pytest.fixture
def judge() -> Judge:
    """A judge that trusts no module."""
    return Judge(set())


@given(VALUES, VALUES)
def test_agrees_with_python(left: Any, right: Any) -> None:
    """On values of built-in types every comparison is Python's."""
    judge = Judge(set())
    assert judge.compare("==", left, right) == (left == right)
    assert judge.compare("!=", left, right) == (left != right)
    twin = copy.deepcopy(left)
    assert judge.compare("==", left, twin) == (left == twin)
    assert judge.compare("in", left, [left, right])
    first, second = judge.honest(left, right)
    assert first is left
    assert second is right


@given(VALUES.filter(lambda value: value not in ({}, [])), st.integers(0, 3))
def test_bribe_is_found_at_any_depth(expected: Any, depth: int) -> None:
    """An object that equals everything is found in any structure around it."""
    got: Any = Same()
    for _ in range(depth):
        got, expected = [0, {"k": got}], [0, {"k": expected}]
    assert got == expected
    with pytest.raises(Cheat):
        Judge(set()).compare("==", got, expected)
    with pytest.raises(Cheat):
        Judge(set()).compare("==", expected, got)


@pytest.mark.parametrize(
    ("operator", "left", "right"),
    [
        ("==", SameNumber(3), 4),
        ("==", [1, SameNumber(3)], [1, 4]),
        ("==", Point(1, Same()), Point(1, 2)),
        ("==", {Same(): 1}, {Same(): 1}),
        ("==", {Same()}, {Same()}),
        ("in", 3, Anything()),
        ("in", Same(), [3]),
        ("in", 3, [Same()]),
        ("<", Same(), 3),
        (">=", 3, Same()),
    ],
)
def test_bribes(judge: Judge, operator: str, left: object, right: object) -> None:
    """Every way to agree with everything is a cheat, also where the comparison is honest."""
    with pytest.raises(Cheat):
        judge.compare(operator, left, right)


def test_honest_objects(judge: Judge) -> None:
    """Objects with an opinion of their own are believed."""
    assert judge.compare("==", Point(1, [2]), Point(1, [2]))
    assert not judge.compare("==", Point(1, [2]), Point(1, [3]))
    assert judge.compare("in", Point(1, 2), [Point(1, 2)])
    assert judge.chain(("<", "<="), 1, 2, 2)
    assert not judge.chain(("<", "<"), 1, 2, 2)


def test_circles_end(judge: Judge) -> None:
    """Objects that refer to each other are looked at once."""
    nodes = [Node() for _ in range(60)]
    others = [Node() for _ in range(60)]
    for family in (nodes, others):
        for node in family:
            node.peers = family
    assert judge.compare("==", nodes[0], others[0])


def test_trusted_modules_may_equal_everything() -> None:
    """A test's own stand-in for any value is not a bribe."""
    assert Judge({id(globals())}).compare("==", Same(), 5)


def test_values_are_remembered_for_the_message(judge: Judge) -> None:
    """What failed is told with its values, those of this assertion only."""
    judge.compare("==", 1, 2)
    judge.begin()
    judge.truth([])
    assert judge.failed("assert f()", "why") == "assert f()\n  it is []\nwhy"
    judge.begin()
    judge.compare("in", 3, [1])
    judge.truth(value=False)
    assert judge.failed("assert all(…)") == "assert all(…)\n  3 in [1] is false"


class Unprintable:
    """Fails when it is shown."""

    def __repr__(self) -> str:
        raise SystemExit


def test_show_never_fails() -> None:
    """A value that cannot be shown is named by its type, a long one is cut."""
    assert show(Unprintable()) == "<Unprintable>"
    assert len(show("x" * 10_000)) == 300
