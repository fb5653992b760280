"""The files that the pages' examples speak of, broken, and how they are to be."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.standin.answers import SolvedTask
from tests.docs.play.network import SUITE
from tests.support.suite.quixbugs import HALVE, JSON_TEST

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# As few as can be dealt out in two shards; the ids begin as the pages' globs want them.
_OF_THE_SUITE = ("cart-per-customer", "column-letters")
_MONEY = "import math\n\n\ndef rounded(amount):\n    return {}\n"
_BY_HALVES = _MONEY.format("round(amount)")
_UP = _MONEY.format("math.floor(amount + 0.5)")
_TEST_MONEY = """from money import rounded


def test_rounded():
    assert [rounded(2.5), rounded(-2.5), rounded(0.4)] == [3, -2, 0]
"""
_CALC = '"""Sums."""\n\n\ndef add(a, b):\n    return a {} b\n'
_TEST_CALC = """import unittest

from calc import add


class Sums(unittest.TestCase):
    def test_add(self):
        self.assertEqual(add(2, 3), 5)
"""
_C = "int accepts(const char *name) {{ return {}; }}\n"
_TEST_C = 'int accepts(const char *);\nint main(void) { return accepts("") != 0; }\n'
_MAKE_C = "test: a.c b.c main.c\n\t$(CC) $(CFLAGS) -o check a.c b.c main.c && ./check\n"
_PARSER = "def words(text):\n    return text.split({})\n"
_TEST_PARSER = "from p import words\n\nassert words('a  b') == ['a', 'b']\n"


@dataclass(frozen=True, slots=True)
class Scene:
    """A bug: the ``prompt`` of a page, the files about it, and those that mend it."""

    prompt: str
    files: Mapping[str, str]
    solved: Mapping[str, str]

    def task(self) -> SolvedTask:
        """As a stand-in knows it; its wrong answer is another program that fails the same way."""
        broken = {name: self.files[name] for name in self.solved}
        wrong = {name: text + "FIXED = False\n" for name, text in broken.items()}
        return SolvedTask(self.prompt, self.prompt, broken, self.solved, wrong)


SCENES = tuple(
    Scene(prompt, {**broken, **tests}, mended)
    for prompt, broken, mended, tests in (
        (
            "Round half up.",
            {"money.py": _BY_HALVES},
            {"money.py": _UP},
            {"test_money.py": _TEST_MONEY},
        ),
        (
            "Round half up, also below zero.",
            {"money.py": _BY_HALVES},
            {"money.py": _UP},
            {"test_money.py": _TEST_MONEY},
        ),
        (
            "Return the sum of both numbers.",
            {"calc.py": _CALC.format("-")},
            {"calc.py": _CALC.format("+")},
            {"test_calc.py": _TEST_CALC},
        ),
        (
            "Reject an empty name.",
            {"a.c": _C.format("1"), "b.c": "int unused;\n"},
            {"a.c": _C.format("name[0] != 0")},
            {"main.c": _TEST_C, "Makefile": _MAKE_C},
        ),
        (
            "Fix the parser.",
            {"p.py": _PARSER.format('" "')},
            {"p.py": _PARSER.format("")},
            {"test_p.py": _TEST_PARSER, "Makefile": "test:\n\tpython3 test_p.py\n"},
        ),
    )
)


def small_suite(directory: Path) -> Path:
    """A few tasks of the package's suite, as a suite."""
    for name in ("suite.toml", *_OF_THE_SUITE):
        source = SUITE / name
        copy = shutil.copytree if source.is_dir() else shutil.copy2
        directory.mkdir(parents=True, exist_ok=True)
        copy(source, directory / name)
    return directory


def own_suite(directory: Path, task: str) -> Path:
    """A suite of one task that bears the name ``task``."""
    directory.mkdir()
    (directory / "suite.toml").write_text('name = "own"\nversion = "1"\n')
    shutil.copytree(SUITE / "cash-rounding", directory / task)
    card = directory / task / "task.toml"
    card.write_text(card.read_text().replace("cash-rounding", task))
    return directory


def quixbugs(directory: Path) -> Path:
    """What looks like a clone of QuixBugs, with one program."""
    for name, text in (
        ("python_programs/halve.py", HALVE.format(divisor=3)),
        ("correct_python_programs/halve.py", HALVE.format(divisor=2)),
        ("json_testcases/halve.json", "[[3, 0.01], 1.5]\n"),
        ("python_testcases/test_halve.py", JSON_TEST.format(name="halve")),
    ):
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)
    return directory
