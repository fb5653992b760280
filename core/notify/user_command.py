"""Runs the user's notify command: no shell, no secrets, a deadline, and its output dropped."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

# What programs that show a message need; an API key is in none of them.
_KEPT = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ", "TERM", "TMPDIR", "TMUX"),
        *("DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS"),
        *("XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_DATA_DIRS"),
        *("XDG_CURRENT_DESKTOP", "XDG_SESSION_TYPE"),
    }
)
_running: set[subprocess.Popen[str]] = set()


def run_command(
    command: Sequence[str],
    told: str,
    variables: Mapping[str, str],
    *,
    directory: Path,
    timeout_s: float,
) -> str:
    """Run it with ``told`` as its standard input; returns what went wrong, empty when nothing.

    It starts in ``directory`` and ends, with all it started, at the deadline.
    """
    environ = {name: value for name, value in os.environ.items() if _is_kept(name)}
    program = os.path.expanduser(command[0])  # noqa: PTH111  never raises
    try:
        process = subprocess.Popen(
            [program, *command[1:]],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environ | dict(variables),
            cwd=directory,
            start_new_session=True,
            text=True,
        )
    except (OSError, ValueError) as error:
        return f"it cannot be started: {getattr(error, 'strerror', None) or 'not a command'}"
    _running.add(process)
    try:
        process.communicate(told, timeout=timeout_s)
    except subprocess.TimeoutExpired:
        _kill(process)
        return f"it had not ended after {timeout_s:g} s, and was stopped"
    finally:
        _running.discard(process)
    return f"it ended with status {process.returncode}" if process.returncode else ""


def stop_all() -> None:
    """End what is still running; for the end of this process."""
    for process in list(_running):
        _kill(process)


def _kill(process: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _is_kept(name: str) -> bool:
    return name in _KEPT or name.startswith("LC_")
