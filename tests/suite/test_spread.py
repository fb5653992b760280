"""``suite check --with``: whether a suite tells models apart, as a report's trials fell."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from core.harness.report.files import write as write_report
from tests.support.command import reflex
from tests.support.report.synthetic import made, planted, task_ids
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


def checked(root: Path, trials: list[Trial], *more: str) -> tuple[int, str, str]:
    """What the command says of a report with these trials."""
    written, _, _ = write_report(made(trials), root)
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


def test_a_report_of_other_tasks_is_refused(own_suite: Path) -> None:
    """It says nothing about this suite."""
    for each in sorted((own_suite / ".speckit/suites/mine").glob("task-*")):
        each.rename(each.with_name(f"other-{each.name}"))
        text = (each.with_name(f"other-{each.name}") / "task.toml").read_text()
        write(
            each.with_name(f"other-{each.name}") / "task.toml", text.replace("task-", "other-task-")
        )
    status, _, told = checked(own_suite, planted(TASKS))
    assert status
    assert "no trial of a task of mine" in told
