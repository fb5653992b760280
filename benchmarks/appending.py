"""One durable append against raw write and fdatasync; 64 appenders of a process; four processes.

The first two also with each sync made longer, for raw and ours alike: what many appenders gain is
the sync's time over the processor's for an event, so a fast disk leaves little to gain.

python benchmarks/appending.py [--quick]
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from raw_log import RawLog
from table import Given, Result, Row, main, middle, number

from core.capsule import EventLog
from core.capsule.events import RoutingDecisionEvent
from core.capsule.logend import Disk
from core.stages import Mode, Reason, Stage

APPENDERS = 64
PROCESSES = 4
LONGER_S = 0.002
EVENT = RoutingDecisionEvent(
    run_id="0" * 32,
    policy_hash="sha256:" + "0" * 64,
    mode=Mode.REFLEX,
    reason=Reason.HEALTHY_AND_THRESHOLDS_MET,
    latency_ms=0.4,
    stage=Stage.IMPLEMENT,
    backend="reflex",
    endpoint="http://127.0.0.1:3009/v1",
    model="qwen2.5-coder-7b-instruct",
    failure_count=0,
    call_id="0" * 32,
)


def measure(given: Given) -> Result:
    """Medians in ms, events a second, and how fair processes are to each other."""
    result = Result("appending")
    # On the disk of the working tree: a temporary directory may lie in memory.
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent.parent) as name:
        directory = Path(name)
        result.rows += against_raw(directory / "own", given, 0.0, "")
        longer = f", each sync {1000 * LONGER_S:g} ms longer"
        result.rows += against_raw(directory / "longer", given, LONGER_S, longer)
        result.rows += processes(directory / "processes", 2.0 if given.quick else 10.0)
    return result


class LongerDisk(Disk):
    """A disk whose syncs take ``longer_s`` more."""

    def __init__(self, longer_s: float) -> None:
        self._longer_s = longer_s

    def sync(self, fd: int) -> None:
        """As the disk does, and then some."""
        super().sync(fd)
        if self._longer_s:
            time.sleep(self._longer_s)


def against_raw(directory: Path, given: Given, longer_s: float, words: str) -> list[Row]:
    """One append, and those of many tasks, where a sync takes ``longer_s`` more; ``words`` say so.

    With no wait for the disk at all, many would be bound by the CPU time that each event takes.
    """
    ours, raw = alone(directory, given.times(300, 2000), longer_s)
    rate, cpu_us = asyncio.run(together(directory / "many", given.times(6400, 32_000), longer_s))
    most = 1000 * raw / cpu_us
    return [
        Row(
            f"one durable append{words}",
            "ms",
            ours,
            "≤ 1.3 × raw",
            ours <= 1.3 * raw,
            floor=("raw append + fdatasync", raw),
            ratio=f"{number(ours / raw)} × raw",
        ),
        Row(
            f"{APPENDERS} appenders in one process{words}",
            "/s",
            rate,
            "≥ 20 × raw",
            rate >= 20 * 1000 / raw,
            floor=("raw, one by one", 1000 / raw),
            ratio=f"{number(rate * raw / 1000)} × raw, of at most {number(most)} × at"
            f" {number(cpu_us)} µs CPU an event",
        ),
    ]


def alone(directory: Path, count: int, longer_s: float) -> tuple[float, float]:
    """Medians in ms of an append and of the same bytes written raw, taking turns."""
    ours, raw = [], []
    disk = LongerDisk(longer_s)
    with EventLog(directory / "one", disk=disk) as log, RawLog(directory, longer_s) as floor:
        line = log.append(EVENT).line + b"\n"
        for _ in range(count):
            began = time.perf_counter()
            log.append(EVENT)
            ours.append(1000 * (time.perf_counter() - began))
            raw.append(floor.append(line))
    return middle(ours), middle(raw)


async def together(directory: Path, count: int, longer_s: float) -> tuple[float, float]:
    """Events a second of tasks that each append one after the other, and µs of CPU an event."""
    with EventLog(directory, disk=LongerDisk(longer_s)) as log:
        await log.append_async(EVENT)
        left = iter(range(count))

        async def appender() -> None:
            for _ in left:
                await log.append_async(EVENT)

        began, cpu_began = time.perf_counter(), time.process_time()
        await asyncio.gather(*(appender() for _ in range(APPENDERS)))
        cpu_s = time.process_time() - cpu_began
        return count / (time.perf_counter() - began), 1e6 * cpu_s / count


def processes(directory: Path, seconds: float) -> list[Row]:
    """The slowest of several processes that append for ``seconds``, and the longest wait."""
    until = time.time() + 1 + seconds
    command = [sys.executable, __file__, "--append", str(directory), str(until - seconds)]
    running = [
        subprocess.Popen([*command, str(until)], stdout=subprocess.PIPE) for _ in range(PROCESSES)
    ]
    told = [json.loads(process.communicate()[0]) for process in running]
    counts = [entry["appended"] for entry in told]
    mean = sum(counts) / PROCESSES
    stall = max(entry["longest_ms"] for entry in told)
    slowest = min(counts) / mean
    return [
        Row(
            f"{PROCESSES} processes, the slowest's share of the mean",
            "",
            slowest,
            "≥ 0.5",
            slowest >= 0.5,
            ratio=f"{number(sum(counts) / seconds)} events/s in all",
        ),
        Row(f"{PROCESSES} processes, longest wait", "ms", stall, "≤ 100 ms", stall <= 100),
    ]


def append_until(directory: Path, begin: float, until: float) -> None:
    """One of the processes: append from ``begin`` to ``until`` (wall clock) and tell."""
    appended, longest_ms = 0, 0.0
    with EventLog(directory) as log:
        while time.time() < begin:
            time.sleep(0.001)
        while time.time() < until:
            began = time.perf_counter()
            log.append(EVENT)
            longest_ms = max(longest_ms, 1000 * (time.perf_counter() - began))
            appended += 1
    print(json.dumps({"appended": appended, "longest_ms": longest_ms}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--append"]:
        append_until(Path(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]))
    else:
        main(measure)
