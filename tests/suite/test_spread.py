"""``suite check --with``: whether a suite tells models apart, as a report's trials fell."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from core.fingerprint import tree_hash
from core.harness.report.storage import write as write_report
from tests.support.command import reflex
from tests.support.report.synthetic import made, planted, suite, task_ids
from tests.support.suite.making import write

if TYPE_CHECKING:
    from pathlib import Path

    from core.patchloop.trial import Trial

TASKS = 20


@pytest.fixture
def own_suite(tmp_path: Path) -> Path:
    """A suite of the project's own whose tasks have the names that planted trials have."""
    place = tmp_path / ".speckit/suites/mine"
    write(tmp_path / "stage0.toml", "")
    write(place / "suite.toml", 'name = "mine"\nversion = "1"\n')
    for name in task_ids(TASKS):
        about = f'id = "{name}"\ntitle = "t"\nprompt = "p"\nlevel = 1\ncategory = "c"\n'
        write(place / name / "task.toml", about + 'editable = ["a.py"]\n')
        write(place / name / "workspace/a.py", "X = 1\n")
        write(place / name / "solution/a.py", "X = 2\n")
        write(
            place / name / "tests/test_a.py", "import a\n\n\ndef test_x():\n    assert a.X == 2\n"
        )
    return tmp_path


def checked(root: Path, trials: list[Trial], *more: str, **about: str) -> tuple[int, str, str]:
    """What the command says of a report with these trials; ``about`` is what it says of its suite.

    Unless told otherwise it is about the suite as it lies there.
    """
    place = root / ".speckit/suites/mine"
    about = {"name": "mine", "hash": tree_hash(place), **about}
    ids = sorted({one.task for one in trials})
    written, _, _ = write_report(made(trials, suite=suite(ids, **about)), root)
    said = reflex(root, "suite", "check", "mine", "--with", written, *more)
    return said.returncode, said.stdout, said.stderr


@pytest.mark.parametrize(
    ("trials", "verdict", "counts"),
    [
        (planted(TASKS), "It cannot tell models apart: everything was solved.", (20, 0, 0)),
        (
            planted(TASKS, lost=TASKS, cloud_lost=TASKS),
            "It cannot tell models apart: nothing was solved.",
            (0, 0, 20),
        ),
        (planted(TASKS, lost=5), "It tells models apart.", (15, 5, 0)),
    ],
)
def test_the_spread_says_whether_a_suite_tells_models_apart(
    own_suite: Path, trials: list[Trial], verdict: str, counts: tuple[int, ...]
) -> None:
    """By what was solved by all, by some and by none; the status is for scripts."""
    status, told, _ = checked(own_suite, trials)
    assert status == int("cannot" in verdict)
    assert verdict in told
    rows = [line.split() for line in told.splitlines() if line.startswith("by ")]
    assert tuple(int(row[-1]) for row in rows) == counts
    _, told, _ = checked(own_suite, trials, "--json")
    data = json.loads(told)
    assert tuple(len(data[name]) for name in ("easy", "between", "hard")) == counts


def test_a_report_of_another_suite_is_refused(own_suite: Path) -> None:
    """Also one whose tasks have the same names, or of the suite as it was before a change."""
    status, told, said = checked(own_suite, planted(TASKS), name="theirs", hash="sha256:5a17e")
    assert (status, told) == (2, "")
    assert "the report is about the suite theirs, not about mine" in said
    assert "code reflex bakeoff --suite mine" in said
    before = tree_hash(own_suite / ".speckit/suites/mine")
    write(own_suite / ".speckit/suites/mine/task-000/workspace/a.py", "X = 3\n")
    status, _, said = checked(own_suite, planted(TASKS), hash=before)
    assert status == 2
    assert "another state of mine: its tasks have changed since" in said


def test_a_report_without_a_trial_of_these_tasks_is_refused(own_suite: Path) -> None:
    """It says nothing about them."""
    status, _, told = checked(own_suite, planted(4), "--tasks", "task-019")
    assert status == 2
    assert "no trial of these tasks of mine" in told
