"""Keeping the event loop's turns short: what Python itself does in between, made rare and small.

A line drawn leaves a dozen objects that only a collection finds, so that under load a full one ran
each second, over everything there is, for 20 to 80 ms of CPU.
"""

from __future__ import annotations

import gc
import sys

# So many new objects are looked at together: a page's worth of lines is gone by then, and what
# outlives two such looks is seldom.
_YOUNG, _MIDDLE, _OLD = 5_000, 4, 10
_NEVER = 1_000_000
COLLECT_EVERY_S = 1.0
# How long a thread that computes may keep the loop waiting; Python's own choice is 5 ms.
_SWITCH_S = 0.001


def start_quickly() -> None:
    """Collect nothing until ``shorten_turns``: what is imported stays, and takes a tenth less."""
    gc.disable()


def go_first() -> None:
    """Threads begin: none of them keeps the loop waiting for long."""
    sys.setswitchinterval(_SWITCH_S)


def shorten_turns() -> None:
    """Set the collector up for a process in which drawing comes first."""
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _NEVER)
    gc.enable()


def collect_when_due() -> None:
    """A full collection where it would have been due, in a turn that does nothing else."""
    if gc.get_count()[2] >= _OLD:
        gc.collect()


def settle() -> None:
    """The threads have loaded what they use: it stays."""
    gc.freeze()
