"""The log's end as a writer has it under the lock: found, repaired, extended, continued.

``Disk`` holds the writer's calls to the operating system, so that tests can make each fail;
``explained`` says what a failure means.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from core.capsule.record import GENESIS, MAX_LINE_BYTES, Record, complete_line, is_garbled_end
from core.capsule.segments import (
    RecordPlace,
    corrupt,
    decode,
    lines_back,
    lines_backward,
    segment_name,
    segment_numbers,
)
from core.errors import CapsuleError, CapsulePoisoned, UnsafeFile
from core.files import open_state, sync_directory
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Sequence


# Locks and syncs of these are promises of another machine, kept or not by its configuration.
_NETWORK = re.compile(
    r"nfs\d?|cifs|smb\w*|afs|ceph|lustre|gpfs|beegfs|ncpfs?|coda|davfs|glusterfs|ocfs2|gfs2?"
    r"|fuse\.(?:sshfs|s3fs|gcsfuse|rclone|glusterfs|ceph\S*|davfs2?|curlftpfs|smb\w*|nfs\w*|goofys"
    r"|blobfuse\d?|juicefs|moosefs|mfs|hdfs\S*)"
)
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


class Disk:
    """What a writer asks of the operating system; tests put their faults here."""

    def write(self, fd: int, data: bytes) -> int:
        """Append; the number of bytes written, which may be fewer than asked."""
        return os.write(fd, data)

    def sync(self, fd: int) -> None:
        """Return once the file's content is on the medium."""
        if sys.platform == "darwin":  # there, only this empties the drive's own cache
            fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
        else:
            os.fdatasync(fd)

    def truncate(self, fd: int, size: int) -> None:
        """Cut the file to ``size`` bytes."""
        os.ftruncate(fd, size)

    def create(self, path: Path) -> None:
        """Make an empty file, 0600, that must not exist."""
        os.close(open_state(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))

    def sync_directory(self, path: Path) -> None:
        """Return once the directory's entries are on the medium."""
        sync_directory(path)

    def filesystem(self, path: Path) -> str:
        """The type of the file system that holds ``path``; empty where it is not known."""
        try:
            table = Path("/proc/self/mountinfo").read_text(errors="surrogateescape")
        except OSError:
            return ""
        return filesystem_type(table, path.resolve())


def filesystem_type(mountinfo: str, path: Path) -> str:
    """The type of the innermost mount above ``path`` in the text of a ``mountinfo``."""
    found, depth = "", -1
    for row in mountinfo.splitlines():
        fields, _, source = row.partition(" - ")
        columns = fields.split(" ")
        if len(columns) < 5 or not source:  # noqa: PLR2004  the fifth is the mount point
            continue
        point = Path(re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), columns[4]))
        # Of two on one point, the later covers the earlier.
        if path.is_relative_to(point) and len(point.parts) >= depth:
            found, depth = source.split(" ")[0], len(point.parts)
    return found


def refuse_network(disk: Disk, directory: Path) -> None:
    """Raise CapsuleError where the directory lies on a network file system."""
    kind = disk.filesystem(directory)
    if _NETWORK.fullmatch(kind):
        raise CapsuleError(
            f"{plain(directory)} lies on a network file system ({plain(kind)}), where neither "
            "locks nor syncs can be relied on",
            remedy="Work in a copy of the repository on a local disk.",
        )


def explained(error: OSError, directory: Path) -> CapsuleError:
    """The typed error for a failed call, with what to do about it."""
    if isinstance(error, UnsafeFile):
        return CapsuleError(error.message, remedy=error.remedy)
    where = plain(directory)
    reason = plain(error.strerror or error)
    if error.errno in _FULL:
        what, remedy = "the disk is full", "Free some space; the log is whole and works again then."
    elif error.errno in _FORBIDDEN:
        what, remedy = "it may not be written to", f"Make {where} writable for this user."
    else:
        what, remedy = "writing failed", f"Check the disk and the path of {where}."
    return CapsuleError(f"cannot record in {where}: {what} ({reason})", remedy=remedy)


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
        """Open a state file; see ``core.files.open_state``."""
        fd = open_state(path, flags)
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
        """Find the log's end, whoever wrote last, and begin a new segment when this one is full.

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
            return  # what stays is a torn tail, and the next take_up cuts it off

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
            "nothing that this process records can be relied on",
            remedy="Check the disk, then start again.",
        )

    def _find_end(self) -> None:
        self.lose_track()
        numbers = segment_numbers(self._directory)
        if not numbers:
            self._seq, self._hash = 0, GENESIS
            self._begin(1)
            return
        self._open(numbers[-1])
        last = self._repaired() or self._last_before(numbers[-1])
        self._seq, self._hash = (last.seq, last.hash) if last else (0, GENESIS)
        if self._size == 0:
            self._sync_entries()  # who made the file may have died before that

    def _repaired(self) -> Record | None:
        """The open segment's last record, after a torn tail was cut off."""
        self._size = os.fstat(self.fd).st_size
        for offset, line in lines_backward(self.fd, self._size):
            place = RecordPlace(self._number, offset)
            if line.endswith(b"\n"):
                return decode(self._directory, place, line)
            if len(line) > MAX_LINE_BYTES or is_garbled_end(line):
                raise corrupt(self._directory, place, "its line end is damaged")
            self._disk.truncate(self.fd, offset)
            self._size = offset
        return None

    def _last_before(self, number: int) -> Record | None:
        for place, line in lines_back(self._directory, RecordPlace(number, 0)):
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
