"""The floor of a durable append: one write to the end of a file, and fdatasync."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path

_sync = getattr(os, "fdatasync", os.fsync)


class RawLog:
    """A file in ``directory``, so that it lies on the same disk as what it is compared with.

    A sync takes ``longer_s`` more than the disk's own.
    """

    def __init__(self, directory: Path, longer_s: float = 0.0) -> None:
        self._longer_s = longer_s
        directory.mkdir(parents=True, exist_ok=True)
        self._path = directory / f"raw-{os.getpid()}.jsonl"

    def __enter__(self) -> Self:
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)
        self._path.unlink()

    def append(self, line: bytes) -> float:
        """Write ``line`` through to the disk; the milliseconds that took."""
        began = time.perf_counter()
        os.write(self._file, line)
        _sync(self._file)
        if self._longer_s:
            time.sleep(self._longer_s)
        return 1000 * (time.perf_counter() - began)
