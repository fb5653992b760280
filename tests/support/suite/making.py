"""Makes small suites on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SUITE_TOML = 'name = "mine"\nversion = "1.2.3"\n'
TASK_TOML = """\
id = "{id}"
title = "A title"
prompt = "What is wrong."
level = 1
category = "boundary"
editable = ["area.py"]
"""
BROKEN = "def area(width, height):\n    return width + height\n"
SOLVED = "def area(width, height):\n    return width * height\n"
WRONG = "def area(width, height):\n    return 6\n"
TESTS = """\
from area import area


def test_square_of_two():
    assert area(2, 2) == 4


def test_rectangle():
    assert area(2, 3) == 6
"""


def make_suite(root: Path, *ids: str) -> Path:
    """A suite of tasks that differ in their ids only."""
    write(root / "suite.toml", SUITE_TOML)
    for task_id in ids:
        make_task(root, task_id)
    return root


def make_task(root: Path, task_id: str) -> Path:
    """One task in the package's own format."""
    directory = root / task_id
    write(directory / "task.toml", TASK_TOML.format(id=task_id))
    write(directory / "workspace/area.py", BROKEN)
    write(directory / "tests/test_area.py", TESTS)
    write(directory / "solution/area.py", SOLVED)
    write(directory / "control/area.py", WRONG)
    return directory


def write(path: Path, text: str) -> Path:
    """A text file, with its directories."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path
