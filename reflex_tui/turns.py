"""Keeping the event loop's turns short: what Python itself does in between, made rare and small.

A line drawn leaves a dozen objects that only a collection finds, so that under load a full one ran
each second, over everything there is, for 20 to 80 ms of CPU.
"""

from __future__ import annotations

import gc
import sys

# So many new objects are looked at together: a page's worth of lines is gone by then, and what
# outlives two such looks is seldom enough for a full collection to be a minute apart.
_YOUNG, _MIDDLE, _OLD = 5_000, 4, 10
# How long a thread that computes may keep the loop waiting; Python's own choice is 5 ms.
_SWITCH_S = 0.001


def start_quickly() -> None:
    """Collect nothing until ``shorten_turns``: what is imported stays, and takes a tenth less."""
    gc.disable()


def shorten_turns() -> None:
    """Set the collector up for a process in which drawing comes first."""
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
    gc.enable()


def settle() -> None:
    """The threads have begun: what there is by now stays, and from now on the loop goes first."""
    gc.freeze()
    sys.setswitchinterval(_SWITCH_S)
