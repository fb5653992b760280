"""A pseudo-terminal's own end, for tests of what a command leaves in its terminal."""

from __future__ import annotations

import os
import select

from tests.support.patience import PATIENCE_S


def until_end(terminal: int) -> bytes:
    """All that is still written to a pseudo-terminal, until nobody has its other end open."""
    written = b""
    while select.select([terminal], [], [], PATIENCE_S)[0]:
        try:
            piece = os.read(terminal, 65_536)
        except OSError:  # Linux says so where the other end is closed
            break
        if not piece:
            break
        written += piece
    return written
