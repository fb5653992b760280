"""A project may have packages with our names; the command and what it starts keep to their own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from core.start import python_module

CODE = Path(sys.executable).with_name("code")
ROOT = Path(__file__).parents[2]
STARTED = {
    "core.engine.local": "llama.cpp",
    "core.standin.scripted_server": "stands in",
    "reflex_tui": "exit status",
}


@pytest.fixture
def named_alike(project: Path) -> Path:
    """A project with a package ``core`` that says so when it is imported."""
    (project / "core").mkdir()
    (project / "core" / "__init__.py").write_text("raise SystemExit('the project’s own core')\n")
    return project


def run(here: Path, *command: str | Path, path: str = ".") -> subprocess.CompletedProcess[str]:
    """Run it there, with that ``PYTHONPATH``."""
    return subprocess.run(
        command,
        cwd=here,
        env=os.environ | {"PYTHONPATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("path", [".", "", ":"])
def test_the_command_binds_its_own(named_alike: Path, path: str) -> None:
    """Whichever way the project's directory gets onto the import path."""
    done = run(named_alike, CODE, "reflex", "events", path=path)
    assert done.returncode == 0, done.stderr
    assert "the project" not in done.stderr


@pytest.mark.parametrize("program", ["speckit-reflex", "reflex-tui"])
def test_so_do_the_other_entry_points(named_alike: Path, program: str) -> None:
    """They are scripts of the same kind."""
    done = run(named_alike, CODE.with_name(program), "--help")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_package_reflex_tui_does_not_come_first_either(named_alike: Path) -> None:
    """The scripts begin in a module whose name no project has by chance."""
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert {entry.partition(":")[0] for entry in scripts.values()} == {"speckit_reflex"}
    (named_alike / "reflex_tui").mkdir()
    (named_alike / "reflex_tui" / "__init__.py").write_text("raise SystemExit('the project’s')\n")
    for entry in scripts.values():
        function = entry.partition(":")[2]
        words = ["reflex", "--help"] if function == "code" else ["--help"]
        start = f"import sys; from speckit_reflex import {function}; sys.exit({function}())"
        done = run(named_alike, sys.executable, "-c", start, *words)
        assert (done.returncode, done.stderr) == (0, "")
        assert "usage" in done.stdout.lower()


@pytest.mark.parametrize("module", STARTED)
def test_so_does_every_process_that_is_started(named_alike: Path, module: str) -> None:
    """A package ``reflex_tui`` of the project's does not come first either."""
    (named_alike / "reflex_tui").mkdir()
    (named_alike / "reflex_tui" / "__init__.py").write_text("raise SystemExit('the project’s')\n")
    done = run(named_alike, *python_module(module), "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert STARTED[module] in done.stdout


@pytest.mark.slow
@pytest.mark.engine
def test_the_engine_runs_there(named_alike: Path) -> None:
    """With both of its children: the embedded engine, and the stand-in, where that is too slow."""
    done = run(named_alike, CODE, "reflex", "demo", "--headless", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["mode"] in {"reflex", "cloud"}


def test_processes_are_started_through_one_function() -> None:
    """Another ``-m`` would look for our packages on the user's import path; pytest is none."""
    elsewhere = [
        str(path.relative_to(ROOT))
        for folder in ("core", "reflex_tui")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if "suites" not in path.parts
        and re.search(r'"-m"(?!, "pytest")', path.read_text(encoding="utf-8"))
    ]
    assert elsewhere == []
