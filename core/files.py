"""State files: the one opener, and writers that leave a file whole or not at all.

A workspace comes from anywhere, so what lies below ``.speckit/`` is hostile input. ``open_state``
and ``read_state`` follow no link from there on, open regular files only, and never wait on a FIFO.
A file with a second name (a hard link) may be any of the user's, and is not written. Directories
are made 0700 and files 0600, whatever the umask. Everything that reads or writes state goes through
this module; reports, which a user may want to share, keep the user's own umask.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import CapsuleError, UnsafeFile
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

STATE = ".speckit"
MOST_BYTES = 64 * 1024 * 1024
MOST_NAMES = 50_000
_REGULAR = "Remove it; state files are regular files and no links."
_COPY = "Replace it by a copy: cp FILE FILE.new && mv FILE.new FILE."
_ASIDE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def open_state(path: Path, flags: int = os.O_RDONLY) -> int:
    """A descriptor of the regular file at ``path``; 0600 when ``flags`` make it.

    Raises:
        UnsafeFile: it, or a directory from ``.speckit`` on, is a link; or it is no regular file; or
            it has a second name, and ``flags`` allow to write.
        OSError: as ``os.open`` raises it.
    """
    refuse_links(path)
    try:
        # What is there is emptied only once it is known to be ours.
        descriptor = os.open(path, (flags | _ASIDE) & ~os.O_TRUNC, 0o600)
    except OSError as error:
        if path.is_symlink():
            raise _unsafe(path, "is a link") from error
        raise
    try:
        _refuse_foreign(os.fstat(descriptor), path, flags)
        if flags & os.O_CREAT:
            os.fchmod(descriptor, 0o600)
        if flags & os.O_TRUNC:
            os.ftruncate(descriptor, 0)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _refuse_foreign(status: os.stat_result, path: Path, flags: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise _unsafe(path, "is not a regular file")
    if status.st_nlink > 1 and flags & (os.O_WRONLY | os.O_RDWR):
        raise _unsafe(path, "has a second name (a hard link)", _COPY)


def cannot_be_opened(path: Path, error: OSError) -> CapsuleError:
    """What to raise where ``open_state`` or ``make_private`` raised ``error`` for a file."""
    return CapsuleError(
        f"{plain(path)} cannot be opened: {plain(error.strerror or error)}",
        remedy=f"Make {plain(path.parent)} a directory that you can write to.",
    )


def state_opener(path: str, flags: int) -> int:
    """``open_state`` as the ``opener`` of ``open``."""
    return open_state(Path(path), flags)


def read_state(path: Path, *, limit: int = MOST_BYTES) -> bytes:
    """All of the state file at ``path``, at most ``limit`` bytes.

    Raises:
        UnsafeFile: as ``open_state``, or it is larger than ``limit``.
        OSError: it cannot be read.
    """
    with os.fdopen(open_state(path), "rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise _unsafe(path, f"is larger than {limit:,} bytes")
    return data


def refuse_links(path: Path) -> None:
    """Refuse a path of which a part from the last ``.speckit`` on is a link.

    Raises:
        UnsafeFile: such a part is a link.
    """
    parts = path.absolute().parts
    if STATE not in parts:
        return
    first = len(parts) - 1 - parts[::-1].index(STATE)
    for end in range(first + 1, len(parts) + 1):
        part = Path(*parts[:end])
        if part.is_symlink():
            raise _unsafe(part, "is a link")


def names_in(directory: Path) -> list[str]:
    """The names in a state directory; none where there is no such directory.

    Raises:
        UnsafeFile: a part of it from ``.speckit`` on is a link, or it holds over ``MOST_NAMES``.
        OSError: it cannot be listed.
    """
    refuse_links(directory)
    try:
        with os.scandir(directory) as listing:
            names = [entry.name for entry in islice(listing, MOST_NAMES + 1)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    if len(names) > MOST_NAMES:
        raise _unsafe(directory, f"holds over {MOST_NAMES:,} files", "Move the oldest ones away.")
    return names


def _unsafe(path: Path, what: str, remedy: str = _REGULAR) -> UnsafeFile:
    error = UnsafeFile(f"{plain(path)} {what}", remedy=remedy)
    error.strerror = f"it {what}"  # for those who name the path themselves
    return error


def make_private(directory: Path) -> list[Path]:
    """Make the directory and its missing parents, 0700 each; returns those made.

    Raises:
        UnsafeFile: a part of it from ``.speckit`` on is a link.
    """
    refuse_links(directory)
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


def add_lines(path: Path, lines: Iterable[str], *, limit: int) -> None:
    """Add to a list, one a line, those of ``lines`` that it lacks; no other process's are lost.

    Raises:
        OSError: it cannot be written, or what is there cannot be read and would be lost.
    """
    import fcntl

    make_private(path.parent)
    lock = open_state(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        kept = read_state(path, limit=limit) if path.exists() else b""
        known = kept.decode(errors="replace").splitlines()  # one damaged line costs no other
        if new := [line for line in dict.fromkeys(lines) if line not in known]:
            write_private(path, "".join(f"{line}\n" for line in (*known, *new)))
    finally:
        os.close(lock)


def replace_whole(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path``, replacing what is there; readers see all of either.

    Raises:
        OSError: It cannot be written; what was there still is.
    """
    with staged(path, data) as temporary:
        os.replace(temporary, path)  # noqa: PTH105  one atomic call


def replace_user_file(path: Path, data: bytes) -> None:
    """Write ``data`` to a file of the user's, whole or not at all; mode, owner and group stay.

    Raises:
        UnsafeFile: it is a link, or no regular file.
        OSError: it cannot be written, or is not there; what was there still is.
    """
    with staged_like(path, data) as temporary:
        os.replace(temporary, path)  # noqa: PTH105  one atomic call
    sync_directory(path.parent)


@contextlib.contextmanager
def staged_like(path: Path, data: bytes) -> Iterator[Path]:
    """As ``staged``, with the mode, owner, group and extended attributes of the file ``path``.

    An owner that this process may not give stays its own; with it, only the group is kept.

    Raises:
        UnsafeFile: it is a link, or no regular file.
        OSError: it is not there, or cannot be written beside.
    """
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise _unsafe(path, "is not a regular file")
    with staged(path, data) as temporary:
        for owner in (status.st_uid, -1):
            if _given(temporary, owner, status.st_gid):
                break
        _copy_attributes(path, temporary)
        temporary.chmod(stat.S_IMODE(status.st_mode))  # last: a new owner clears some bits
        yield temporary


def _given(path: Path, owner: int, group: int) -> bool:
    """Whether a file could be given away; -1 leaves the owner."""
    try:
        os.chown(path, owner, group)
    except PermissionError:
        return False
    except OSError as error:
        if error.errno != errno.EINVAL:  # a user namespace, as a container's, has no such id
            raise
        return False
    return True


def _copy_attributes(source: Path, target: Path) -> None:
    """Access lists and the like, where the system has them and lets us."""
    if not hasattr(os, "listxattr"):
        return
    with contextlib.suppress(OSError):
        for name in os.listxattr(source, follow_symlinks=False):
            with contextlib.suppress(OSError):
                os.setxattr(target, name, os.getxattr(source, name, follow_symlinks=False))


@contextlib.contextmanager
def staged(path: Path, data: bytes) -> Iterator[Path]:
    """``data`` synced to a hidden file beside ``path``, gone afterwards unless it was moved.

    Its mode is that of any new file, as the user's umask has it.
    """
    refuse_links(path.parent)
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
