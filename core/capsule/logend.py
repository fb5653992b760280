"""The log's end as a writer meets it under the lock: found, mended, extended, rolled over."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from core.capsule.record import GENESIS, MAX_LINE_BYTES, Record, complete_line, is_garbled_end
from core.capsule.segments import lines_backward, open_private, segment_name, segment_numbers
from core.capsule.walk import Place, corrupt, decode, lines_back
from core.errors import CapsulePoisoned
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from core.capsule.disk import Disk


class Draft(NamedTuple):
    """An event that is JSON already, but has no place in the log yet."""

    event_type: str
    fields: bytes


class OpenFile(NamedTuple):
    """A file that is open, and which file that was."""

    fd: int
    path: str
    identity: tuple[int, int]

    @classmethod
    def at(cls, path: Path, flags: int) -> OpenFile:
        """Open a private file; see ``open_private``."""
        fd = open_private(path, flags)
        found = os.fstat(fd)
        return cls(fd, str(path), (found.st_dev, found.st_ino))

    def in_place(self) -> bool:
        """Whether its path still leads to it."""
        try:
            found = os.stat(self.path)  # noqa: PTH116  runs for each append
        except FileNotFoundError:
            return False
        device, inode = self.identity
        return found.st_ino == inode and found.st_dev == device


class LogEnd:
    """Where the next record goes. To be used under the log's lock only.

    Keeps the last segment open and remembers its end, so that the file is read again only when
    another process has written meanwhile.
    """

    def __init__(self, directory: Path, segment_bytes: int, disk: Disk) -> None:
        self._directory = directory
        self._segment_bytes = segment_bytes
        self._disk = disk
        self._file: OpenFile | None = None
        self._number = 0
        self._following = ""
        self._size = 0
        self._seq = 0
        self._hash = GENESIS

    @property
    def fd(self) -> int:
        """The last segment, open for writing; ``take_up`` comes first."""
        assert self._file is not None
        return self._file.fd

    def lose_track(self) -> None:
        """Close the segment; the next ``take_up`` goes by the files alone."""
        file, self._file = self._file, None
        if file:
            os.close(file.fd)

    def take_up(self) -> None:
        """Stand at the log's end, whoever wrote last, in a segment that has room.

        Raises:
            OSError: a file could not be opened, cut or made.
            CapsuleCorrupt: the last record is damaged, so nothing can be joined on to it.
            CapsulePoisoned: a sync failed.
        """
        if self._file is None or self._others_wrote(self._file.fd):
            self._find_end()
        if self._size >= self._segment_bytes:
            self.sync()
            self._begin(self._number + 1)

    def _others_wrote(self, fd: int) -> bool:
        found = os.fstat(fd)
        return (
            found.st_size != self._size
            or not found.st_nlink  # somebody removed it
            or os.access(self._following, os.F_OK)
        )

    def extend(self, drafts: Sequence[Draft], time: str) -> tuple[list[Record], OSError | None]:
        """Write the drafts as the next records, not yet durably.

        Returns the records that are in the log: all, or as many whole ones as went in before the
        error that comes with them. A part of a record is cut off again.
        """
        records: list[Record] = []
        ends: list[int] = []
        lines: list[bytes] = []
        seq, prev, size = self._seq, self._hash, self._size
        for draft in drafts:
            seq += 1
            line, digest = complete_line(draft.fields, seq, time, prev)
            records.append(
                Record(seq, time, draft.event_type, prev, digest, self._number, size, line[:-1])
            )
            size += len(line)
            prev = digest
            lines.append(line)
            ends.append(size)
        error = self._write(b"".join(lines))
        if error:
            reached = os.fstat(self.fd).st_size
            whole = sum(end <= reached for end in ends)
            del records[whole:]
            size = ends[whole - 1] if whole else self._size
            self._cut(size)
        if records:
            self._seq, self._hash, self._size = records[-1].seq, records[-1].hash, size
        return records, error

    def _write(self, data: bytes) -> OSError | None:
        try:
            while data:
                data = data[self._disk.write(self.fd, data) :]
        except OSError as error:
            return error
        return None

    def _cut(self, size: int) -> None:
        try:
            self._disk.truncate(self.fd, size)
        except OSError:
            return  # what stays is a torn tail, and the next take_up mends those

    def sync(self) -> None:
        """Return once all of the segment is durable; CapsulePoisoned if it never will be."""
        try:
            self._disk.sync(self.fd)
        except OSError as error:
            raise self._poisoned(error) from error

    def _poisoned(self, error: OSError) -> CapsulePoisoned:
        # The kernel drops what it could not write: a second sync would succeed, and lie.
        return CapsulePoisoned(
            f"a sync in {plain(self._directory)} failed ({plain(error.strerror or error)}), so "
            "nothing that this process records can be relied upon",
            remedy="Look after the disk, then start again.",
        )

    def _find_end(self) -> None:
        self.lose_track()
        numbers = segment_numbers(self._directory)
        if not numbers:
            self._seq, self._hash = 0, GENESIS
            self._begin(1)
            return
        self._open(numbers[-1])
        last = self._mended() or self._last_before(numbers[-1])
        self._seq, self._hash = (last.seq, last.hash) if last else (0, GENESIS)
        if self._size == 0:
            self._sync_entries()  # who made the file may have died before that

    def _mended(self) -> Record | None:
        """The open segment's last record, after a torn tail was cut off."""
        self._size = os.fstat(self.fd).st_size
        for offset, line in lines_backward(self.fd, self._size):
            place = Place(self._number, offset)
            if line.endswith(b"\n"):
                return decode(self._directory, place, line)
            if len(line) > MAX_LINE_BYTES or is_garbled_end(line):
                raise corrupt(self._directory, place, "its line end is damaged")
            self._disk.truncate(self.fd, offset)
            self._size = offset
        return None

    def _last_before(self, number: int) -> Record | None:
        for place, line in lines_back(self._directory, Place(number, 0)):
            return decode(self._directory, place, line)
        return None

    def _begin(self, number: int) -> None:
        self.lose_track()
        self._disk.create(self._directory / segment_name(number))
        self._open(number)
        self._size = 0
        self._sync_entries()

    def _open(self, number: int) -> None:
        path = self._directory / segment_name(number)
        self._file = OpenFile.at(path, os.O_RDWR | os.O_APPEND)
        self._number = number
        self._following = str(self._directory / segment_name(number + 1))

    def _sync_entries(self) -> None:
        """Make the segment's directory entry durable; for the first one, the capsule's as well."""
        above = list(self._directory.parents[:2]) if self._number == 1 else []
        try:
            for directory in (self._directory, *above):
                self._disk.sync_directory(directory)
        except OSError as error:
            raise self._poisoned(error) from error
