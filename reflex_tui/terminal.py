"""Whether anybody can still see the dashboard."""

from __future__ import annotations

import select
import sys


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
