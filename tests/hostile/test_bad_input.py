"""Whatever is typed, every command answers in a line or two, with the right status."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reflex_tui.cli.kinds import path
from reflex_tui.cli.passthrough import NAME
from tests.support.hostile.commands import commands
from tests.support.hostile.guarded import Line, guarded
from tests.support.hostile.short import FULL

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from tests.support.hostile.commands import Command
    from tests.support.hostile.guarded import Ended

CODE = Path(sys.executable).with_name(NAME)
# Commands that would go on for ever where nothing is wrong with what was typed.
_SERVE = {"engine", "serve", "demo", "tui"}
_NOT_A_NUMBER = ("x", "", "nan", "1/0", "--", "\x1b[31mred", "9" * 5000, "-1", "1e999", "0x10")
_NO_FILE = (
    "junk",
    "pipe",
    "empty",
    "directory",
    "loop",
    "deep.json",
    "/dev/zero",
    "/proc/self/mem",
    "/etc/passwd/x",
    "missing\x1b[2J\n",
    "x" * 300,
    "\udcff",
)
_WORDS = (
    "",
    "x",
    "-",
    "\x1b]52;c;eA==\x07",
    "a\nb\r",
    "\u202e[bold]",
    "\udcff",
    "y" * 100_000,
    "/",
)


@pytest.fixture
def litter(project: Path) -> Path:
    """A project with files of every kind that is no good."""
    (project / "junk").write_bytes(bytes(range(256)) * 40)
    os.mkfifo(project / "pipe")
    (project / "empty").touch()
    (project / "directory").mkdir()
    (project / "loop").symlink_to("loop")
    (project / "deep.json").write_text("[" * 200_000)
    return project


def wrong(ended: Ended, *statuses: int, usage: bool = False) -> str:
    """What is wrong with how it ended; empty when nothing is."""
    lines = ended.err.splitlines()
    faults = {
        f"its status is {ended.status}": ended.status not in statuses,
        "there is a traceback": "Traceback" in ended.told,
        "it says nothing": ended.status == 2 and not ended.err.startswith("error: "),
        "it says too much": len(lines) > 2 + (not usage) or len(ended.err) > 2400,
        "it holds control characters": not all(map(str.isprintable, ended.told.splitlines())),
        "it wrote to standard output": usage and bool(ended.out),
        "it reached out": bool(ended.outward),
    }
    return ", ".join(fault for fault, so in faults.items() if so)


def report(ended: list[Ended], *statuses: int, usage: bool = False) -> None:
    """Fail with each that ended wrongly."""
    assert ended
    failed = [
        (fault, [word[:60] for word in one.argv], one.err[-300:])
        for one in ended
        if (fault := wrong(one, *statuses, usage=usage))
    ]
    assert not failed
    print(f"{len(ended)} command lines")  # noqa: T201


def test_what_no_command_takes(litter: Path) -> None:
    """Unknown commands, unknown options, missing values, words that are left over."""
    lines = [["--no-such"], ["no-such"], ["\x1b[2J\u202e"], [""], ["--", "--"], ["x" * 100_000]]
    for command in commands():
        lines.append(command.argv("--no-such-option"))
        lines.append(command.argv("--no-such-option=\x1b[2J\n"))
        lines += [command.argv(_name(o)) for o in command.options if o.nargs is None]
        if not any(position.nargs in {"*", "+", "?"} for position in command.positionals):
            lines.append(command.argv("left", "\x1b[2J", "\u202eover"))
        if command.needs:
            lines.append([command.name])
    report(guarded([Line(argv, litter) for argv in lines]), 2, usage=True)


@pytest.mark.slow
def test_values_of_another_kind(litter: Path) -> None:
    """Numbers that are none, and choices that there are not."""
    lines = []
    for command in commands():
        for option in command.options:
            if option.choices or _kind(option) == "number":
                values = [v for v in _NOT_A_NUMBER if option.choices or not _is_fine(option, v)]
                lines += [command.argv(f"{_name(option)}={value}") for value in values]
    report(guarded([Line(argv, litter) for argv in lines]), 2, usage=True)


@pytest.mark.slow
def test_paths_that_lead_to_nothing_usable(litter: Path) -> None:
    """Pipes, directories, devices, junk and names that no file can have."""
    taking = [(c, o) for c in commands() for o in c.options if _kind(o) == "path"]
    assert {_name(option) for _, option in taking} >= {"--config", "--gguf", "--out", "--report"}
    lines = [
        command.argv(f"{_name(option)}={place}")
        for command, option in taking
        if command.name != "demo"
        and (command.name, _name(option)) != ("init", "--config")  # which it is to write
        for place in _few(_NO_FILE, command)
        if (_name(option), place) != ("--config", "empty")  # which is a configuration
    ]
    report(guarded([Line(argv, litter) for argv in lines]), 2)


def test_words_that_mean_nothing(litter: Path) -> None:
    """Free text: a command finds nothing by it or says what would be."""
    lines = []
    for command in commands():
        if command.name in _SERVE:
            continue
        for option in command.options:
            if _kind(option) == "text":
                lines += [command.argv(f"{_name(option)}={word}") for word in _few(_WORDS, command)]
        if command.needs:
            lines += [_with_words(command, word) for word in _few(_WORDS, command)]
    report(guarded([Line(argv, litter) for argv in lines]), 0, 1, 2)


@pytest.mark.slow
@pytest.mark.parametrize("unbuffered", [{}, {"PYTHONUNBUFFERED": "1"}])
def test_streams_that_take_nothing(project: Path, unbuffered: dict[str, str]) -> None:
    """A closed or full standard output ends a command, not in a traceback."""
    environment = {key: os.environ[key] for key in os.environ.keys() - {"PYTHONUNBUFFERED"}}
    for shell, statuses in (
        (f"{CODE} reflex >/dev/full", {2}),
        (f"{CODE} reflex --help >/dev/full", {2}),
        (f"{CODE} reflex --version >/dev/full", {2}),
        (f"{CODE} reflex savings --help >/dev/full", {2}),
        (f"{CODE} reflex savings >/dev/full", {2}),
        (f"{CODE} reflex savings >&-", {0}),
        (f"{CODE} reflex savings 2>&- >&-", {0}),
        (f"{CODE} reflex savings --json >/dev/full", {2}),
        (f"{CODE} reflex savings | true", {0}),
        (f"{CODE} reflex no-such 2>/dev/full", {1, 2, 120}),
    ):
        done = subprocess.run(
            ["bash", "-c", shell],
            env=environment | unbuffered,
            cwd=project,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in statuses, (shell, done)
        assert "Traceback" not in done.stderr, shell
        assert "Exception ignored" not in done.stderr, shell
        assert "Errno" not in done.stderr, shell


def test_another_code_that_cannot_be_run(tmp_path: Path) -> None:
    """What is not for Reflex and cannot be run is said so, whatever stands there."""
    other = tmp_path / "other" / NAME
    other.parent.mkdir()
    other.write_bytes(b"\x7fELF junk")
    other.chmod(0o755)
    done = subprocess.run(
        [CODE, "\x1b[2J"],
        env=os.environ | {"PATH": f"{CODE.parent}:{other.parent}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (126, "")
    assert done.stderr == f"code: {other} cannot be run: Exec format error\n"


def _few(words: Sequence[str], command: Command) -> Sequence[str]:
    """A third of them, other ones for other commands; in the full form all."""
    return words if FULL else words[len(command.name) % 3 :: 3]


def _name(option: argparse.Action) -> str:
    return option.option_strings[-1]


def _kind(option: argparse.Action) -> str:
    if option.nargs == 0 or option.choices:
        return "switch"
    if option.type is None:
        return "text"
    return "path" if option.type is path else "number"


def _is_fine(option: argparse.Action, value: str) -> bool:
    """Whether the option takes the value after all, as some take a negative number."""
    assert callable(option.type)
    try:
        option.type(value)
    except Exception:  # noqa: BLE001  argparse takes any of them for an answer
        return False
    return True


def _with_words(command: Command, word: str) -> list[str]:
    return [command.name, *command.needs[:-1], word]
