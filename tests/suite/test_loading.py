"""Suites in the package's own format: what is read, and what is refused with which words."""

from __future__ import annotations

import contextlib
import os
from codecs import BOM_UTF8
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from core.errors import SuiteError
from core.fingerprint import suite_hash
from core.harness.suites.loading import available_suites, lay_out, load_suite
from core.patchloop.masking import masked
from tests.support.suite.making import BROKEN, SOLVED, TASK_TOML, TESTS, WRONG, make_suite, write
from tests.support.suite.variants import try_tasks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def refusal(root: Path | str) -> SuiteError:
    """What load_suite says of a suite that it must refuse; never without a remedy."""
    with pytest.raises(SuiteError) as caught:
        load_suite(root)
    assert caught.value.remedy
    return caught.value


def test_all_of_a_task_is_read(tmp_path: Path) -> None:
    """Facts, files and answers are those on disk; defaults are filled in."""
    suite = load_suite(make_suite(tmp_path, "one"))
    assert (suite.name, suite.version, suite.edit_format, suite.attempts) == (
        "mine",
        "1.2.3",
        "auto",
        3,
    )
    (task,) = suite.tasks
    assert (task.id, task.title, task.level, task.category) == ("one", "A title", 1, "boundary")
    assert (task.prompt, task.editable, task.time_limit_s) == ("What is wrong.", ("area.py",), 10)
    assert dict(task.workspace) == {"area.py": BROKEN}
    assert dict(task.tests) == {"test_area.py": TESTS}
    assert task.solution == {"area.py": SOLVED}
    assert task.control == {"area.py": WRONG}


def test_an_own_suite_is_checked_as_ours_is(tmp_path: Path) -> None:
    """The same three runs tell a sound task of anybody's."""
    suite = load_suite(make_suite(tmp_path / "suite", "one", "two"))
    ended = try_tasks(suite.tasks, tmp_path / "runs")
    assert ended["two"]["broken"] == {
        "test_square_of_two": None,
        "test_rectangle": "AssertionError()",
    }
    assert set(ended["two"]["solution"].values()) == {None}
    assert any(ended["two"]["control"].values())


def test_answers_are_no_part_of_what_a_task_shows(tmp_path: Path) -> None:
    """Neither repr nor the files that an arm gets hold the solution."""
    (task,) = load_suite(make_suite(tmp_path, "one")).tasks
    assert "width * height" not in repr(task)
    assert "width * height" not in str([*task.workspace.values(), *task.tests.values()])


def test_loaded_files_cannot_be_changed(tmp_path: Path) -> None:
    """What one run does to a task's files does not reach the next."""
    (task,) = load_suite(make_suite(tmp_path, "one")).tasks
    with pytest.raises(TypeError):
        task.workspace["area.py"] = ""  # type: ignore[index]
    write(tmp_path / "one/tests/test_area.py", "")
    assert task.tests["test_area.py"] == TESTS


def test_control_may_be_missing(tmp_path: Path) -> None:
    """It is for those who write a suite; running one does not need it."""
    root = make_suite(tmp_path, "one")
    (root / "one/control/area.py").unlink()
    (root / "one/control").rmdir()
    assert load_suite(root).tasks[0].control == {}


def test_a_python_file_is_read_without_its_byte_order_mark(tmp_path: Path) -> None:
    """As text that begins with it parses nowhere; in other files it may be what is tested."""
    root = make_suite(tmp_path, "one")
    for part in ("workspace", "solution", "control"):
        path = root / f"one/{part}/area.py"
        path.write_bytes(BOM_UTF8 + path.read_bytes())
    write(root / "one/tests/test_area.py", f"\ufeff{TESTS}")
    write(root / "one/tests/prices.csv", "\ufeffname;price\n")
    (task,) = load_suite(root).tasks
    assert dict(task.workspace) == {"area.py": BROKEN}
    assert (task.solution["area.py"], task.control["area.py"]) == (SOLVED, WRONG)
    assert dict(task.tests) == {"test_area.py": TESTS, "prices.csv": "\ufeffname;price\n"}
    assert masked(task.workspace, task.editable, "in area") is not None


def test_tasks_are_in_order_of_their_ids(tmp_path: Path) -> None:
    """Whatever order the file system lists them in."""
    suite = load_suite(make_suite(tmp_path, "b", "a-2", "a-10", "c"))
    assert [task.id for task in suite.tasks] == ["a-10", "a-2", "b", "c"]


def test_every_file_counts_for_the_hash(tmp_path: Path) -> None:
    """A change of prompt, test, solution, control or suite.toml changes it."""
    root = make_suite(tmp_path, "one")
    hashes = {load_suite(root).hash}
    for path in sorted(root.rglob("*.*")):
        path.write_text(path.read_text() + "\n#\n")
        hashes.add(load_suite(root).hash)
    assert len(hashes) == 7
    assert all(each.startswith("sha256:") and len(each) == 71 for each in hashes)


