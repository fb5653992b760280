"""A report says what was solved of each origin, so that mutants are not pooled with history."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from core.harness.report.markdown import render
from core.harness.report.origins import by_origin
from core.harness.report.storage import write
from tests.support.command import reflex
from tests.support.report.synthetic import made, planted, suite, task_ids

if TYPE_CHECKING:
    from pathlib import Path

    from core.harness.report.document import Report

MINE = "./.speckit/suites/mine"


def mined(**values: Any) -> Report:
    """Twenty tasks: eight of history in Go, twelve mutants in Python; reflex loses the first."""
    ids = task_ids(20)
    tags = {
        task: ("kind:history", "language:go") if at < 8 else ("kind:mutation", "language:python")
        for at, task in enumerate(ids)
    }
    told = suite(ids, root=MINE, name="mine", tags=tags)
    return made(planted(20, lost=5), suite=told, **values)


def test_each_origin_and_language_has_its_own_figures() -> None:
    """Together they are the whole report."""
    found = by_origin(mined())
    assert [(one.by, one.name, one.tasks) for one in found] == [
        ("origin", "history", 8),
        ("origin", "mutation", 12),
        ("language", "go", 8),
        ("language", "python", 12),
    ]
    history, mutation = (dict(one.arms) for one in found[:2])
    whole = made(planted(20, lost=5))
    for arm in ("reflex", "cloud"):
        solved = sum(one.solved for one in whole.trials if one.arm == arm)
        assert history[arm][0] + mutation[arm][0] == solved
        assert (history[arm][1], mutation[arm][1]) == (8, 12)
    assert history["reflex"][0] < history["cloud"][0]


@pytest.mark.parametrize(
    ("root", "expected"),
    [
        ("reflex_patchloop_v1", "shipped"),
        ("./suite", "written"),
        ("/srv/reflex_patchloop_v1", "written"),
    ],
)
def test_what_was_not_mined_is_shipped_or_written(root: str, expected: str) -> None:
    """A shipped suite's tasks are the package's own, whatever a tag says."""
    ids = task_ids(3)
    tags = {ids[0]: ("kind:history",)} if expected == "shipped" else {}
    report = made(planted(3), suite=suite(ids, root=root, tags=tags))
    assert [(one.name, one.tasks) for one in by_origin(report)] == [(expected, 3)]


def test_every_surface_says_it(tmp_path: Path) -> None:
    """The page, ``check`` as text and as JSON, and the list of reports."""
    report = mined()
    page = render(report)
    assert "## By origin" in page
    assert "| mutation | 12 | 12 of 12 | 12 of 12 |" in " ".join(page.split(" "))
    write(report, tmp_path / ".speckit" / "eval")
    (tmp_path / "stage0.toml").write_text("[reflex]\n")
    text = reflex(tmp_path, "check").stdout
    rows = [line.split() for line in text.splitlines()]
    assert ["mutation", "12", "12", "of", "12", "12", "of", "12"] in rows
    (checked,) = [json.loads(reflex(tmp_path, "check", "--json").stdout)]
    (listed,) = json.loads(reflex(tmp_path, "report", "list", "--json").stdout)
    assert checked["origins"] == listed["origins"] == [one.as_json() for one in by_origin(report)]
