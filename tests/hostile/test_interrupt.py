"""Ctrl-C and SIGTERM end a command: no traceback, and no process left behind."""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from core.capsule import EventLog
from tests.support.capsule.making import decision
from tests.support.hostile.commands import commands
from tests.support.hostile.short import FULL

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CODE = Path(sys.executable).with_name("code")
_PATIENCE_S = 60
# The command line, and what it writes when it is well under way.
UNDER_WAY = {
    "health --watch 0.05": "down",
    "events -f --json": "RoutingDecision",
    "engine --port 0": "serving",
    "demo --headless": "llama.cpp",
    "serve --port 0": "http://",
}


# One that follows, one with processes of its own, and one that drains.
_ONE_OF_A_KIND = ("events -f --json", "engine --port 0", "serve --port 0")

# A container's first process: the kernel drops every signal that it has no handler for.
FIRST = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child")
needs_namespaces = pytest.mark.skipif(
    shutil.which("unshare") is None
    or subprocess.run([*FIRST, "true"], capture_output=True, check=False).returncode != 0,
    reason="no user and process namespaces here",
)


@pytest.mark.engine
@pytest.mark.parametrize(
    "line",
    [
        one if one in _ONE_OF_A_KIND else pytest.param(one, marks=pytest.mark.slow)
        for one in UNDER_WAY
    ],
)
def test_ctrl_c_while_a_command_is_under_way(project: Path, line: str) -> None:
    """Whatever it does, and whatever processes it has started for that."""
    assert _ended_by(signal.SIGINT, project, line) == 130


@pytest.mark.slow
@pytest.mark.engine
@needs_namespaces
@pytest.mark.parametrize(
    "line",
    [
        pytest.param(one, marks=pytest.mark.slow) if one.startswith("engine") else one
        for one in (UNDER_WAY if FULL else _ONE_OF_A_KIND)
    ],
)
def test_sigterm_to_a_command_that_is_a_containers_first_process(project: Path, line: str) -> None:
    """``docker stop`` has not to wait, and then to kill it; ``serve`` ends well, having drained."""
    status = _ended_by(signal.SIGTERM, project, line, FIRST)
    assert status == (0 if line.startswith("serve") else 143)


def _ended_by(number: signal.Signals, project: Path, line: str, within: Sequence[str] = ()) -> int:
    """The exit status of a command that was sent this once it was well under way."""
    with EventLog(project / ".speckit" / "capsule") as log:
        log.append(decision())
    process = subprocess.Popen(
        [*within, CODE, "reflex", *line.split()],
        cwd=project,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        before = _until(process, UNDER_WAY[line])
        command = next(_below(process.pid)) if within else process.pid
        children = descendants(command)
        os.kill(command, number)
        rest, told = process.communicate(timeout=_PATIENCE_S)
    finally:
        process.kill()
        process.wait()
    assert b"Traceback" not in before + rest + told, told.decode()
    assert children or not line.startswith("engine")
    deadline = time.monotonic() + _PATIENCE_S
    while left := [pid for pid in children if _is_running(pid)]:
        assert time.monotonic() < deadline, left
        time.sleep(0.05)
    return process.returncode


AT_IMPORT = """
import builtins, signal, sys
plainly, late = builtins.__import__, sys.argv.pop(1)

def interrupted(name, *rest, **named):
    if name == late:
        builtins.__import__ = plainly
        signal.raise_signal(signal.SIGINT)
    return plainly(name, *rest, **named)

builtins.__import__ = interrupted
from reflex_tui.cli.main import code
code()
"""


_LATE = [
    ("reflex_tui.cli.parser", "health"),  # before there is a command
    ("pydantic", "events"),  # in another's code
    ("core.router.view", "enable"),  # when the command has begun
    ("core.settings", "health"),
    ("core.router.health", "models"),
    ("h11", "status"),
    ("core.harness.report.storage", "check"),
]


@pytest.mark.parametrize(("late", "line"), _LATE if FULL else _LATE[:3])
def test_a_command_that_is_still_starting(project: Path, late: str, line: str) -> None:
    """Even while it is being imported."""
    done = subprocess.run(
        [sys.executable, "-c", AT_IMPORT, late, "reflex", line],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_every_command_that_goes_on_is_interrupted_here() -> None:
    """A new command that serves or follows is to be added above."""
    known = {line.split()[0] for line in UNDER_WAY}
    ends_by_itself = {
        *("models", "status", "trust", "enable", "disable", "check", "replay", "completion"),
        *("init", "report", "outcome", "savings"),
        *("launch", "mcp"),  # with the agent, and with the client's end of the stream
        "suite",  # making one is stopped in its own tests
        *("bakeoff", "implement"),  # as long as a run takes: interrupted in their own tests
        "tui",  # Ctrl-C is a key there
    }
    assert {command.name for command in commands()} <= known | ends_by_itself


def _until(process: subprocess.Popen[bytes], words: str) -> bytes:
    """What it has written once ``words`` are among it."""
    assert process.stdout is not None
    seen = b""
    deadline = time.monotonic() + _PATIENCE_S
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while words.encode() not in seen:
            assert time.monotonic() < deadline, seen
            if selector.select(0.05):
                chunk = os.read(process.stdout.fileno(), 4096)
                assert chunk, (seen, process.stderr and process.stderr.read())
                seen += chunk
    return seen


def descendants(pid: int) -> list[int]:
    """All processes that it has started, and theirs."""
    return list(_below(pid))


def _below(pid: int) -> Iterator[int]:
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, file.read_text().split()):
            yield child
            yield from _below(child)


def _is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
