"""Directories and files for their owner alone, whatever the umask."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
    import tempfile  # noqa: PLC0415  rarely needed by who only looks

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
