"""A tiny file in the form of HumanEvalPack, made here, is read and its tasks are sound."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import SuiteError
from core.harness.suites.loading import Suite, load_suite
from tests.support.suite.humanevalpack import DECLARATION, ROW, dump
from tests.support.suite.variants import try_tasks

if TYPE_CHECKING:
    from pathlib import Path

HELPED: dict[str, Any] = ROW | {
    "task_id": "Python/1",
    "import": "import math",
    "test_setup": "import random",
    "declaration": "\ndef half(number):\n    return math.floor(number / 2)\n\n\n"
    "def quarter(number):\n",
    "canonical_solution": "    return half(half(number))\n",
    "buggy_solution": "    return half(number)\n",
    "entry_point": "quarter",
    "docstring": "A fourth, rounded down.",
    "test": "def check(candidate):\n"
    "    number = random.Random(1).randint(50, 99)\n"
    "    assert candidate(number) == half(half(number))\n",
}


def sound(suite: Suite, directory: Path) -> bool:
    """Whether every task's broken program fails and its solution passes."""
    ended = try_tasks(suite.tasks, directory, ["broken", "solution"])
    return all(
        any(each["broken"].values()) and not any(each["solution"].values())
        for each in ended.values()
    )


def test_lines_become_tasks(tmp_path: Path) -> None:
    """With the call of check() in the test or without, with helpers and imports or without."""
    suite = load_suite(dump(tmp_path / "humanevalpack.jsonl", ROW, HELPED))
    assert suite.name == "humanevalpack"
    assert [task.id for task in suite.tasks] == ["python-0", "python-1"]
    assert sound(suite, tmp_path / "runs")


def test_arm_sees_declaration_and_description(tmp_path: Path) -> None:
    """The description comes from the docstring field, else out of the prompt."""
    first, second = load_suite(dump(tmp_path / "a.jsonl", ROW, HELPED)).tasks
    assert first.workspace["program.py"] == DECLARATION + "    return sum(numbers[1:])\n"
    assert "Sum of the numbers." in first.prompt
    assert "A fourth, rounded down." in second.prompt
    assert second.workspace["program.py"].startswith("import math\n")
    assert (first.category, first.editable) == ("missing-logic", ("program.py",))


def test_directory_with_one_such_file(tmp_path: Path) -> None:
    """The dataset's own layout has a directory a language with one file in it."""
    dump(tmp_path / "data/humanevalpack.jsonl", ROW)
    assert len(load_suite(tmp_path / "data").tasks) == 1


def test_other_languages_are_left_out(tmp_path: Path) -> None:
    """Each line left out is named; a file without any Python is refused."""
    other = ROW | {"task_id": "Rust/3", "test": "fn main() {}"}
    suite = load_suite(dump(tmp_path / "mixed.jsonl", ROW, other))
    assert len(suite.tasks) == 1
    assert suite.left_out == ("mixed.jsonl, line 2: Rust/3 is not Python",)
    with pytest.raises(SuiteError, match="Rust/3 is not Python"):
        load_suite(dump(tmp_path / "rust.jsonl", other))


@pytest.mark.parametrize("test", ["def check(:", "assert total([]) == 0", "check(total)"])
def test_tests_without_check_are_left_out(test: str, tmp_path: Path) -> None:
    """The format's tests are one function called check."""
    suite = load_suite(dump(tmp_path / "a.jsonl", HELPED, ROW | {"test": test}))
    assert [task.id for task in suite.tasks] == ["python-1"]
    assert "line 2" in suite.left_out[0]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({**ROW, "entry_point": "os.system"}, "entry_point"),
        ({**ROW, "canonical_solution": None}, "canonical_solution"),
        ({key: value for key, value in ROW.items() if key != "buggy_solution"}, "buggy_solution"),
    ],
)
def test_bad_lines_are_named(row: dict[str, Any], told: str, tmp_path: Path) -> None:
    """File, line and key of a row that is not as the format says."""
    with pytest.raises(SuiteError, match=rf"a.jsonl, line 2: {told}"):
        load_suite(dump(tmp_path / "a.jsonl", HELPED, row))


def test_same_number_twice(tmp_path: Path) -> None:
    """Two rows of one id are no suite."""
    with pytest.raises(SuiteError, match="second task python-0"):
        load_suite(dump(tmp_path / "a.jsonl", ROW, ROW))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.binary(max_size=200),
        st.fixed_dictionaries(
            {key: st.text(max_size=40) for key in ROW if key != "task_id"}
            | {"task_id": st.sampled_from(["Python/7", "Python/", "Go/1", ""])}
        ).map(lambda row: json.dumps(row).encode()),
    )
)
def test_any_line_is_read_or_refused(tmp_path: Path, line: bytes) -> None:
    """No line gets anything but a suite or a SuiteError out of the reader."""
    file = dump(tmp_path / "a.jsonl", ROW)
    file.write_bytes(file.read_bytes() + line)
    try:
        suite = load_suite(file)
    except SuiteError:
        return
    assert 1 <= len(suite.tasks) <= 2
