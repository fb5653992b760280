"""Copies of the repository in which a candidate is checked, so that the tree itself stays as it is.

Each check gets a fresh one: what a failed candidate left behind must not help the next to pass.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import tempfile
import threading
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

from core.errors import ConfigError
from core.implement.listing import DEPENDENCIES, listed
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from core.implement.files import Place

MOST_BYTES = 1 << 30


class Scratch:
    """Makes the copies, in a directory of its own that is gone afterwards; a context manager.

    ``also`` names ignored files and directories, relative to the repository, that are copied too.
    """

    def __init__(self, place: Place, also: Sequence[str] = ()) -> None:
        self._place = place
        self._also = also
        self._base = tempfile.TemporaryDirectory(
            prefix="reflex-implement-", ignore_cleanup_errors=True
        )
        self.directory = Path(os.path.realpath(self._base.name))

    def __enter__(self) -> Self:
        if self.directory.is_relative_to(self._place.root):
            self._base.cleanup()
            raise ConfigError(
                f"$TMPDIR lies inside the repository: {plain(self.directory.parent)}",
                remedy="Checks are run on a copy of the repository elsewhere: change $TMPDIR.",
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._base.cleanup()

    @asynccontextmanager
    async def copy(self, contents: Mapping[str, bytes]) -> AsyncIterator[Path]:
        """A copy with ``contents`` (path to bytes) in place of what is there; yields its root.

        Raises:
            ConfigError: It would be too large.
        """
        directory = tempfile.mkdtemp(dir=self.directory)
        # The repository's own name: some tools take the package's name from it.
        root = Path(directory) / (self._place.root.name or "repository")
        stop = threading.Event()
        try:
            making = asyncio.ensure_future(asyncio.to_thread(self._make, root, contents, stop))
            try:
                await asyncio.shield(making)
            except asyncio.CancelledError:
                stop.set()
                await asyncio.wait({making})
                raise
            yield root
        finally:
            await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)

    def _make(self, root: Path, contents: Mapping[str, bytes], stop: threading.Event) -> None:
        source = self._place.root
        (root / self._place.here.relative_to(source)).mkdir(parents=True)
        left = MOST_BYTES
        for name in (*listed(source, self._also), *contents):
            if stop.is_set():
                return
            left -= _copied(source / name, root / name, left)
        for name, data in contents.items():
            (root / name).write_bytes(data)
        for directory in {source, self._place.here}:
            for name in DEPENDENCIES:
                link = root / directory.relative_to(source) / name
                if (directory / name).is_dir() and not os.path.lexists(link):
                    link.symlink_to(directory / name)


def _copied(source: Path, target: Path, left: int) -> int:
    """Copy one file or link unless it is there already; its size."""
    if os.path.lexists(target):
        return 0
    try:
        status = source.lstat()
        if not stat.S_ISREG(status.st_mode) and not stat.S_ISLNK(status.st_mode):
            return 0  # a socket, a pipe, a device
        if status.st_size > left:
            raise ConfigError(
                f"the repository is over {MOST_BYTES >> 20} MiB without what git ignores",
                remedy="The check is run on a copy: put what is generated into .gitignore.",
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target, follow_symlinks=False)
    except FileNotFoundError:
        return 0  # gone since it was listed
    return status.st_size
