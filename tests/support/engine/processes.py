"""What tests ask about processes and ports, and the children they start."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable


def running(pid: int) -> bool:
    """Whether a process runs; one that ended and waits to be reaped does not."""
    stat = Path(f"/proc/{pid}/stat")
    if stat.exists():
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    if sys.platform == "linux":
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def gone(*pids: int) -> None:
    """Wait until these processes are no more; the test's own time limit ends it otherwise."""
    while any(map(running, pids)):
        await asyncio.sleep(0.02)


def listening(port: int) -> bool:
    """Whether somebody accepts connections on the port."""
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def eventually(condition: Callable[[], bool], within_s: float = PATIENCE_S) -> bool:
    """Whether ``condition`` comes true within the time."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def ends_with_its_parent(start: str) -> bool:
    """Whether ``kill -9`` of a process that did ``start`` leaves neither process nor port.

    ``start`` is Python that ends with an expression: what was started.
    """
    *imports, started = start.split("; ")
    told = "print(s.pid, s.port, flush=True)"
    code = "; ".join([*imports, "import time", f"s = {started}", told, "time.sleep(60)"])
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid, port = map(int, parent.stdout.readline().split())
        assert listening(port)
        parent.send_signal(signal.SIGKILL)
    return eventually(lambda: not running(pid) and not listening(port))
