"""The dashboard's terminal and process: is it fit, when to leave, the clipboard, garbage."""

from __future__ import annotations

import gc
import os
import select
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

_WITHOUT_CURSOR = frozenset({"", "dumb", "unknown"})
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# Terminals take about 100 kB of base64; tmux less than that.
OSC52_MOST_BYTES = 70_000


def unfit() -> str | None:
    """Why the dashboard cannot be shown here, in a few words; None where it can."""
    if os.environ.get("TEXTUAL_DRIVER", "").endswith(":WebDriver"):
        return None  # below a web server the terminal is at the other end of a pipe
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return "standard input or output is not one"
    if sys.__stderr__ is None or not sys.__stderr__.isatty():
        return "standard error is not one, and Textual draws there"
    term = os.environ.get("TERM", "")
    if term in _WITHOUT_CURSOR:
        return f"TERM={term} cannot position text" if term else "TERM is not set"
    return None


def on_ending_signal(loop: asyncio.AbstractEventLoop, leave: Callable[[int], None]) -> None:
    """Call ``leave`` with the exit status, 128 + n, when the process is told to end.

    A signal that was ignored from the start, as below ``nohup``, stays ignored.
    """
    for number in _ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, leave, 128 + number)


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


def collect_garbage_in_small_steps() -> None:
    """Have Python look for garbage often among what is new, and never again among what is loaded.

    No key is heard meanwhile. Python's own thresholds have it look at all widgets and rows every
    few seconds, which takes 0.1 s on a busy machine; a look at 50,000 new things takes nearly as
    long there, one at 2,000 or 10,000, which these ask for, 5 to 12 ms.
    """
    gc.freeze()
    gc.set_threshold(2_000, 5, 500)
