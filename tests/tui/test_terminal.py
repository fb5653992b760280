"""The dashboard leaves its terminal as it was, and does not begin where there is none."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from reflex_tui import terminal
from tests.support.patience import PATIENCE_S, until
from tests.support.terminal import until_end

if TYPE_CHECKING:
    from pathlib import Path

MODES = ("1049", "1000", "1003", "1006", "2004")
ENTERED, DRAWN = b"\x1b[?1049h", b"SERVER"
OPEN = "import sys; from reflex_tui.cli.main import reflex_tui; sys.exit(reflex_tui())"


@pytest.mark.slow
def test_it_ends_when_its_terminal_is_gone(tmp_path: Path) -> None:
    """Here the pseudo-terminal is not the controlling one, so that no SIGHUP comes."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
    command = [sys.executable, "-c", OPEN]
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=tmp_path, env=environment
    ) as dashboard:
        os.close(theirs)
        try:
            seen = b""
            while b"SERVER" not in seen:
                seen += os.read(ours, 65_536)
        finally:
            os.close(ours)
        try:
            assert dashboard.wait(PATIENCE_S) == 129
        finally:
            dashboard.kill()


@pytest.mark.parametrize("sent_at", [ENTERED, DRAWN], ids=["entered", "drawn"])
@pytest.mark.parametrize(
    "number",
    [
        signal.SIGTERM,
        *(pytest.param(one, marks=pytest.mark.slow) for one in (signal.SIGHUP, signal.SIGINT)),
    ],
)
def test_a_signal_restores_the_terminal(
    number: signal.Signals, sent_at: bytes, tmp_path: Path
) -> None:
    """Alternate screen left, mouse and pasting as before, cursor shown, exit status 128 + n."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
    command = [sys.executable, "-c", OPEN]
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=tmp_path, env=environment
    ) as dashboard:
        os.close(theirs)
        try:
            seen = b""
            while sent_at not in seen:
                seen += os.read(ours, 65_536)
            dashboard.send_signal(number)
            seen += until_end(ours)
            assert dashboard.wait(PATIENCE_S) == 128 + number
        finally:
            dashboard.kill()
            os.close(ours)
    for mode in MODES:
        on, off = f"\x1b[?{mode}h".encode(), f"\x1b[?{mode}l".encode()
        assert seen.rfind(on) < seen.rfind(off), mode
    assert seen.rfind(b"\x1b[?25l") < seen.rfind(b"\x1b[?25h")
    assert b"Traceback" not in seen


@pytest.mark.parametrize(
    ("term", "why"),
    [
        ("dumb", "TERM=dumb cannot position text"),
        ("unknown", "TERM=unknown cannot position text"),
        (None, "TERM is not set"),
    ],
)
def test_a_terminal_that_cannot_show_it_gets_a_line(
    term: str | None, why: str, tmp_path: Path
) -> None:
    """As a pipe does: what is wrong, what else there is, exit status 2, no escape sequence."""
    ours, theirs = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name != "TERM"}
    if term is not None:
        environment["TERM"] = term
    with subprocess.Popen(
        [sys.executable, "-c", OPEN],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=tmp_path,
        env=environment,
    ) as dashboard:
        os.close(theirs)
        try:
            said = until_end(ours)
            assert dashboard.wait(PATIENCE_S) == 2
        finally:
            dashboard.kill()
            os.close(ours)
    assert f"error: the dashboard needs a terminal: {why}".encode() in said
    assert b"code reflex status --json" in said
    assert b"\x1b" not in said


def test_it_does_not_begin_where_it_would_draw_into_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Standard error, to which Textual writes, has to be the terminal too."""
    ours, theirs = pty.openpty()
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("TEXTUAL_DRIVER", raising=False)
    with os.fdopen(theirs, "r+b", buffering=0) as end, (tmp_path / "log").open("w") as log:
        for name in ("stdin", "stdout"):
            monkeypatch.setattr(sys, name, end)
        monkeypatch.setattr(sys, "__stderr__", log)
        assert "standard error" in str(terminal.unfit())
        monkeypatch.setattr(sys, "__stderr__", end)
        assert terminal.unfit() is None
        monkeypatch.undo()
    os.close(ours)


async def test_a_signal_that_was_ignored_stays_ignored() -> None:
    """As below ``nohup``."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    loop = asyncio.get_running_loop()
    left: list[int] = []
    try:
        terminal.on_ending_signal(loop, left.append)
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGTERM)
        await until(lambda: left)
        assert left == [143]
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.remove_signal_handler(number)
        signal.signal(signal.SIGHUP, before)


def test_an_input_that_is_open_is_not_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe is, once its writer has closed it; no standard input at all says nothing."""
    reading, writing = os.pipe()
    with os.fdopen(reading) as standard_input:
        monkeypatch.setattr(sys, "__stdin__", standard_input)
        assert not terminal.is_gone()
        os.close(writing)
        assert terminal.is_gone()
    monkeypatch.setattr(sys, "__stdin__", None)
    assert not terminal.is_gone()
