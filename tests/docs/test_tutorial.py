"""The tutorial, played with stand-in servers from an empty project to a promoted model."""

from __future__ import annotations

import json
import shlex
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from core.fingerprint import SUITES
from core.harness.bakeoff.plan import DEFAULT_SUITE
from core.settings import load_settings
from core.settings.thresholds import accept
from core.standin.answers import suite_answerer
from core.standin.script import Script
from tests.support.command import reflex
from tests.support.docs.pages import blocks
from tests.support.docs.tutorial import PAGE, steps
from tests.support.standin import standin

if TYPE_CHECKING:
    from pathlib import Path
    from subprocess import CompletedProcess

FEW = ("cart-per-customer", "cash-rounding", "column-letters")
INIT = "code reflex init"
EXPECTED = {"code reflex bakeoff --tasks 'ca*'": 3}


def run(line: str, project: Path) -> CompletedProcess[str]:
    """Run a command line of the tutorial."""
    name, _, *words = shlex.split(line)
    assert name == "code"
    return reflex(project, *words)


def complete(file: Path, endpoint: str, *, few: bool) -> None:
    """What the page has somebody write at the end of the file, with the stand-in for the cloud.

    How long a call takes here says more about the machine, and few tasks are little evidence.
    """
    (written,) = [block.text for block in blocks(PAGE) if block.language == "toml"]
    for old, new in (("https://api.openai.com/v1", endpoint), ("gpt-5-mini", "distant")):
        assert old in written
        written = written.replace(old, new)
    text = file.read_text(encoding="utf-8")
    assert text.count("\n[reflex]\n") + text.startswith("[reflex]\n") == 1
    patient = text.replace("[reflex]\n", "[reflex]\ntimeout_ms = 60000\n")
    limits = "[reflex.thresholds]\np95_latency_ms = 60000\n" + "confidence = 0.1\n" * few
    file.write_text(f"{patient}\n{limits}\n{written}", encoding="utf-8")
    refused = load_settings(file).refused
    assert refused
    accept(file.parent, refused)


@pytest.fixture
def _few_tasks(*, torture: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The default suite has as many tasks as show each step; in the full form it has all."""
    if torture:
        return
    few = tmp_path / "suites"
    for name in ("suite.toml", *FEW):
        source = SUITES / DEFAULT_SUITE / name
        copy = shutil.copytree if source.is_dir() else shutil.copy2
        (few / DEFAULT_SUITE).mkdir(parents=True, exist_ok=True)
        copy(source, few / DEFAULT_SUITE / name)
    for module in (
        "core.fingerprint",
        "core.harness.suites.loading",
        "core.harness.report.still_counts",
    ):
        monkeypatch.setattr(f"{module}.SUITES", few)


@pytest.mark.usefixtures("_few_tasks")
def test_from_nothing_to_a_promoted_model(project: Path, *, torture: bool) -> None:
    """Each command ends as the tutorial says, and after ``enable`` the next call goes to reflex."""
    version, before, *rest = steps()
    told = run(version, project)
    assert (told.returncode, version) == (0, "code reflex --version")
    told = run(before, project)
    assert (told.returncode, before) == (1, "code reflex health")
    assert "code reflex engine" in told.stdout
    # Named as a server of its own kind: what a stand-in passes promotes nothing.
    at_once = Script(ttft_ms=0, tokens_per_s=0, owned_by="somebody")
    answerers = [suite_answerer(DEFAULT_SUITE, success_rate=1, seed=0)]
    with (
        standin(replace(at_once, model="local"), answerers) as local,
        standin(replace(at_once, model="distant"), answerers) as distant,
    ):
        said: dict[str, str] = {}
        for line in rest:
            told = run(f"{line} --port {local.port}" if line == INIT else line, project)
            if line == INIT:
                complete(project / "stage0.toml", distant.endpoint, few=not torture)
            assert told.returncode == EXPECTED.get(line, 0), f"{line}: {told.stdout}{told.stderr}"
            said[line] = told.stdout
            if line == "code reflex enable":
                status = json.loads(run("code reflex status --json", project).stdout)
                assert status["next_implement_call"]["mode"] == "reflex"
    assert said["code reflex bakeoff"].startswith("✓ pass")
    assert "next Implement call → reflex: " in said["code reflex status"]
    assert "GateDecision" in said["code reflex events --type GateDecision"]
    assert "enabled = false" in said["code reflex disable"]