def test_what_lies_beside_the_tasks_does_not_count_for_the_hash(tmp_path: Path) -> None:
    """A README of the suite may be edited while a pass is in force; a task's own may not."""
    root = make_suite(tmp_path, "one")
    before = load_suite(root).hash
    for name in ("README.md", "LICENSE"):
        write(root / name, "words")
        assert load_suite(root).hash == suite_hash(str(root), tmp_path) == before
    write(root / "one/workspace/README.md", "words")
    assert load_suite(root).hash == suite_hash(str(root), tmp_path) != before


def test_a_selection_is_of_the_same_suite(tmp_path: Path) -> None:
    """As a report's hash is that of all tasks; what was selected is told beside it."""
    suite = load_suite(make_suite(tmp_path, "a-1", "a-2", "b-1"))
    some = suite.select("a-*")
    assert [task.id for task in some.tasks] == ["a-1", "a-2"]
    assert some.hash == suite.hash
    assert suite.select("*") is suite


def test_selection_of_nothing_names_what_there_is(tmp_path: Path) -> None:
    """A slip in a pattern is an error and not an empty bakeoff."""
    suite = load_suite(make_suite(tmp_path, "branch-name", "cart"))
    with pytest.raises(SuiteError, match="no task matches 'brnch-name'") as caught:
        suite.select("brnch-name")
    assert "branch-name" in caught.value.remedy


def test_lay_out_writes_files_as_they_are(tmp_path: Path) -> None:
    """Directories are made; line ends are kept."""
    lay_out({"a.py": "x = 1\r\n", "deep/er/b.txt": "é\n"}, tmp_path)
    assert (tmp_path / "a.py").read_bytes() == b"x = 1\r\n"
    assert (tmp_path / "deep/er/b.txt").read_text(encoding="utf-8") == "é\n"


def test_unknown_name_lists_ours() -> None:
    """A suite that is not there is told from one that is broken."""
    error = refusal("reflex_patchlop_v1")
    assert "reflex_patchlop_v1" in error.message
    assert any(name in error.remedy for name in available_suites())


def test_directory_in_no_known_format(tmp_path: Path) -> None:
    """Any other directory is no suite."""
    write(tmp_path / "main.py", "")
    assert "format" in refusal(tmp_path).message


def test_path_that_is_no_path() -> None:
    """Odd arguments are errors of the suite like any other."""
    refusal("x" * 5000)
    refusal("")


def _symlink(path: Path, target: Path | str) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(target)


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "unknown key in suite.toml": (
        lambda root: write(root / "suite.toml", 'name = "a"\nversion = "1"\nattemps = 3\n'),
        "attemps",
    ),
    "edit format": (
        lambda root: write(root / "suite.toml", 'name = "a"\nversion = "1"\nedit_format = "x"\n'),
        "edit_format",
    ),
    "attempts": (
        lambda root: write(root / "suite.toml", 'name = "a"\nversion = "1"\nattempts = 0\n'),
        "attempts",
    ),
    "broken TOML": (lambda root: write(root / "one/task.toml", "id = "), "task.toml"),
    "unknown key": (lambda root: append(root / "one/task.toml", "hint = 'x'\n"), "hint"),
    "missing key": (
        lambda root: write(root / "one/task.toml", 'id = "one"\n'),
        "title: Field required",
    ),
    "wrong type": (
        lambda root: change(root / "one/task.toml", "level = 1", 'level = "1"'),
        "level",
    ),
    "level": (lambda root: change(root / "one/task.toml", "level = 1", "level = 4"), "level"),
    "time limit": (
        lambda root: append(root / "one/task.toml", "time_limit_s = nan\n"),
        "time_limit_s",
    ),
    "other id": (lambda root: change(root / "one/task.toml", '"one"', '"two"'), "two"),
    "odd id": (lambda root: (root / "one").rename(root / "O ne"), "id"),
    "id with control characters": (
        lambda root: change(root / "one/task.toml", '"one"', r'"\u001b[31m"'),
        "id",
    ),
    "no task.toml": (lambda root: (root / "one/task.toml").unlink(), "task.toml"),
    "no workspace": (lambda root: (root / "one/workspace").rename(root / "two"), "workspace"),
    "no solution": (lambda root: (root / "one/solution/area.py").unlink(), "solution"),
    "no tests": (
        lambda root: (root / "one/tests/test_area.py").rename(root / "one/tests/area_tests.py"),
        "test_*.py",
    ),
    "unknown part": (lambda root: write(root / "one/hints/a.txt", "x"), "hints"),
    "stray file": (lambda root: write(root / "notes.txt", "x"), "notes.txt"),
    "editable outside": (
        lambda root: change(root / "one/task.toml", '"area.py"', '"../tests/test_area.py"'),
        "editable",
    ),
    "editable twice": (
        lambda root: change(root / "one/task.toml", '"area.py"', '"area.py", "area.py"'),
        "editable",
    ),
    "solution of another file": (
        lambda root: write(root / "one/solution/other.py", "x = 1\n"),
        "solution/other.py",
    ),
    "control of another file": (
        lambda root: write(root / "one/control/other.py", "x = 1\n"),
        "control/other.py",
    ),
    "linked file": (
        lambda root: _symlink(root / "one/workspace/area.py", "/etc/passwd"),
        "area.py",
    ),
    "linked solution": (
        lambda root: _symlink(root / "one/solution/area.py", root / "one/workspace/area.py"),
        "solution/area.py",
    ),
    "linked directory": (lambda root: _symlink(root / "two", root / "one"), "two"),
    "linked task.toml": (
        lambda root: _symlink(root / "one/task.toml", root / "suite.toml"),
        "task.toml",
    ),
    "pipe": (lambda root: os.mkfifo(root / "one/workspace/pipe.py"), "pipe.py"),
    "not UTF-8": (
        lambda root: (root / "one/workspace/area.py").write_bytes(b"x = '\xe9'\n"),
        "workspace/area.py",
    ),
    "NUL": (lambda root: write(root / "one/tests/test_area.py", "x = 1\0\n"), "test_area.py"),
    "large file": (
        lambda root: write(root / "one/workspace/area.py", "#" * (64 * 1024 + 1)),
        "64 KiB",
    ),
    "odd file name": (lambda root: write(root / "one/workspace/a b.py", ""), "a b.py"),
    "too deep": (lambda root: write(root / "one/workspace/a/b/c/d/e.py", ""), "too deep"),
    "too many files": (
        lambda root: [write(root / f"one/workspace/f{at}.py", "") for at in range(70)],
        "over 64 files",
    ),
}


