"""A memory control group for one run, on Linux where this process may make one.

It counts what no other limit does: the kernel's own memory for sockets, pipes and locks, files in
memory, pages that are mapped nowhere. Where there is none the other limits hold alone.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import secrets
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MOUNT = Path("/sys/fs/cgroup")
_ENTER = 'echo $$ > "$0/cgroup.procs" && exec "$@"'
_REMOVE_S = 1.0  # at the end of this process
_left: set[Path] = set()


class Group:
    """One control group; ``ran_out`` says whether the kernel ended a process for its sake."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def entering(self, argv: Sequence[str]) -> list[str]:
        """A command that joins the group and becomes ``argv``, before that starts anything."""
        return ["/bin/sh", "-c", _ENTER, str(self._directory), *argv]

    def ran_out(self) -> bool:
        """True once a process was ended because the group's memory had run out."""
        for name in ("memory.events", "memory.oom_control"):  # of version 2, of version 1
            with contextlib.suppress(OSError):
                words = (self._directory / name).read_text(encoding="ascii").split()
                counts = dict(zip(words[::2], words[1::2], strict=False))
                return counts.get("oom_kill", "0") != "0"
        return False


@contextlib.contextmanager
def memory_group(limit: int) -> Iterator[Group | None]:
    """A group that may use ``limit`` bytes, removed afterwards; None where none can be made."""
    parent = group_parent()
    if parent is None:
        yield None
        return
    directory = parent / f"reflex-{os.getpid()}-{secrets.token_hex(4)}"
    try:
        directory.mkdir()
        _limit(directory, limit)
    except OSError:
        _remove(directory)
        yield None
        return
    try:
        yield Group(directory)
    finally:
        _remove(directory)


def _limit(directory: Path, limit: int) -> None:
    version_2 = (directory / "memory.max").exists()
    name = "memory.max" if version_2 else "memory.limit_in_bytes"
    (directory / name).write_text(str(limit), encoding="ascii")
    for swap in ("memory.swap.max",) if version_2 else ():
        with contextlib.suppress(OSError):  # where nothing is swapped
            (directory / swap).write_text("0", encoding="ascii")


def _remove(directory: Path) -> None:
    """Remove a group, and those that could not be before: what was killed takes a while to go."""
    _left.add(directory)
    for each in [*_left]:
        try:
            each.rmdir()
        except FileNotFoundError:
            _left.discard(each)
        except OSError:
            continue
        else:
            _left.discard(each)


@atexit.register
def _remove_all() -> None:
    end = time.monotonic() + _REMOVE_S
    while _left and time.monotonic() < end:
        for each in [*_left]:
            _remove(each)
        time.sleep(0.005)


@cache
def group_parent() -> Path | None:
    """Where a group with a memory limit can be made: below our own group, or beside it."""
    for directory in _candidates():
        probe = directory / f"reflex-probe-{os.getpid()}-{secrets.token_hex(4)}"
        try:
            probe.mkdir()
        except OSError:
            continue
        try:
            _limit(probe, 1 << 30)
        except OSError:
            continue
        else:
            return directory
        finally:
            _remove(probe)
    return None


def _candidates() -> Iterator[Path]:
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        number, controllers, path = (*line.split(":", 2), "", "")[:3]
        if "memory" in controllers.split(","):
            base = _MOUNT / "memory"
        elif number == "0" and not controllers:
            base = _MOUNT
        else:
            continue
        own = base / path.lstrip("/")
        yield own
        if own != base:
            yield own.parent
