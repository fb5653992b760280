"""Eight forked writers that begin at once; prints the longest append of any, in ms.

``python -m tests.support.capsule.sharing DIRECTORY APPENDS``
"""

from __future__ import annotations

import os
import sys
import time

from core.capsule import EventLog
from tests.support.capsule.making import decision

WRITERS = 8


def write(directory: str, name: str, appends: int, start: int, report: int) -> None:
    """Wait for ``start`` to close, append, and report the longest append in ms."""
    log = EventLog(directory, segment_bytes=1 << 16)
    os.read(start, 1)
    longest = 0.0
    for number in range(appends):
        before = time.monotonic()
        log.append(decision(f"{name}-{number}"))
        longest = max(longest, time.monotonic() - before)
    os.write(report, f"{longest * 1000:.1f}\n".encode())


def main(directory: str, appends: int) -> None:
    """Fork the writers, let them go, and wait for all."""
    start, go = os.pipe()
    reports, report = os.pipe()
    children = []
    for number in range(WRITERS):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                os.close(go)
                write(directory, f"p{number}", appends, start, report)
                status = 0
            finally:
                os._exit(status)
        children.append(child)
    os.close(go)
    os.close(report)
    failed = sum(os.waitpid(child, 0)[1] for child in children)
    print(max(float(figure) for figure in os.read(reports, 1 << 12).split()))  # noqa: T201
    sys.exit(bool(failed))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
