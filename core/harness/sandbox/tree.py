"""A workspace as data: what is sent into a sandbox instead of the directory itself."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from core.errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Path relative to the workspace, permission bits, and bytes for a file, text for a symbolic
# link's target, None for a directory.
Entry = tuple[str, int, bytes | str | None]
MAX_ENTRIES = 10_000


def pack(workspace: Path, *, max_bytes: int) -> list[Entry]:
    """Read a workspace, directories before what is in them and links last.

    Links are kept as links and never followed; sockets, pipes and devices are left out. Raises
    ``SandboxError`` when it cannot be read or holds more than ``max_bytes``.
    """
    entries: list[Entry] = []
    links: list[Entry] = []
    left = max_bytes
    try:
        for path, info in _walk(workspace):
            name = path.relative_to(workspace).as_posix()
            mode = stat.S_IMODE(info.st_mode)
            if stat.S_ISDIR(info.st_mode):
                entries.append((name, mode, None))
            elif stat.S_ISLNK(info.st_mode):
                links.append((name, mode, str(path.readlink())))
            elif stat.S_ISREG(info.st_mode):
                content = _read(path, left)
                left -= len(content)
                entries.append((name, mode, content))
            if left < 0 or len(entries) + len(links) > MAX_ENTRIES:
                raise SandboxError(
                    f"The workspace is too large for the sandbox: over {max_bytes >> 20} MiB or "
                    f"{MAX_ENTRIES} files.",
                    remedy="Give the check fewer files, or raise file_mb.",
                )
    except OSError as error:
        raise SandboxError(f"The workspace cannot be read: {error}") from error
    return entries + links


def _walk(directory: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for path in sorted(directory.iterdir()):
        info = path.lstat()
        yield path, info
        if stat.S_ISDIR(info.st_mode):
            yield from _walk(path)


def _read(path: Path, left: int) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        return file.read(left + 1)
