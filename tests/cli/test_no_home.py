"""A user id without a home and without a passwd entry, as in containers: a line, no traceback."""

from __future__ import annotations

import os
import pwd
from typing import TYPE_CHECKING

import pytest

from tests.support.command import reflex

if TYPE_CHECKING:
    from pathlib import Path
    from subprocess import CompletedProcess

HOMES = ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME")


@pytest.fixture(autouse=True)
def _unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with ``setpriv --reuid``, which needs root and an interpreter that everybody may read."""

    def unknown(uid: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr(pwd, "getpwuid", unknown)


def nobody(here: Path, *line: str) -> CompletedProcess[str]:
    """Run it as a user whom the machine does not know."""
    (here / "stage0.toml").write_text(
        '[reflex]\nendpoint = "http://127.0.0.1:9/v1"\nmodel = "m"\n'
        '[cloud]\nendpoint = "http://127.0.0.1:9/v1"\n'
    )
    environ = {name: value for name, value in os.environ.items() if name not in HOMES}
    return reflex(here, *line, environ=environ)


@pytest.mark.parametrize("line", ["trust http://llm.example:1", "bakeoff", "engine --port 0"])
def test_what_keeps_files_with_the_user_names_the_variable(project: Path, line: str) -> None:
    """In a line, with what to set, and status 2."""
    done = nobody(project, *line.split())
    assert done.returncode == 2, done.stderr
    error, remedy = done.stderr.splitlines()[-2:]
    assert error.startswith("error: ")
    assert "HOME" in error + remedy
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "line", ["health", "models", "events", "check", "disable", "completion bash", "events verify"]
)
def test_looking_needs_no_home(project: Path, line: str) -> None:
    """Nor does switching off."""
    done = nobody(project, *line.split())
    assert "HOME" not in done.stderr
    assert "Traceback" not in done.stderr
