"""Whether anybody can still see the dashboard.

Copying: to the terminal's clipboard by OSC 52, or to a file where that would be cut off.
"""

from __future__ import annotations

import os
import select
import sys
import tempfile
from pathlib import Path


def is_gone() -> bool:
    """Whether the other end of standard input was closed: the terminal, or the web server's pipe.

    Textual's reader spins on such an input, and no signal comes where ``SIGHUP`` is ignored or the
    terminal is not the controlling one.
    """
    if sys.__stdin__ is None or not hasattr(select, "poll"):
        return False
    poll = select.poll()
    poll.register(sys.__stdin__.fileno(), 0)  # a hang-up is told without being asked for
    return any(told & select.POLLHUP for _, told in poll.poll(0))


# Terminals take about 100 kB of base64; tmux less than that.
OSC52_MOST_BYTES = 70_000


def fits(text: str) -> bool:
    """Whether a terminal's clipboard takes ``text`` whole."""
    return len(text.encode()) <= OSC52_MOST_BYTES


def to_file(text: str, directory: Path | None = None) -> Path:
    """Write ``text`` to a file of its own, readable by the user alone; returns its path.

    Raises:
        OSError: it cannot be written.
    """
    descriptor, name = tempfile.mkstemp(prefix="reflex-copy-", suffix=".txt", dir=directory)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return Path(name)
