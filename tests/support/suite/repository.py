"""A small project with a history, checked by a script that needs the standard library alone."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from tests.support.suite.making import write

if TYPE_CHECKING:
    from pathlib import Path

CHECK = ("python", "check.py")
RUNNER = '''\
"""Runs the functions of the test files named, else of all, and prints TAP."""
import importlib, pathlib, sys, traceback
sys.path.insert(0, "tests")
chosen = [pathlib.Path(each) for each in sys.argv[1:]]
for path in chosen or sorted(pathlib.Path("tests").glob("test_*.py")):
    module = importlib.import_module(path.stem)
    for name in [name for name in vars(module) if name.startswith("test_")]:
        try:
            getattr(module, name)()
        except Exception as error:
            print(f"not ok - {path.stem}.{name}")
            print(f"  {type(error).__name__}: {error}")
        else:
            print(f"ok - {path.stem}.{name}")
'''
CART = '''\
"""A cart."""


def total(prices):
    """The sum of prices; negative ones do not count."""
    value = 0
    for price in prices:
        if price > 0:
            value += price
    return value


def unused(price):
    """No test looks at this."""
    return price + 1
'''
TESTS = """\
from cart import total


def test_sum():
    assert total([1, 2, 3]) == 6


def test_negative():
    assert total([5, -1]) == 5


def test_nothing():
    assert total([]) == 0
"""
SHIPPING = '''

def shipping(weight):
    """3 a kilogram."""
    return weight * 3
'''
FREE = '''

def shipping(weight):
    """3 a kilogram, free up to 2."""
    return 0 if weight <= 2 else weight * 3
'''
FREE_MESSAGE = """\
fix(cart): Up to two kilograms ship for free (#12)

Customers paid for small parcels.
Uses `0 if weight <= 2 else`.

Fixes: #12
Signed-off-by: A <a@example.com>
"""


def git(root: Path, *words: str) -> None:
    """Run git in a repository of the test's own."""
    who = ["-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *words], cwd=root, check=True, capture_output=True)


def make_repository(root: Path, mark: str = "") -> Path:
    """Three commits: the cart, a function for shipping, and a fix of it with its test.

    The cart and its tests begin with ``mark``.
    """
    write(root / "check.py", RUNNER)
    write(root / ".gitignore", ".speckit/\n.venv/\n")
    write(root / "cart.py", mark + CART)
    write(root / "tests/test_cart.py", mark + TESTS)
    git(root, "init", "-q")
    commit(root, "A cart")
    write(root / "cart.py", mark + CART + SHIPPING)
    commit(root, "Ask for shipping")
    write(root / "cart.py", mark + CART + FREE)
    test = (
        "\n\ndef test_small_parcels():\n    assert shipping(2) == 0\n    assert shipping(3) == 9\n"
    )
    imports = TESTS.replace("import total", "import shipping, total")
    write(root / "tests/test_cart.py", mark + imports + test)
    commit(root, FREE_MESSAGE)
    return root


def commit(root: Path, message: str) -> None:
    """Commit everything."""
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", message)
