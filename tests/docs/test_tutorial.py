"""The tutorial, played with stand-in servers from an empty project to a promoted model."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from core.harness.bakeoff.plan import DEFAULT_SUITE
from core.standin.server import start_scripted
from tests.support.docs.pages import blocks
from tests.support.docs.tutorial import PAGE, steps

PATIENCE_S = 100
INIT = "code reflex init"
EXPECTED = {"code reflex bakeoff --tasks 'ca*'": 3}


def run(line: str, project: Path) -> subprocess.CompletedProcess[str]:
    """Run a command line of the tutorial; two trials at a time, as only time is saved by it."""
    more = ["--concurrency", "2"] if " bakeoff" in line else []
    return subprocess.run(
        [*shlex.split(line), *more],
        cwd=project,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )


def add_cloud(file: Path, endpoint: str) -> None:
    """What the page has somebody write at the end of the file, with the stand-in for the cloud."""
    (written,) = [block.text for block in blocks(PAGE) if block.language == "toml"]
    for old, new in (("https://api.openai.com/v1", endpoint), ("gpt-5-mini", "distant")):
        assert old in written
        written = written.replace(old, new)
    with file.open("a", encoding="utf-8") as opened:
        opened.write(f"\n{written}")


@pytest.mark.long
@pytest.mark.timeout(PATIENCE_S * 3)
def test_from_nothing_to_a_promoted_model(project: Path) -> None:
    """Each command ends as the tutorial says, and after ``enable`` the next call goes to reflex."""
    version, before, *rest = steps()
    told = run(version, project)
    assert (told.returncode, version) == (0, "code reflex --version")
    told = run(before, project)
    assert (told.returncode, before) == (1, "code reflex health")
    assert "code reflex engine" in told.stdout
    # Named as a server of its own kind: what a stand-in passes promotes nothing.
    at_once = {"ttft_ms": 0, "tokens_per_s": 0, "suite": DEFAULT_SUITE, "owned_by": "somebody"}
    with (
        start_scripted(model="local", **at_once) as local,  # type: ignore[arg-type]
        start_scripted(model="distant", **at_once) as distant,  # type: ignore[arg-type]
    ):
        said: dict[str, str] = {}
        for line in rest:
            told = run(f"{line} --port {local.port}" if line == INIT else line, project)
            if line == INIT:
                add_cloud(project / "stage0.toml", distant.endpoint)
            assert told.returncode == EXPECTED.get(line, 0), f"{line}: {told.stdout}{told.stderr}"
            said[line] = told.stdout
            if line == "code reflex enable":
                status = json.loads(run("code reflex status --json", project).stdout)
                assert status["next_implement_call"]["mode"] == "reflex"
    assert said["code reflex bakeoff"].startswith("✓ pass")
    assert "next Implement call → reflex: " in said["code reflex status"]
    assert "GateDecision" in said["code reflex events --type GateDecision"]
    assert "enabled = false" in said["code reflex disable"]
