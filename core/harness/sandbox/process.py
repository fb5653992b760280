"""One sandboxed process from start to end: its output, its limits, and that nothing of it stays.

What no resource limit counts: the memory of all processes together, the bytes of a directory.
"""

from __future__ import annotations

import asyncio
import contextlib
import marshal
import os
import signal
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from core.harness.sandbox.limits import Limits


_PAGE = os.sysconf("SC_PAGE_SIZE")
_SHARED_BY_EACH = 16 << 20  # program text and libraries, counted in every process that maps them
_WORST_FIRST = "1000"


def passed_limit(pid: int, limits: Limits, directory: Path | None) -> str | None:
    """``memory`` or ``files`` when the processes from ``pid`` down use more than allowed.

    ``directory`` is the workspace where it is a plain directory rather than a sized tmpfs. Also
    offers every process to the kernel's out-of-memory killer before any of the host's.
    """
    family = _family(pid)
    resident = 0
    for each in family:
        with contextlib.suppress(OSError, ValueError, IndexError):
            pages = int(Path(f"/proc/{each}/statm").read_text(encoding="ascii").split()[1])
            resident += pages * _PAGE
            Path(f"/proc/{each}/oom_score_adj").write_text(_WORST_FIRST, encoding="ascii")
    if resident > (limits.memory_mb << 20) + len(family) * _SHARED_BY_EACH:
        return "memory"
    if directory is not None and _bytes_below(directory) > limits.file_mb << 20:
        return "files"
    return None


def _family(pid: int) -> list[int]:
    """``pid`` and everything below it; only itself where the kernel does not tell."""
    found = [pid]
    for each in found:  # grows as it goes
        with contextlib.suppress(OSError, ValueError):
            for task in Path(f"/proc/{each}/task").iterdir():
                found += map(int, (task / "children").read_text(encoding="ascii").split())
    return found


def _bytes_below(directory: Path) -> int:
    total = 0
    for root, _, names in os.walk(directory):
        for name in names:
            with contextlib.suppress(OSError):
                total += (Path(root) / name).lstat().st_blocks * 512
    return total


_POLL_S = 0.05
_END_OF_OUTPUT_S = 0.5
_FLOOD = 256
_MAX_REPORT = 4 << 20


@dataclass(frozen=True, slots=True)
class Ended:
    """How the process ended; ``report`` is what the far side wrote on the report pipe.

    ``settled`` is False when something still held the output open after everything was killed.
    """

    exit_status: int
    killed_by: str | None
    stdout: bytes
    stderr: bytes
    report: bytes
    truncated: bool
    settled: bool
    wall_s: float


class _Collector(asyncio.Protocol):
    """Keeps the first ``cap`` bytes of a pipe and counts the rest."""

    def __init__(self, cap: int) -> None:
        self.cap = cap
        self.kept = bytearray()
        self.total = 0
        self.closed = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        self.total += len(data)
        self.kept += data[: self.cap - len(self.kept)]

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        if not self.closed.done():
            self.closed.set_result(None)


class _Pipe:
    """A pipe whose read end is collected in this process's event loop."""

    def __init__(self, collector: _Collector, transport: asyncio.BaseTransport, end: int) -> None:
        self.collector = collector
        self.transport = transport
        self.end = end

    @classmethod
    async def open(cls, cap: int) -> _Pipe:
        read, write = os.pipe()
        file = os.fdopen(read, "rb", buffering=0)
        loop = asyncio.get_running_loop()
        transport, collector = await loop.connect_read_pipe(lambda: _Collector(cap), file)
        return cls(collector, transport, write)

    def close_end(self) -> None:
        if self.end >= 0:
            os.close(self.end)
            self.end = -1


async def supervise(
    argv: Sequence[str],
    parcel: dict[str, Any],
    limits: Limits,
    *,
    over: Callable[[int], str | None],
) -> Ended:
    """Run ``argv`` with ``parcel`` on its standard input until it ends or a limit ends it.

    ``parcel["job"]["report_fd"]`` is filled in here. ``over`` is asked often, with the process's
    id, which limit has been passed, if any. When this returns or is cancelled the process and its
    group are dead. Raises ``OSError`` when it cannot be started.
    """
    loop = asyncio.get_running_loop()
    started = loop.time()
    with contextlib.ExitStack() as stack:
        pipes: list[_Pipe] = []
        for cap in (limits.output_bytes, limits.output_bytes, _MAX_REPORT):
            pipe = await _Pipe.open(cap)
            stack.callback(pipe.transport.close)
            stack.callback(pipe.close_end)
            pipes.append(pipe)
        out, err, report = pipes
        parcel["job"]["report_fd"] = report.end
        with tempfile.TemporaryFile(buffering=0) as source:
            source.write(marshal.dumps(parcel))
            source.seek(0)
            process = await _start(argv, source.fileno(), out.end, err.end, report.end)
        try:
            for pipe in pipes:
                pipe.close_end()
            killed_by = await _watch(process, pipes, started, limits, over)
        finally:
            _kill(process)
            status = await asyncio.shield(process.wait())
        _, open_still = await asyncio.wait(
            [pipe.collector.closed for pipe in pipes], timeout=_END_OF_OUTPUT_S
        )
    wall_s = loop.time() - started
    status = status if status >= 0 else 128 - status
    return Ended(
        exit_status=status,
        killed_by=killed_by or _signal_of(status),
        stdout=bytes(out.collector.kept),
        stderr=bytes(err.collector.kept),
        report=bytes(report.collector.kept),
        truncated=any(pipe.collector.total > pipe.collector.cap for pipe in pipes),
        settled=not open_still,
        wall_s=wall_s,
    )


async def _start(
    argv: Sequence[str], stdin: int, stdout: int, stderr: int, report: int
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *argv,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        pass_fds=(report,),
        env={"PYTHONHASHSEED": "0"},  # the same order of a set on every run
        cwd="/",
        start_new_session=True,
    )


async def _watch(
    process: asyncio.subprocess.Process,
    pipes: list[_Pipe],
    started: float,
    limits: Limits,
    over: Callable[[int], str | None],
) -> str | None:
    loop = asyncio.get_running_loop()
    waiting = asyncio.ensure_future(process.wait())
    try:
        while not waiting.done():
            left = started + limits.wall_s - loop.time()
            if left <= 0:
                return "wall"
            if any(pipe.collector.total > pipe.collector.cap * _FLOOD for pipe in pipes):
                return "output"
            passed = over(process.pid)
            if passed is not None:
                return passed
            await asyncio.wait({waiting}, timeout=min(left, _POLL_S))
    finally:
        waiting.cancel()
    return None


def _kill(process: asyncio.subprocess.Process) -> None:
    # The whole group, also after its leader's end: without a PID namespace a child may be left.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _signal_of(status: int) -> str | None:
    if status <= 128:  # noqa: PLR2004  the shell's convention: 128 + signal
        return None
    try:
        name = signal.Signals(status - 128).name
    except ValueError:
        return None
    return "cpu" if name == "SIGXCPU" else name
