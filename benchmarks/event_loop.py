# ruff: noqa: SLF001  it times the turns of the loop, from inside
"""How long an event loop holds others up: a heartbeat's lag, and the CPU time of its turns."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

BEAT_S = 0.005
# The same heartbeat in a process that does nothing else: what the machine itself adds.
IDLE = f"""
import time
while True:
    since = time.perf_counter()
    time.sleep({BEAT_S})
    print(1000 * (time.perf_counter() - since - {BEAT_S}), flush=True)
"""


class Probe:
    """A heartbeat that records by how much each beat was late, in ms.

    ``own_ms`` is the same less what this thread, ready to run, waited for one of the machine's
    cores: what the process itself is to blame for, where others want the cores too.
    """

    def __init__(self) -> None:
        self.lags_ms: list[float] = []
        self.own_ms: list[float] = []
        self._task = asyncio.get_running_loop().create_task(self._beat())

    async def _beat(self) -> None:
        while True:
            since, waited = time.perf_counter(), waited_for_a_core_ms()
            await asyncio.sleep(BEAT_S)
            lag = 1000 * (time.perf_counter() - since - BEAT_S)
            self.lags_ms.append(lag)
            self.own_ms.append(max(0.0, lag - (waited_for_a_core_ms() - waited)))

    def stop(self) -> None:
        """End it."""
        self._task.cancel()


def waited_for_a_core_ms() -> float:
    """For how long this thread has been ready to run without running; 0 where nobody counts it."""
    try:
        return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e6
    except (OSError, IndexError):
        return 0.0


class Turns:
    """The event loop's turns in CPU time, ms: what it holds up itself, however busy the machine.

    Only those of the thread that this is made in: a watcher has a loop of its own.
    """

    def __init__(self) -> None:
        self.took_ms: list[float] = []
        original = asyncio.Handle._run
        ours = threading.get_ident()

        def run(handle: asyncio.Handle) -> None:
            since = time.thread_time()
            original(handle)
            if threading.get_ident() == ours:
                self.took_ms.append(1000 * (time.thread_time() - since))

        asyncio.Handle._run = run  # type: ignore[assignment, method-assign]
