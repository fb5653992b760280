"""``code`` gives what is not for Reflex to the next ``code`` on PATH, untouched."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from reflex_tui.cli.passthrough import next_on_path

OURS = Path(sys.executable).parent / "code"


@pytest.fixture
def editor(tmp_path: Path) -> Path:
    """A directory with another ``code``, which tells what it was given and ends with 7."""
    script = tmp_path / "editor" / "code"
    script.parent.mkdir()
    script.write_text(
        f"#!{sys.executable}\nimport os, sys\n"
        "print(os.getpid(), os.isatty(0), sys.argv[1:], flush=True)\nsys.exit(7)\n"
    )
    script.chmod(0o755)
    return script.parent


def path_of(*directories: Path) -> dict[str, str]:
    """An environment with these directories as PATH."""
    return os.environ | {"PATH": os.pathsep.join(map(str, directories))}


def test_arguments_status_and_process_are_the_editors(editor: Path) -> None:
    """It is an exec: the same process, the arguments to the letter, its own exit status."""
    arguments = ["--wait", "a b", "", "*", "--json", "reflex"]
    process = subprocess.Popen(
        [OURS, *arguments], env=path_of(OURS.parent, editor), stdout=subprocess.PIPE, text=True
    )
    output, _ = process.communicate()
    assert output == f"{process.pid} False {arguments}\n"
    assert process.returncode == 7


def test_the_terminal_is_handed_on(editor: Path) -> None:
    """An editor that talks to the terminal still can."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [OURS, "x"], env=path_of(OURS.parent, editor), stdin=follower, stdout=subprocess.PIPE
    )
    output, _ = process.communicate()
    os.close(leader)
    os.close(follower)
    assert b" True " in output


@pytest.mark.parametrize("arguments", [[], ["--help"], ["file.py"]])
def test_without_another_code_it_says_so(tmp_path: Path, arguments: list[str]) -> None:
    """Plain words and the shell's own status for a command that is not there."""
    done = subprocess.run(
        [OURS, *arguments],
        env=path_of(OURS.parent, tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 127
    assert "no other `code` on PATH" in done.stderr
    assert "Traceback" not in done.stderr


def test_two_installations_do_not_call_each_other_in_a_circle(tmp_path: Path) -> None:
    """Only what comes later on PATH is next, through links too."""
    first, second = tmp_path / "a", tmp_path / "b"
    for directory in (first, second):
        directory.mkdir()
        (directory / "code").write_text("#!/bin/sh\n")
        (directory / "code").chmod(0o755)
    search = f"{first}{os.pathsep}{second}"
    assert next_on_path(first / "code", search) == second / "code"
    assert next_on_path(second / "code", search) is None
    (tmp_path / "link").mkdir()
    (tmp_path / "link" / "code").symlink_to(first / "code")
    assert next_on_path(first / "code", f"{tmp_path / 'link'}{os.pathsep}{second}") == (
        second / "code"
    )
    (second / "code").chmod(0o644)
    assert next_on_path(first / "code", search) is None
