"""The writer's calls to the operating system, at one place, and what their failures mean."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import sys
from pathlib import Path

from core.errors import CapsuleError
from core.plain import plain

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
        fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        try:
            os.fchmod(fd, 0o600)
        finally:
            os.close(fd)

    def sync_directory(self, path: Path) -> None:
        """Return once the directory's entries are on the medium."""
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def filesystem(self, path: Path) -> str:
        """The type of the file system that holds ``path``; empty where it is not told."""
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
            "locks nor syncs can be relied upon",
            remedy="Work in a copy of the repository on a local disk.",
        )


def explained(error: OSError, directory: Path) -> CapsuleError:
    """The typed error for a failed call, with what to do about it."""
    where = plain(directory)
    reason = plain(error.strerror or error)
    if error.errno in _FULL:
        what, remedy = "the disk is full", "Free some space; the log is whole and goes on then."
    elif error.errno in _FORBIDDEN:
        what, remedy = "it may not be written to", f"Make {where} writable for this user."
    else:
        what, remedy = "writing failed", f"Look after the disk or the path of {where}."
    return CapsuleError(f"cannot record in {where}: {what} ({reason})", remedy=remedy)
