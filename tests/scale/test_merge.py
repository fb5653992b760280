"""Shards of a real run, merged: the report of the whole, which the check accepts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from core.harness.report.storage import read
from tests.support.bakeoff.bench import bench
from tests.support.command import reflex

if TYPE_CHECKING:
    from pathlib import Path

    from core.patchloop.trial import Trial

pytestmark = pytest.mark.timeout(180)


def outcome(trial: Trial) -> tuple[str, str, int, bool, str]:
    """What a trial came to, times aside."""
    return trial.task, trial.arm, trial.trial, trial.solved, trial.diff


@pytest.mark.usefixtures("no_sandbox")
def test_two_shards_are_the_whole(project: Path) -> None:
    """The same trials and verdict, whichever way round the options stand."""
    with bench(project, reflex=1) as b:
        assert b.run("--out", "alone", "--no-early-stop").returncode == 0
        for part in ("1/2", "2/2"):
            assert b.run("--shard", part, "--out", "shards").returncode in {0, 3}
        shards = sorted(map(str, (project / "shards").glob("*.json")))
        assert len(shards) == 2
        first = reflex(project, "bakeoff", "merge", *shards, "--out", "one")
        second = reflex(project, "bakeoff", "merge", "--out", "two", "--json", *shards)
        third = reflex(project, "bakeoff", "--json", "merge", *shards)
        checked = reflex(project, "check", "--json")
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith("✓ pass")
    assert second.returncode == 0, second.stderr
    assert third.returncode == 0, third.stderr
    whole, *merged = (read(*(project / name).glob("*.json")) for name in ("alone", "one", "two"))
    for report in merged:
        assert sorted(map(outcome, report.trials)) == sorted(map(outcome, whole.trials))
        assert report.suite == whole.suite
        assert report.settings == whole.settings
        assert report.gate["verdict"] == whole.gate["verdict"] == "pass"
        assert not report.partial
    assert json.loads(third.stdout)["report"].startswith(str(project / ".speckit" / "eval"))
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_usage(project: Path) -> None:
    """The action has a help of its own, and wants at least one report that is one."""
    helped = reflex(project, "bakeoff", "merge", "--help")
    assert helped.returncode == 0
    assert "bakeoff merge shards/*.json" in helped.stdout
    assert "--trials" not in helped.stdout
    assert reflex(project, "bakeoff", "merge").returncode == 2
    (project / "x.json").write_text("{}", encoding="utf-8")
    refused = reflex(project, "bakeoff", "merge", "x.json")
    assert refused.returncode == 2
    assert "x.json" in refused.stderr
