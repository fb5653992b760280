"""A tiny clone in the form of an Exercism track, made here, is read and its tasks are sound."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from core.errors import SuiteError
from core.harness.suites.loading import load_suite
from tests.support.suite.making import write
from tests.support.suite.variants import try_tasks

if TYPE_CHECKING:
    from pathlib import Path

STUB = "def greet(name):\n    pass\n"
EXAMPLE = 'def greet(name="you"):\n    return f"Hello, {name}!"\n'
TESTS = """\
import unittest

from good_day import greet


class GoodDayTest(unittest.TestCase):
    def test_name(self):
        self.assertEqual(greet("Ida"), "Hello, Ida!")

    def test_no_name(self):
        self.assertEqual(greet(), "Hello, you!")


if __name__ == "__main__":
    unittest.main()
"""


def make_exercise(root: Path, slug: str = "good-day", **files: list[str]) -> Path:
    """One practice exercise."""
    folder = root / "exercises/practice" / slug
    module = slug.replace("-", "_")
    listed: dict[str, Any] = {
        "solution": [f"{module}.py"],
        "test": [f"{module}_test.py"],
        "example": [".meta/example.py"],
    }
    config = {"authors": ["x"], "files": listed | files, "blurb": "Say hello."}
    write(folder / ".meta/config.json", json.dumps(config))
    write(folder / ".meta/example.py", EXAMPLE)
    write(folder / f"{module}.py", STUB)
    write(folder / f"{module}_test.py", TESTS.replace("good_day", module))
    write(folder / ".docs/instructions.md", "# Instructions\n\nGreet people.\n")
    return folder


def test_exercise_becomes_a_task(tmp_path: Path) -> None:
    """The stub fails the tests, the example passes them."""
    make_exercise(tmp_path / "track")
    suite = load_suite(tmp_path / "track")
    (task,) = suite.tasks
    assert (suite.name, task.id, task.editable) == ("exercism", "good-day", ("good_day.py",))
    assert dict(task.workspace) == {"good_day.py": STUB}
    assert "Greet people." in task.prompt
    ended = try_tasks(suite.tasks, tmp_path / "runs", ["broken", "solution"])["good-day"]
    assert all(ended["broken"].values())
    assert len(ended["solution"]) == 2
    assert not any(ended["solution"].values())


def test_editor_files_are_shown_but_not_editable(tmp_path: Path) -> None:
    """Data files that an exercise brings along are part of the workspace."""
    folder = make_exercise(tmp_path, editor=["good_day_data.py"])
    write(folder / "good_day_data.py", "NAMES = []\n")
    (task,) = load_suite(tmp_path).tasks
    assert set(task.workspace) == {"good_day.py", "good_day_data.py"}
    assert task.editable == ("good_day.py",)


def test_description_is_introduction_and_instructions(tmp_path: Path) -> None:
    """All the learner is told, in order; the blurb only where there is nothing else."""
    folder = make_exercise(tmp_path)
    write(folder / ".docs/introduction.md", "Long ago.")
    write(folder / ".docs/instructions.append.md", "In Python.")
    assert load_suite(tmp_path).tasks[0].prompt == (
        "Complete good_day.py.\n\nLong ago.\n\n# Instructions\n\nGreet people.\n\nIn Python."
    )
    for name in ("introduction.md", "instructions.md", "instructions.append.md"):
        (folder / ".docs" / name).unlink()
    assert load_suite(tmp_path).tasks[0].prompt == "Complete good_day.py.\n\nSay hello."


def test_what_cannot_be_used_is_left_out_by_name(tmp_path: Path) -> None:
    """Other languages, tests under pytest, and examples that do not pair up."""
    make_exercise(tmp_path)
    make_exercise(tmp_path, "untested", test=[])
    make_exercise(tmp_path, "in-rust", solution=["src/lib.rs"])
    make_exercise(tmp_path, "unpaired", example=[".meta/a.py", ".meta/b.py"])
    folder = make_exercise(tmp_path, "with-pytest")
    write(folder / "with_pytest_test.py", "import pytest\n")
    suite = load_suite(tmp_path)
    assert [task.id for task in suite.tasks] == ["good-day"]
    assert [each.split(":")[0] for each in suite.left_out] == [
        "in-rust",
        "unpaired",
        "untested",
        "with-pytest",
    ]


@pytest.mark.parametrize("path", ["../../../secret.py", "/etc/secret.py", "a b.py", ".hidden.py"])
@pytest.mark.parametrize("part", ["solution", "test", "editor"])
def test_paths_out_of_the_exercise_are_refused(tmp_path: Path, part: str, path: str) -> None:
    """config.json cannot name files elsewhere, or where an arm could not edit them."""
    write(tmp_path / "secret.py", "KEY = 1\n")
    make_exercise(tmp_path / "track", "good-day", **{part: [path]})
    with pytest.raises(SuiteError, match="odd path"):
        load_suite(tmp_path / "track")


def test_example_elsewhere_is_refused(tmp_path: Path) -> None:
    """Nor can it have a file from elsewhere taken for the solution."""
    write(tmp_path / "secret.py", "KEY = 1\n")
    make_exercise(tmp_path / "track", example=["../../../../secret.py"])
    with pytest.raises(SuiteError, match="leads out"):
        load_suite(tmp_path / "track")


@pytest.mark.parametrize("config", ["", "[]", "[" * 9000, '{"files": {"solution": "a.py"}}'])
def test_bad_config_is_named(tmp_path: Path, config: str) -> None:
    """A config.json that is not as the format says."""
    folder = make_exercise(tmp_path)
    write(folder / ".meta/config.json", config)
    with pytest.raises(SuiteError, match=r"good-day/.meta/config.json"):
        load_suite(tmp_path)


def test_missing_file_is_named(tmp_path: Path) -> None:
    """A file that config.json lists is not there."""
    (make_exercise(tmp_path) / "good_day_test.py").unlink()
    with pytest.raises(SuiteError, match=r"good_day_test.py"):
        load_suite(tmp_path)
