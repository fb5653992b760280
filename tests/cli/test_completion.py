"""``code reflex completion``: real shells source the script and complete command lines with it."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import pytest

from reflex_tui.cli.completion import Outline, outline
from reflex_tui.cli.parser import build_parser

CODE = Path(sys.executable).parent / "code"
PATIENCE_S = 60
ROOT = outline(build_parser("code reflex"))
COMMANDS = {action.name for action in ROOT.actions}


@cache
def script(shell: str) -> str:
    """What the command prints."""
    done = subprocess.run(
        [CODE, "reflex", "completion", shell], capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A directory with things to complete."""
    (tmp_path / "other.toml").touch()
    (tmp_path / "odd name.json").touch()
    (tmp_path / "out").mkdir()
    return tmp_path


def bash(line: str, cwd: Path, before: str = "") -> list[str]:
    """What bash offers for the last word of ``line``, split as readline splits it."""
    words = [word for word in re.split(r"\s+|(=)", line) if word is not None]
    words = [word for index, word in enumerate(words) if word or index == len(words) - 1]
    asked = f"""
    {before}
    source "$1"; shift
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
    function=$(complete -p "$1" | sed -n 's/.* -F \\([^ ]*\\) .*/\\1/p')
    "$function" "$1" || exit
    printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    path = cwd / ".completion.bash"
    path.write_text(script("bash"))
    done = subprocess.run(
        ["bash", "--norc", "--noprofile", "-c", asked, "bash", path, *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=True,
    )
    assert not done.stderr
    return [offer for offer in done.stdout.splitlines() if offer]


def test_bash_offers_the_commands(files: Path) -> None:
    """All of them and the options; after a beginning those that begin so."""
    options = {"-h", "--help", "--version", "--config", "--json"}
    assert set(bash("code reflex ", files)) == COMMANDS | options
    assert set(bash("speckit-reflex ", files)) == COMMANDS | options
    assert bash("code reflex hea", files) == ["health"]


@pytest.mark.parametrize("command", ROOT.walk(), ids=lambda one: one.name or "none")
def test_bash_offers_each_commands_options(files: Path, command: Outline) -> None:
    """Every option of every command and action, and of no other."""
    options = {flag for one in command.options for flag in one.flags}
    assert set(bash(f"code reflex {command.name} -".replace("  ", " "), files)) == options


@pytest.mark.parametrize(
    ("line", "offers"),
    [
        ("code reflex events --mode ", ["reflex", "cloud"]),
        ("code reflex events --mode=cl", ["cloud"]),
        ("code reflex events --mode=", ["reflex", "cloud"]),
        ("code reflex events -f ver", ["verify"]),
        ("code reflex bakeoff m", ["merge"]),
        ("code reflex completion ", ["bash", "zsh", "fish"]),
        ("code reflex events --since ", []),
        ("code reflex health --watch --d", ["--deep"]),
        ("code reflex status --config ot", ["other.toml"]),
        ("code reflex status --config=od", ["odd name.json"]),
        ("code reflex bakeoff --out o", ["out"]),
        ("code reflex nonsense ", None),
    ],
)
def test_bash_offers_values(files: Path, line: str, offers: list[str] | None) -> None:
    """Choices, files, directories; nothing where only the user knows."""
    offered = bash(line, files)
    if offers is None:  # a command that is none: those that are
        assert set(offered) >= COMMANDS
    else:
        assert [one for one in offered if not one.startswith("-")] == [
            one for one in offers if not one.startswith("-")
        ]
        assert set(offers) <= set(offered)


def test_bash_leaves_the_editor_alone(files: Path) -> None:
    """What completed ``code`` before goes on, and ``reflex`` joins it; else files are offered."""
    editor = "_editor() { COMPREPLY=(--goto); }; complete -o default -F _editor code"
    assert bash("code --g", files, before=editor) == ["--goto"]
    assert bash("code ref", files, before=editor) == ["--goto", "reflex"]
    assert bash("code ot", files) == ["other.toml"]
    assert bash("code r", files) == ["reflex"]


def test_bash_may_source_it_twice(files: Path) -> None:
    """The second time it does not take itself for the editor's."""
    twice = 'source "$1"'
    assert bash("code ot", files, before=twice) == ["other.toml"]


@pytest.mark.skipif(not shutil.which("fish"), reason="fish is not installed")
@pytest.mark.parametrize(
    ("line", "offers"),
    [
        ("code reflex hea", ["health"]),
        ("speckit-reflex hea", ["health"]),
        ("code reflex events --mode ", ["cloud", "reflex"]),
        ("code reflex events ver", ["verify"]),
        ("code reflex events verify --he", ["--head", "--help"]),
        ("code reflex health --d", ["--deep"]),
        ("code reflex status --config ot", ["other.toml"]),
        ("code ot", ["other.toml"]),
        ("code re", ["reflex"]),
    ],
)
def test_fish_completes(files: Path, line: str, offers: list[str]) -> None:
    """The same by fish's own means."""
    (files / ".reflex.fish").write_text(script("fish"))
    done = subprocess.run(
        ["fish", "--no-config", "-c", f"source .reflex.fish; complete -C '{line}'"],
        cwd=files,
        capture_output=True,
        text=True,
        check=True,
    )
    assert not done.stderr
    assert sorted(one.partition("\t")[0] for one in done.stdout.splitlines()) == offers


@pytest.mark.skipif(not shutil.which("zsh"), reason="zsh is not installed")
@pytest.mark.parametrize(
    ("line", "whole"),
    [
        ("code reflex heal", "code reflex health "),
        ("speckit-reflex heal", "speckit-reflex health "),
        ("code reflex events --mode cl", "code reflex events --mode cloud "),
        ("code reflex events ver", "code reflex events verify "),
        ("code reflex events verify --hea", "code reflex events verify --head "),
        ("code reflex health --de", "code reflex health --deep "),
        ("code reflex status --config ot", "code reflex status --config other.toml "),
        ("code ref", "code reflex "),
    ],
)
def test_zsh_completes(files: Path, line: str, whole: str) -> None:
    """A line is typed into zsh on a terminal, and Tab makes it whole."""
    (files / ".reflex.zsh").write_text(script("zsh"))
    (files / ".zshrc").write_text(
        "autoload -Uz compinit; compinit -u -D; source .reflex.zsh\n"
        "show() { print -r -- \"<$BUFFER>\"; exit }; zle -N show; bindkey '^X' show; PS1=ready\n"
    )
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(files)
        os.execvpe("zsh", ["zsh", "-i"], {**os.environ, "ZDOTDIR": str(files), "TERM": "dumb"})
    try:
        assert "ready" in _until(terminal, "ready")
        os.write(terminal, f"{line}\t\x18".encode())
        assert f"<{whole}>" in _until(terminal, f"<{whole}>")
    finally:
        os.close(terminal)
        os.waitpid(child, 0)


def _until(terminal: int, words: str) -> str:
    """What the terminal shows until ``words`` or the end of patience."""
    shown, deadline = "", time.monotonic() + PATIENCE_S
    while words not in shown and select.select([terminal], [], [], deadline - time.monotonic())[0]:
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # the shell has ended
            break
        shown += piece.decode(errors="replace")
    return shown
