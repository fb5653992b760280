"""A dashboard whose terminal was closed without a signal ends, and does not spin."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING

from reflex_tui import terminal

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

OPEN = "import sys; from reflex_tui.cli.main import reflex_tui; sys.exit(reflex_tui())"


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
            assert dashboard.wait(20) == 129
        finally:
            dashboard.kill()


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
