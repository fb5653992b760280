"""``code reflex bakeoff`` as a user runs it: exit status, streams, Ctrl-C, kill -9 and --resume."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
from pathlib import Path

import pytest

from core.harness.report.storage import read
from tests.support.bakeoff.arena import make_suite
from tests.support.bakeoff.bench import BAKEOFF, CODE, PATIENCE_S, bench
from tests.support.command import reflex

TASKS = 5


@pytest.mark.usefixtures("no_sandbox")
def test_enable_takes_a_valid_pass(project: Path) -> None:
    """Refused before the bakeoff and again once the pass has lapsed; the file stays as it is."""
    config = project / "stage0.toml"

    with bench(project, reflex=1) as b:
        before = config.read_text(encoding="utf-8")
        refused = reflex(project, "enable")
        assert (refused.returncode, "(no_bakeoff)" in refused.stderr) == (1, True)
        assert config.read_text(encoding="utf-8") == before
        assert b.run().returncode == 0
        other = before.replace("[reflex]\n", "[reflex]\ncandidates = 2\n")
        config.write_text(other, encoding="utf-8")
        lapsed = reflex(project, "enable")
        assert (lapsed.returncode, "(candidates_changed)" in lapsed.stderr) == (1, True)
        assert config.read_text(encoding="utf-8") == other
        config.write_text(before, encoding="utf-8")
        assert reflex(project, "enable").returncode == 0
    assert "enabled = true" in config.read_text(encoding="utf-8")


@pytest.mark.slow
def test_status_names_the_sandbox(project: Path) -> None:
    """Its tier, as an attack on it finds out, for people and in JSON."""
    words = reflex(project, "status")
    (line,) = [one for one in words.stdout.splitlines() if one.startswith("sandbox ")]
    found = reflex(project, "status", "--json")
    sandbox = json.loads(found.stdout)["sandbox"]
    assert sandbox["tier"] in {"bubblewrap", "namespaces", "sandbox_exec", "none"}
    assert sandbox["reason"] in line


@pytest.mark.slow
def test_pass_says_what_follows_from_it(project: Path) -> None:
    """Progress goes to stderr, line by line without a terminal; the verdict comes first."""
    with bench(project, reflex=1) as b:
        ended = b.run("--junit", "junit.xml")
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert lines[0].startswith("✓ pass")
    assert any("code reflex enable" in line for line in lines)
    assert lines[-1].startswith("report: .speckit/eval/reflex-bakeoff-")
    progress = ended.stderr.splitlines()
    assert "small: 5 tasks × 1, reflex against cloud: 10 trials, seed 1" in progress[0]
    assert len(progress) == 12
    assert progress[-1].startswith("look 1 of 1, after 5 tasks: reflex solved 5, cloud 5")
    assert "\r" not in ended.stderr
    assert "<testsuite" in (project / "junit.xml").read_text(encoding="utf-8")


@pytest.mark.usefixtures("no_sandbox")
def test_fail_in_one_document(project: Path) -> None:
    """``--json`` writes one document to stdout, whatever is told meanwhile."""
    with bench(project, reflex=0) as b:
        ended = b.run("--json", "--concurrency", "2")
    assert ended.returncode == 1
    document = json.loads(ended.stdout)
    assert document["verdict"] == "fail"
    assert document["gate"]["misses"] == ["success_parity"]
    assert document["arms"]["reflex"]["solved"] == 0
    assert document["gate_decision"] == {"recorded": True, "reason": None}
    assert document["power"] is None  # at this confidence there is no bound to speak of
    assert read(Path(document["report"])).gate == document["gate"]


@pytest.mark.usefixtures("no_sandbox")
def test_inconclusive_and_no_decision(project: Path) -> None:
    """A part of the tasks decides nothing, and the command says so."""
    with bench(project, reflex=1) as b:
        ended = b.run("--tasks", "t01")
    assert ended.returncode == 3
    assert ended.stdout.startswith("◐ inconclusive")
    assert "does not count: 1 of the suite's 5 tasks" in ended.stdout


@pytest.mark.slow
@pytest.mark.usefixtures("no_sandbox")
def test_ctrl_c_leaves_a_partial_report_and_resume_goes_on(project: Path) -> None:
    """130 and where it lies; the next run makes what was left and ends as usual."""
    with bench(project, reflex=1, ttft_ms=100) as b:
        process = b.start()
        b.until_some_trials_are_done(2)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 130
        assert stdout.startswith("◐ partial: interrupted")
        assert "--resume" in stdout
        assert "stopping; finished trials are kept" in stderr
        (report,) = b.eval.glob("*.json")
        assert read(report).partial

        ended = b.run("--resume")
        assert ended.returncode == 0
        assert ended.stdout.startswith("✓ pass")
        assert "kept, seed 1" in ended.stderr
        assert not list(b.eval.glob("*.journal.jsonl"))


@pytest.mark.slow
@pytest.mark.usefixtures("no_sandbox")
def test_kill_loses_nothing_that_was_done(project: Path) -> None:
    """Kill -9 leaves the journal; resumed, only what it lacks is made."""
    with bench(project, reflex=1, ttft_ms=100) as b:
        process = b.start()
        b.until_some_trials_are_done(3)
        process.kill()
        process.communicate(timeout=PATIENCE_S)
        assert not list(b.eval.glob("*.json"))
        (journal,) = b.eval.glob("*.journal.jsonl")
        kept = journal.read_bytes().count(b"\n") - 1
        ended = b.run("--resume", "--json")
        assert ended.returncode == 0
        assert f"{kept} kept" in ended.stderr
        report = read(Path(json.loads(ended.stdout)["report"]))
    assert len(report.trials) == 2 * TASKS
    assert not report.partial


@pytest.mark.slow
def test_a_terminal_sees_one_line_written_over(project: Path) -> None:
    """Place, rate, time left, what was solved, who is at what; never wider than the terminal."""
    with bench(project, reflex=1):
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [CODE, "reflex", *BAKEOFF, "--tasks", "t0[12]"],
            cwd=project,
            stdout=subprocess.DEVNULL,
            stderr=theirs,
            env={**os.environ, "COLUMNS": "60"},
        )
        os.close(theirs)
        seen = b""
        with contextlib.suppress(OSError):  # the end of a terminal, on Linux
            while chunk := os.read(ours, 4096):
                seen += chunk
        os.close(ours)
        assert process.wait(PATIENCE_S) == 3
    kept = [line for line in seen.decode().split("\r") if "\n" in line or line.startswith("look ")]
    frames = [frame.strip() for frame in seen.decode().split("\r")]
    assert all(len(frame) < 60 for frame in frames if not frame.startswith("look "))
    assert len(kept) <= 2  # what the look at the end found stays
    assert any(
        frame.startswith("4/4") and "solved reflex 2/2, cloud 2/2" in frame for frame in frames
    )
    assert frames[-1] == ""


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--suite", "nonesuch"], "no suite or path"),
        (["--arms", "reflex"], "two different arms"),
        (["--shard", "3/2"], "invalid shard"),
        (["--trials", "0"], "out of range: 1 or more"),
        (["--trials", "1000"], "from 1 to 100"),
        (["--resume"], "no bakeoff to resume"),
        (["--tasks", "nothing*"], "no task matches"),
        (["--baseline", "none.json"], "cannot be read"),
        (["--reuse-cloud", "none.json"], "cannot be read"),
    ],
)
def test_usage(project: Path, arguments: list[str], told: str) -> None:
    """2, and what to do, before anything is asked."""
    make_suite(project / "suite", 1)
    (project / "stage0.toml").write_text(
        '[reflex]\nendpoint = "http://127.0.0.1:9/v1"\n[cloud]\nendpoint = "http://127.0.0.1:9/v1"\n',
        encoding="utf-8",
    )
    ended = reflex(project, "bakeoff", "--suite", "suite", *arguments)
    assert ended.returncode == 2, ended.stderr
    assert told in ended.stderr
    assert not (project / ".speckit" / "capsule").exists()