def append(path: Path, text: str) -> None:
    """Add to a file."""
    path.write_text(path.read_text() + text)


def change(path: Path, old: str, new: str) -> None:
    """Replace a part of a file that is there."""
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_named(fault: str, tmp_path: Path) -> None:
    """Each fault is refused in words that name the place, on one plain line."""
    root = make_suite(tmp_path / "suite", "one")
    load_suite(root)
    plant, told = FAULTS[fault]
    plant(root)
    error = refusal(root)
    assert told in error.message
    assert "\n" not in error.message
    assert "\x1b" not in error.message


def test_too_many_tasks(tmp_path: Path) -> None:
    """2,000 tasks are the most."""
    root = make_suite(tmp_path)
    for number in range(2001):
        (root / f"t{number}").mkdir()
    assert "over 2000 tasks" in refusal(root).message


def test_no_task_at_all(tmp_path: Path) -> None:
    """A suite.toml alone is no suite."""
    assert "no tasks" in refusal(make_suite(tmp_path)).message


def test_hidden_files_and_bytecode_are_passed_over(tmp_path: Path) -> None:
    """What editors and interpreters leave behind is neither read nor hashed."""
    root = make_suite(tmp_path, "one")
    before = load_suite(root)
    write(root / ".git/config", "x")
    write(root / "one/.DS_Store", "x")
    write(root / "one/workspace/.area.py.swp", "x")
    (root / "one/tests/__pycache__").mkdir()
    (root / "one/tests/__pycache__/test_area.pyc").write_bytes(b"\xff\x00")
    after = load_suite(root)
    assert after.hash == before.hash
    assert after.tasks == before.tasks


def test_title_and_prompt_are_made_plain(tmp_path: Path) -> None:
    """Control characters from a suite never reach a terminal."""
    root = make_suite(tmp_path, "one")
    change(root / "one/task.toml", '"A title"', r'"A \u001b[31mtitle"')
    change(root / "one/task.toml", '"What is wrong."', r'"What\u0007\n is\twrong."')
    (task,) = load_suite(root).tasks
    assert task.title == "A \ufffd[31mtitle"
    assert task.prompt == "What\ufffd\n is    wrong."


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.binary(max_size=300), st.text(max_size=200).map(str.encode)))
@example(TASK_TOML.format(id="one").encode())
@example(b"a = " + b"[" * 5000)
def test_any_task_toml_is_read_or_refused(tmp_path: Path, content: bytes) -> None:
    """No content of task.toml gets anything but a suite or a SuiteError out of the reader."""
    root = tmp_path / "suite"
    if not root.exists():
        make_suite(root, "one")
    (root / "one/task.toml").write_bytes(content)
    with contextlib.suppress(SuiteError):
        assert [task.id for task in load_suite(root).tasks] == ["one"]
