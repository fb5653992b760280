"""``code reflex check`` as CI runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from reflex_tui.cli import github
from tests.support.report.synthetic import HOSTILE, arm, planted, run_settings
from tests.support.report.workspace import Workspace

CODE = Path(sys.executable).with_name("code")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A project without a report yet."""
    return Workspace.begin(tmp_path)


def test_a_pass_is_zero_and_shows_its_figures(workspace: Workspace) -> None:
    """On a pipe plain text without escapes, the newest report by itself."""
    path = workspace.written()
    done = workspace.reflex("check")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "✓ pass: every criterion clears"
    assert lines[1] == "qwen2.5-coder-7b-instruct against gpt-5-mini, own, 64 tasks × 1"
    assert lines[2] == f"{path.relative_to(workspace.root)}, 2 days old"
    assert lines[5].split()[:4] == ["✓", "P95", "latency", "160"]
    assert "\x1b" not in done.stdout
    assert done.stderr == ""


@pytest.mark.slow
def test_a_shell_sees_the_same(workspace: Workspace) -> None:
    """The streams and the status of a process of its own; those below are this one's."""
    workspace.written(planted(lost=20))
    command = [str(CODE), "reflex", "check"]
    done = subprocess.run(command, cwd=workspace.root, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, workspace.reflex("check").stdout, "")


def test_a_fail_is_one_and_inconclusive_three(workspace: Workspace) -> None:
    """A report may be named; what a verdict needs is said."""
    fail = workspace.written(planted(lost=20))
    assert workspace.reflex("check", "--report", fail).returncode == 1
    few = workspace.written(planted(20))
    done = workspace.reflex("check", "--report", few)
    assert done.returncode == 3
    assert "about 50 more first calls" in done.stdout


def test_without_a_readable_report_it_is_two(workspace: Workspace) -> None:
    """None, one that is broken, one that is not there, a configuration that is wrong."""
    none = workspace.reflex("check", "--json")
    assert none.returncode == 2
    assert json.loads(none.stdout)["error"]["code"] == "report"
    assert "code reflex bakeoff" in none.stderr
    path = workspace.written()
    path.write_text("{}")
    assert workspace.reflex("check").returncode == 2
    assert workspace.reflex("check", "--report", "absent.json").returncode == 2
    assert workspace.reflex("check", "--reprot", "x").returncode == 2
    (workspace.root / "stage0.toml").write_text("[reflex]\nmodle = 1\n")
    assert workspace.reflex("check").returncode == 2


