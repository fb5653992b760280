"""Reading single records of the log by their places."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Self

from core.capsule.reader import line_at
from core.capsule.segments import open_segment
from core.capsule.walk import Place, decode

if TYPE_CHECKING:
    from pathlib import Path

    from core.capsule.record import Record

_BLOCK = 1 << 14


class Places:
    """The records of one directory; those that lie close together are read together."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._segment: int | None = None
        self._fd = -1
        self._block = b""
        self._begin = 0

    def record(self, place: Place) -> Record:
        """The log's record at a place.

        Raises:
            FileNotFoundError: there is no such segment.
            CapsuleError: it is damaged, or may not be read.
        """
        if place.segment != self._segment:
            self.close()
            self._fd = open_segment(self._directory, place.segment)
            self._segment = place.segment
        return decode(self._directory, place, self._line(place.offset))

    def _line(self, offset: int) -> bytes:
        at = offset - self._begin
        end = self._block.find(b"\n", at) + 1 if 0 <= at < len(self._block) else 0
        if not end:
            self._block, self._begin = os.pread(self._fd, _BLOCK, offset), offset
            at, end = 0, self._block.find(b"\n") + 1
        return self._block[at:end] if end else line_at(self._fd, offset)

    def close(self) -> None:
        """Close what is open; another record opens it again."""
        if self._segment is not None:
            os.close(self._fd)
        self._segment, self._block = None, b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
