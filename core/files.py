"""Files that are there whole or not at all.

Directories and files for their owner alone, whatever the umask.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def make_private(directory: Path) -> list[Path]:
    """Make the directory and its missing parents, 0700 each; returns those made."""
    missing = [directory, *directory.parents]
    made: list[Path] = []
    for path in reversed([path for path in missing if not path.exists()]):
        try:
            path.mkdir(0o700)
        except FileExistsError:
            continue  # another process was faster
        path.chmod(0o700)
        made.append(path)
    return made


def write_private(path: Path, text: str) -> None:
    """Write ``text`` to ``path``, 0600, whole or not at all; missing directories are made 0700.

    Raises:
        OSError: it cannot be written; what was there still is.
    """
    import tempfile  # rarely needed by who only looks

    make_private(path.parent)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:64]}-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)  # noqa: PTH105  one atomic call
    except BaseException:
        os.unlink(temporary)  # noqa: PTH108  as it was made
        raise


def replace_whole(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path``, replacing what is there; readers see all of either.

    Raises:
        OSError: It cannot be written; what was there still is.
    """
    with staged(path, data) as temporary:
        os.replace(temporary, path)  # noqa: PTH105  one atomic call


@contextlib.contextmanager
def staged(path: Path, data: bytes) -> Iterator[Path]:
    """``data`` synced to a hidden file beside ``path``, gone afterwards unless it was moved.

    Its mode is that of any new file, as the user's umask has it.
    """
    temporary = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def sync_directory(directory: Path) -> None:
    """Make the names in ``directory`` durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