def test_thresholds_that_a_project_may_not_loosen_are_named(workspace: Workspace) -> None:
    """They do not count, a line on stderr says so, and the JSON document stays whole."""
    workspace.written(planted(lost=20))
    config = workspace.root / "stage0.toml"
    config.write_text("[reflex.thresholds]\nsuccess_parity_percent = 0\n")
    done = workspace.reflex("check", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["gate"]["misses"] == ["success_parity"]
    assert done.stderr.startswith("warning: stage0.toml loosens the gate")
    assert "success_parity_percent = 0 (default 85)" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_newer_reports_that_are_no_verdict_are_passed_over_and_named(workspace: Workspace) -> None:
    """A try at some of the tasks does not hide the suite's verdict, nor does it go unsaid."""
    path = workspace.written()
    now = datetime.now(UTC)
    some = workspace.written(planted(5, lost=5), stamps=["subset"], finished_at=now)
    done = workspace.reflex("check")
    assert done.returncode == 0, done.stdout
    assert str(path.relative_to(workspace.root)) in done.stdout
    assert f"passed over  newer, but no verdict: {some.name} (subset)" in done.stdout
    document = json.loads(workspace.reflex("check", "--json").stdout)
    assert document["report"] == str(path)
    assert document["passed_over"] == [f"{some.name} (subset)"]
    path.unlink()
    alone = workspace.reflex("check")
    assert alone.returncode == 2
    assert f"no report of a complete bakeoff, only {some.name} (subset)" in alone.stderr


def test_json_is_one_document(workspace: Workspace) -> None:
    """With verdict, lapses, and figures of both arms."""
    path = workspace.written(prompt_hash="sha256:other")
    done = workspace.reflex("check", "--json", GITHUB_ACTIONS="true")
    document = json.loads(done.stdout)
    assert done.returncode == document["exit_status"] == 1
    assert document["outcome"] == "fail"
    assert document["report"] == str(path)
    assert document["gate"]["verdict"] == document["stored_verdict"] == "pass"
    assert document["finished_at"].endswith("Z")
    assert document["lapses"][0]["code"] == "prompt_changed"
    assert document["arms"]["reflex"]["solved"] == 64
    assert document["power"] == {
        "tasks": 64,
        "cloud_percent": 100.0,
        "equal_model_clears_percent": 100,
    }
    assert done.stderr.startswith(
        "::error title=Reflex gate::passed, but does not count: prompt_changed"
    )


def test_a_flipped_verdict_is_caught(workspace: Workspace) -> None:
    """Editing the report's verdict neither passes nor goes unsaid."""
    path = workspace.written(planted(lost=20))
    document = json.loads(path.read_text())
    document["gate"] = {**document["gate"], "verdict": "pass", "misses": [], "summary": "pass"}
    path.write_text(json.dumps(document))
    done = workspace.reflex("check")
    assert done.returncode == 1
    assert "says pass of itself, but its trials say fail" in done.stdout


def test_a_baseline_and_junit(workspace: Workspace) -> None:
    """A significant regression is one; the XML is written all the same."""
    baseline = workspace.written()
    worse = workspace.written(planted(lost=5, cloud_lost=5))
    arguments = ("check", "--report", worse, "--baseline", baseline, "--junit", "out/reflex.xml")
    done = workspace.reflex(*arguments)
    assert done.returncode == 1
    assert done.stdout.startswith("✖ passed, but with a significant regression")
    assert "success fell from 100 % to 92.2 %" in done.stdout
    xml = ET.parse(workspace.root / "out" / "reflex.xml").getroot()
    assert (xml.attrib["tests"], xml.attrib["failures"]) == ("64", "5")
    same = workspace.reflex("check", "--report", worse, "--baseline", worse)
    assert same.returncode == 0


def test_on_github_there_is_an_annotation_and_a_summary(workspace: Workspace) -> None:
    """Added to what other steps wrote; a summary that cannot be written costs a line, no more."""
    workspace.written()
    summary = workspace.root / "summary.md"
    summary.write_text("before\n")
    environ = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    done = workspace.reflex("check", **environ)
    assert done.returncode == 0
    assert done.stderr == "::notice title=Reflex gate::pass: every criterion clears\n"
    assert summary.read_text().startswith("before\n# ✓ pass: every criterion clears\n")
    environ["GITHUB_STEP_SUMMARY"] = str(workspace.root)
    done = workspace.reflex("check", **environ)
    assert done.returncode == 0
    assert "no job summary" in done.stderr
    assert "::" not in workspace.reflex("check").stderr


def test_hostile_reports_cannot_speak_for_us(workspace: Workspace) -> None:
    """No escape on the terminal, no command to the runner, no markup in the summary."""
    summary = workspace.root / "summary.md"
    nasty = " ".join(HOSTILE).encode(errors="replace").decode()
    arms = {
        "reflex": arm("reflex", model=nasty, endpoint=nasty, label=nasty),
        "cloud": arm("cloud", model="##[error]y ::error::z", label=nasty),
    }
    workspace.written(arms=arms)
    done = workspace.reflex("check", GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(summary))
    assert done.returncode == 1
    for line in (*done.stdout.splitlines(), *done.stderr.splitlines()):
        assert line.isprintable()
        assert "##[" not in line or line.startswith("::error title=Reflex gate::")
    commands = [
        line
        for line in (*done.stdout.splitlines(), *done.stderr.splitlines())
        if line.lstrip().startswith("::")
    ]
    assert len(commands) == 1


def test_annotations_are_escaped() -> None:
    """A line feed would begin a command of its own; a colon or comma would end a property."""
    made = github.annotation("error", "a:b,c%", "50 % of\n::add-mask::x\r")
    assert made == "::error title=a%3Ab%2Cc%25::50 %25 of ::add-mask::x\N{REPLACEMENT CHARACTER}"


def test_shards_are_merged_and_checked(workspace: Workspace) -> None:
    """``newest`` passes the shards over and finds the whole."""
    trials = planted(72)
    tasks = sorted({one.task for one in trials})
    whole = workspace.made(trials)
    for part in (0, 1):
        workspace.written(
            [one for one in trials if one.task in tasks[part::2]],
            suite=whole.suite.model_copy(update={"selected": tuple(tasks[part::2])}),
            settings=run_settings(shard=f"{part + 1}/2"),
        )
    assert workspace.reflex("check").returncode == 2
    shards = sorted(workspace.reports.glob("*.json"))
    done = workspace.reflex("bakeoff", "merge", *shards)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("✓ pass: every criterion clears\n")
    assert workspace.reflex("check").returncode == 0
    alone = workspace.reflex("bakeoff", "merge", shards[0], "--json", "--out", "half")
    assert alone.returncode == 3
    document = json.loads(alone.stdout)
    assert document["stamps"] == ["partial"]
    assert workspace.reflex("bakeoff", "merge", shards[0], shards[0]).returncode == 2


def test_help_has_examples(workspace: Workspace) -> None:
    """Found without the manual."""
    done = workspace.reflex("check", "--help")
    assert done.returncode == 0
    assert "code reflex check --baseline main.json --junit reflex.xml" in done.stdout
