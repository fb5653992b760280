"""A user id without a home and without a passwd entry, as in containers: a line, no traceback."""

from __future__ import annotations

import os
import pty
import pwd
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.command import reflex
from tests.support.patience import PATIENCE_S
from tests.support.terminal import until_end

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Nobody = Callable[[str], subprocess.CompletedProcess[str]]

HOMES = ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME")
# ``setpriv --reuid`` needs root, and an interpreter that everybody may read.
NOBODY = """
import pwd, sys
def unknown(uid):
    raise KeyError(f"getpwuid(): uid not found: {uid}")
pwd.getpwuid = unknown
from reflex_tui.cli.main import run
sys.exit(run(sys.argv[1:], "code reflex"))
"""


def homeless() -> dict[str, str]:
    """The environment without a word on where this user's files lie."""
    return {name: value for name, value in os.environ.items() if name not in HOMES}


@pytest.fixture
def nobody(project: Path, monkeypatch: pytest.MonkeyPatch) -> Nobody:
    """Runs a line as a user whom the machine does not know."""

    def unknown(uid: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    (project / "stage0.toml").write_text(
        '[reflex]\nendpoint = "http://127.0.0.1:9/v1"\nmodel = "m"\n'
        '[cloud]\nendpoint = "http://127.0.0.1:9/v1"\n'
    )
    return lambda line: reflex(project, *line.split(), environ=homeless())


@pytest.mark.parametrize("line", ["trust http://llm.example:1", "bakeoff", "engine --port 0"])
def test_what_keeps_files_with_the_user_names_the_variable(nobody: Nobody, line: str) -> None:
    """In a line, with what to set, and status 2."""
    done = nobody(line)
    assert done.returncode == 2, done.stderr
    error, remedy = done.stderr.splitlines()[-2:]
    assert error.startswith("error: ")
    assert "HOME" in error + remedy
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "line",
    [
        "health",
        "models",
        "status",
        "events",
        "check",
        "report list",
        "disable",
        "completion bash",
        "events verify",
    ],
)
def test_looking_needs_no_home(nobody: Nobody, line: str) -> None:
    """Nor does switching off."""
    done = nobody(line)
    assert "HOME" not in done.stderr
    assert "Traceback" not in done.stderr


def test_the_dashboard_says_it_in_a_line(project: Path) -> None:
    """It keeps the log's index with the user; the terminal is as it was before."""
    ours, theirs = pty.openpty()
    environment = homeless() | {"TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
    with subprocess.Popen(
        [sys.executable, "-c", NOBODY, "tui"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=project,
        env=environment,
    ) as dashboard:
        os.close(theirs)
        said = until_end(ours)
        assert dashboard.wait(PATIENCE_S) == 2
    error, remedy = said.decode().replace("\x1b[?1049l", "\n").splitlines()[-2:]
    assert "error: this user has no home directory" in error
    assert "HOME" in remedy
    assert said.count(b"\x1b[?1049h") == said.count(b"\x1b[?1049l")
    assert b"Traceback" not in said


@pytest.mark.parametrize("line", ["status", "events", "savings", "disable"])
def test_looking_needs_no_home_that_can_be_used(project: Path, line: str) -> None:
    """Daemons have a home that is no directory, and cannot be made."""
    (project / "stage0.toml").write_text('[reflex]\nendpoint = "http://127.0.0.1:9/v1"\n')
    done = reflex(project, *line.split(), environ=homeless() | {"HOME": "/dev/null"})
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


def test_what_needs_such_a_home_says_why(project: Path) -> None:
    """In a line, with what to do."""
    (project / "stage0.toml").write_text('[reflex]\nendpoint = "http://127.0.0.1:9/v1"\n')
    done = reflex(project, "bakeoff", environ=homeless() | {"HOME": "/dev/null"})
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[-1] == ("Make /dev/null/.local/share/speckit-reflex writable.")
