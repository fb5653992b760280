"""CPU time of a command and all the processes it starts, as it grows: Linux's ``/proc`` alone."""

from __future__ import annotations

import os
import threading
import time
from bisect import bisect_left
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Sequence

PERIOD_S = 0.2
_PROC = Path("/proc")
# Places in /proc/PID/stat after the command's name: proc(5) less its first two fields.
_PARENT, _SESSION, _USER, _SYSTEM = 1, 3, 11, 12


class SessionCpu:
    """Looks five times a second while open, 2 % of a core; the command must lead a session."""

    def __init__(self, leader: int) -> None:
        self._leader = leader
        self._cpu_s: dict[int, float] = {}
        self._curve: list[tuple[float, float]] = []
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        """Start to look."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Look no more."""
        self._done.set()
        self._thread.join()

    def between(self, began: float, ended: float) -> float | None:
        """Seconds of CPU from one Unix time to another; None where nothing was seen."""
        if len(self._curve) < 2:
            return None
        return at(self._curve, ended) - at(self._curve, began)

    def _watch(self) -> None:
        while not self._done.is_set():
            self._look()
            self._done.wait(PERIOD_S)

    def _look(self) -> None:
        ticks = os.sysconf("SC_CLK_TCK")
        for entry in _PROC.glob("[0-9]*"):
            # A process may end while it is read.
            with suppress(OSError):
                fields = (entry / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
                ours = int(fields[_SESSION]) == self._leader or int(fields[_PARENT]) in self._cpu_s
                if ours or int(entry.name) in self._cpu_s:
                    used = (int(fields[_USER]) + int(fields[_SYSTEM])) / ticks
                    self._cpu_s[int(entry.name)] = used
        if self._cpu_s:  # those that ended keep what they used
            self._curve.append((time.time(), sum(self._cpu_s.values())))


def at(curve: Sequence[tuple[float, float]], moment: float) -> float:
    """The value of a rising curve of (moment, value) at a moment, straight between its points."""
    index = bisect_left(curve, (moment,))
    if index == 0:
        return curve[0][1]
    if index == len(curve):
        return curve[-1][1]
    (before, low), (after, high) = curve[index - 1 : index + 1]
    return low + (high - low) * (moment - before) / (after - before)
