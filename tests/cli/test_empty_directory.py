"""What somebody meets who has installed the package, and nothing more: each says what to do."""

from __future__ import annotations

import socket
import tomllib
from typing import TYPE_CHECKING

import pytest

from tests.support.command import reflex

if TYPE_CHECKING:
    from pathlib import Path


def told_by(here: Path, *arguments: str) -> tuple[int, str]:
    """The exit status, and what was written on both streams."""
    done = reflex(here, *arguments)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("command", "status", "says"),
    [
        ("check", 2, "code reflex bakeoff"),
        ("enable", 1, "code reflex bakeoff"),
        ("events", 0, "code reflex implement"),
        ("bakeoff", 2, "export OPENAI_API_KEY="),
        ("tui", 2, "code reflex status --json"),
        ("replay 3f2a", 2, "code reflex events"),
        ("health --config stage0.toml", 2, "[reflex]"),
    ],
)
def test_it_says_what_can_be_done(tmp_path: Path, command: str, status: int, says: str) -> None:
    """A command, or a line, that can be pasted; and nothing is left behind."""
    ended, told = told_by(tmp_path, *command.split())
    assert ended == status, told
    assert says in told
    assert "Traceback" not in told
    assert "sample" not in told


@pytest.mark.parametrize("command", ["health", "models"])
def test_without_a_configuration_it_shows_one(tmp_path: Path, command: str) -> None:
    """Where no server is: what was found, how to start one, and the lines for another's."""
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", 3009)) == 0:
            pytest.skip("something listens at the default endpoint")
    ended, told = told_by(tmp_path, command)
    assert ended == 1
    assert told.startswith("✖ down  nothing listens at 127.0.0.1:3009")
    assert "code reflex engine --port 3009" in told
    _, place, lines = told.partition(f"write {tmp_path / 'stage0.toml'}:\n")
    assert place
    assert tomllib.loads(lines)["reflex"].keys() == {"endpoint", "model"}
    (tmp_path / "stage0.toml").write_text(lines)
    ended, told = told_by(tmp_path, command)
    assert ended == 1
    assert told.startswith("✖ down  nothing listens at 127.0.0.1:8000")
    assert "built-in defaults" not in told


def test_status_says_where_a_configuration_would_be(tmp_path: Path) -> None:
    """None is there, and it is said which file would be read."""
    _, told = told_by(tmp_path, "status")
    assert f"built-in defaults; yours would be {tmp_path / 'stage0.toml'}" in told
