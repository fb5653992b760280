"""``code reflex report``: reports listed, shown and compared."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from core.harness.report.markdown import render
from core.harness.report.storage import newest, read
from core.patchloop.trial import FailureKind
from reflex_tui.model.reports import newest as shown_newest
from tests.support.report.synthetic import arm, attempt, planted
from tests.support.report.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A project without a report yet."""
    return Workspace.begin(tmp_path)


def test_the_list_has_a_line_for_each(workspace: Workspace) -> None:
    """The newest first; one that cannot be read is named too, and nothing of it gets through."""
    assert "code reflex bakeoff" in workspace.reflex("report").stdout
    old = workspace.written()
    arms = {"reflex": arm("reflex", model="evil \x1b[2J\u202e\nname"), "cloud": arm("cloud")}
    now = datetime.now(UTC)
    new = workspace.written(planted(lost=20), arms=arms, created_at=now, finished_at=now)
    broken = workspace.reports / "reflex-bakeoff-20200101T000000Z.json"
    broken.write_text("{}")
    done = workspace.reflex("report", "list")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["report", new.name, old.name, broken.name]
    assert lines[1].rstrip().endswith("fail")
    assert "64/64" in lines[2]
    assert "cannot be read" in lines[3]
    assert all(line.isprintable() for line in lines)
    listed = json.loads(workspace.reflex("report", "list", "--json").stdout)
    assert [one["verdict"] for one in listed[:2]] == ["fail", "pass"]
    assert listed[1]["power"]["equal_model_clears_percent"] > 99
    assert listed[2] == {"report": broken.name, "readable": False}


def test_of_two_of_one_second_the_later_is_the_newest(workspace: Workspace) -> None:
    """A quick machine ends both within it; every place that looks for the newest means the same."""
    first = workspace.written()
    later = [first.with_name(f"{first.stem}-{number}.json") for number in (2, 10)]
    for path in later:
        path.write_bytes(first.read_bytes())
    names = [later[1].name, later[0].name, first.name]
    listed = workspace.reflex("report", "list").stdout.splitlines()[1:]
    assert [line.split()[0] for line in listed] == names
    (stated,) = json.loads(workspace.reflex("report", "attest").stdout)["subject"]
    assert stated["name"] == names[0]
    assert [path.name for path, _ in shown_newest(workspace.reports)] == names
    assert newest(workspace.reports).path == later[1]


def test_a_p95_without_an_end_is_listed_as_such(workspace: Workspace) -> None:
    """Not as one that is not known: more than one call in twenty got no reply."""
    lost = attempt(math.inf, FailureKind.TIMEOUT)
    silent = [replace(one, solved=False, attempts=(lost,)) for one in planted(4)]
    workspace.written(silent)
    (row,) = workspace.reflex("report", "list").stdout.splitlines()[1:]
    assert row.split()[-2:] == ["∞", "fail"]


def test_a_report_is_shown_as_its_page(workspace: Workspace) -> None:
    """The newest one, or one that is named by its path or its name alone."""
    path = workspace.written()
    page = render(read(path))
    for named in ([], [path.name], [str(path)]):
        assert workspace.reflex("report", "show", *named).stdout == page
    whole = json.loads(workspace.reflex("report", "show", "--json").stdout)
    assert whole["run_id"] == read(path).run_id
    missing = workspace.reflex("report", "show", "absent.json")
    assert (missing.returncode, missing.stdout) == (2, "")


def test_two_reports_are_compared(workspace: Workspace) -> None:
    """With status 1 where the newer one is significantly worse."""
    before = workspace.written()
    same = workspace.reflex("report", "compare", before.name)
    assert same.returncode == 0
    assert "no significant regression" in same.stdout
    now = datetime.now(UTC) - timedelta(minutes=1)
    workspace.written(planted(lost=20), created_at=now, finished_at=now)
    worse = workspace.reflex("report", "compare", before.name)
    assert worse.returncode == 1
    assert "significant regression: " in worse.stdout
    document = json.loads(workspace.reflex("report", "compare", before.name, "--json").stdout)
    assert document["regressed"] is True
