"""What a sandboxed run may use, which kind of sandbox holds it, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

MAX_FILES = 16_384  # in each writable place, empty ones and directories included


class Tier(StrEnum):
    """A kind of sandbox, the strongest first; ``NONE`` is no sandbox at all."""

    BUBBLEWRAP = "bubblewrap"
    NAMESPACES = "namespaces"
    SANDBOX_EXEC = "sandbox_exec"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one run.

    ``wall_s`` counts from the start of the sandbox; ``cpu_s`` is per process; ``memory_mb`` (MiB)
    holds for each process and for all together; ``file_mb`` (MiB) for the workspace, for ``/tmp``
    and for each file; ``processes`` includes threads. Of standard output and standard error,
    ``output_bytes`` each are kept, and a run that goes on to write 256 times that is killed. With
    ``reserving`` a process may reserve address space that it does not use, as V8 and Go do at their
    start: then ``memory_mb`` of each counts what it may write to.
    """

    wall_s: float = 10.0
    cpu_s: int = 10
    memory_mb: int = 512
    file_mb: int = 64
    processes: int = 64
    output_bytes: int = 64 * 1024
    open_files: int = 128
    reserving: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """How a run ended.

    ``exit_status`` is the program's, or 128 + the signal that ended it. ``killed_by`` is ``wall``,
    ``cpu``, ``memory``, ``files`` or ``output`` for a limit, a signal's name otherwise, None for a
    run that ended by itself. ``truncated`` says that output was left out. Times are in seconds.
    """

    exit_status: int
    stdout: str
    stderr: str
    wall_s: float
    killed_by: str | None
    truncated: bool
