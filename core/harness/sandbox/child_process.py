"""One sandboxed process from start to end: its output, its limits, and that nothing of it stays.

Some things no resource limit counts, and they are looked at often while it runs: the memory of
all processes together, what the queues of their sockets hold, how many files there are.
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

from core.harness.sandbox.cgroup import memory_group
from core.harness.sandbox.layout import SCRATCH, SHARED_MEMORY_MB
from core.harness.sandbox.limits import MAX_FILES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from core.harness.sandbox.limits import Limits

_PAGE = os.sysconf("SC_PAGE_SIZE")
_SHARED_BY_EACH = 16 << 20  # program text and libraries, counted in every process that maps them
_WORST_FIRST = "1000"
_POLL_S = 0.05
_END_OF_OUTPUT_S = 5.0  # what was killed closes it; on a busy machine not at once
_FLOOD = 256  # times what is kept of an output, and the run is ended
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
    parcels: tuple[dict[str, Any], Any],
    limits: Limits,
    *,
    over: Callable[[int], str | None],
) -> Ended:
    """Run ``argv`` with ``parcels`` on its standard input until it ends or a limit ends it.

    ``report_fd`` of the first one's ``job`` is filled in here. ``over`` is asked often, with the
    process's id, which limit has been passed, if any. When this returns or is cancelled
    the process and its group are dead. Raises ``OSError`` when it cannot be started.
    """
    loop = asyncio.get_running_loop()
    started = loop.time()
    with contextlib.ExitStack() as stack:
        group = stack.enter_context(memory_group(_all_memory(limits)))
        if group is not None:
            argv = group.entering(argv)

        def passed(pid: int) -> str | None:
            return over(pid) or ("memory" if group is not None and group.ran_out() else None)

        pipes: list[_Pipe] = []
        for cap in (limits.output_bytes, limits.output_bytes, _MAX_REPORT):
            pipe = await _Pipe.open(cap)
            stack.callback(pipe.transport.close)
            stack.callback(pipe.close_end)
            pipes.append(pipe)
        out, err, report = pipes
        parcels[0]["job"]["report_fd"] = report.end
        with tempfile.TemporaryFile(buffering=0) as source:
            for data in map(marshal.dumps, parcels):
                source.write(len(data).to_bytes(8, "little") + data)
            source.seek(0)
            process = await _start(argv, source.fileno(), out.end, err.end, report.end)
        try:
            for pipe in pipes:
                pipe.close_end()
            killed_by = await _watch(process, pipes, started, limits, passed)
        finally:
            _kill(process)
            status = await asyncio.shield(process.wait())
        _, open_still = await asyncio.wait(
            [pipe.collector.closed for pipe in pipes], timeout=_END_OF_OUTPUT_S
        )
        if group is not None and group.ran_out():
            killed_by = killed_by or "memory"
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


def _all_memory(limits: Limits) -> int:
    """What the processes may hold together, with the files that their places may hold."""
    return (limits.memory_mb + 2 * limits.file_mb << 20) + 4 * _SHARED_BY_EACH


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
    passed: Callable[[int], str | None],
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
            limit = passed(process.pid)
            if limit is not None:
                return limit
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


def passed_limit(pid: int, limits: Limits, directory: Path | None) -> str | None:
    """``memory`` or ``files`` when the processes from ``pid`` down use more than allowed.

    ``directory`` is the workspace where it is a plain directory rather than a sized tmpfs;
    otherwise the files of the sandbox's own places are counted. Also
    offers every process to the kernel's out-of-memory killer before any of the host's.
    """
    family = _family(pid)
    resident = 0
    for each in family:
        with contextlib.suppress(OSError, ValueError, IndexError):
            pages = int(Path(f"/proc/{each}/statm").read_text(encoding="ascii").split()[1])
            resident += pages * _PAGE
            Path(f"/proc/{each}/oom_score_adj").write_text(_WORST_FIRST, encoding="ascii")
    inner = _own_network(family)
    if inner is not None:
        resident += _queued(inner)
    if resident > (limits.memory_mb << 20) + len(family) * _SHARED_BY_EACH:
        return "memory"
    if directory is None:
        return "files" if inner is not None and _too_many_files(inner, limits) else None
    return "files" if _passed_below(directory, limits.file_mb << 20) else None


def _family(pid: int) -> list[int]:
    """``pid`` and everything below it; only itself where the kernel does not tell."""
    found = [pid]
    for each in found:  # grows as it goes
        with contextlib.suppress(OSError, ValueError):
            for task in Path(f"/proc/{each}/task").iterdir():
                found += map(int, (task / "children").read_text(encoding="ascii").split())
    return found


def _own_network(family: list[int]) -> int | None:
    """A process of the family that has a network namespace, and so a root, other than ours."""
    with contextlib.suppress(OSError):
        ours = Path("/proc/self/ns/net").readlink()
        for pid in reversed(family):
            with contextlib.suppress(OSError):
                if Path(f"/proc/{pid}/ns/net").readlink() != ours:
                    return pid
    return None


def _queued(pid: int) -> int:
    """Bytes in the queues of the sockets beside ``pid``, at most; Unix sockets as if full."""
    total = 0
    for kind in _used_kinds(pid):
        with contextlib.suppress(OSError, ValueError, IndexError):
            lines = Path(f"/proc/{pid}/net/{kind}").read_text(encoding="ascii").splitlines()
            for line in lines[1:]:
                total += sum(int(part, 16) for part in line.split()[4].split(":"))
    with contextlib.suppress(OSError, ValueError):
        buffer = int(Path("/proc/sys/net/core/wmem_default").read_text(encoding="ascii"))
        with Path(f"/proc/{pid}/net/unix").open("rb") as listing:
            total += buffer * max(0, sum(1 for _ in listing) - 1)
    return total


def _used_kinds(pid: int) -> list[str]:
    """The kinds of sockets there are; to list the kernel's table of none takes it milliseconds."""
    used = []
    for name in ("sockstat", "sockstat6"):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/net/{name}").read_text(encoding="ascii").splitlines():
                kind, _, counts = line.partition(": inuse ")
                if kind in {"TCP", "TCP6", "UDP", "UDP6"} and not counts.startswith("0"):
                    used.append(kind.lower())
    return used


def _too_many_files(pid: int, limits: Limits) -> bool:
    """True when a writable place of the sandbox that ``pid`` is in holds over ``MAX_FILES``.

    A larger file system than ours is another one: the self-test finds that out.
    """
    ours = max(limits.file_mb, SHARED_MEMORY_MB) << 20
    for place in SCRATCH:
        with contextlib.suppress(OSError):
            found = os.statvfs(f"/proc/{pid}/root{place}")
            size = found.f_blocks * found.f_frsize
            if size <= ours and found.f_files - found.f_ffree > MAX_FILES:
                return True
    return False


def _passed_below(directory: Path, limit: int) -> bool:
    """True when the files below hold more than ``limit`` bytes, or are more than ``MAX_FILES``."""
    total = count = 0
    for root, directories, names in os.walk(directory):
        count += len(directories) + len(names)
        for name in names:
            with contextlib.suppress(OSError):
                total += (Path(root) / name).lstat().st_blocks * 512
        if total > limit or count > MAX_FILES:
            return True
    return False
