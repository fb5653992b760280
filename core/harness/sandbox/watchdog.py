"""What no resource limit counts: the memory of all processes together, the bytes of a directory."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
