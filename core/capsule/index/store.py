"""The index's SQLite file: where it lies, opening it safely, its tables; and the log's records.

SQLite does what a file says: a planted one, or a planted journal beside it, can name other files
for it to delete. So the index lies with the user, never in a workspace.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import sqlite3
from hashlib import sha256
from typing import TYPE_CHECKING, Self

from core.capsule.reader import line_at
from core.capsule.segments import RecordPlace, decode, open_segment
from core.errors import NoHome
from core.files import STATE, make_private, names_in, open_state, read_state
from core.userdirs import user_dir

if TYPE_CHECKING:
    from pathlib import Path

    from core.capsule.record import Record


NAME = "index.sqlite"
_OF = "capsule"  # beside it: whose index it is
BLOCK_BITS = 10  # a block is 1,024 consecutive seq

_TABLES = {
    "meta": "CREATE TABLE meta (version INTEGER, seq INTEGER, hash TEXT, segment INTEGER,"
    " offset INTEGER, following INTEGER)",
    "kinds": "CREATE TABLE kinds (id INTEGER PRIMARY KEY, event_type TEXT, mode TEXT, reason TEXT,"
    " backend TEXT, model TEXT, stage TEXT, origin TEXT, error TEXT, success INTEGER,"
    " is_fallback INTEGER, follows INTEGER)",
    "courses": "CREATE TABLE courses (id INTEGER PRIMARY KEY, kinds TEXT)",
    "events": "CREATE TABLE events (seq INTEGER PRIMARY KEY, kind INTEGER, time_ms INTEGER,"
    " call INTEGER, latency_ms REAL, ttft_ms REAL, answered INTEGER, note TEXT,"
    " prompt_tokens INTEGER, completion_tokens INTEGER, called TEXT, session TEXT,"
    " segment INTEGER, offset INTEGER,"
    # Of a call's first decision: how the call went on, how many attempts ended, the last one's
    # kind and figures, but the latency of all.
    " course INTEGER, attempts INTEGER, ended INTEGER, end_latency_ms REAL, end_ttft_ms REAL,"
    " end_tokens INTEGER)",
    "blocks": "CREATE TABLE blocks (block INTEGER, kind INTEGER, events INTEGER,"
    " latest_ms INTEGER, PRIMARY KEY (block, kind)) WITHOUT ROWID",
}
INDEXES = {
    "calls": "CREATE INDEX calls ON events (call) WHERE call IS NOT NULL",
    "answered": "CREATE INDEX answered ON events (kind, time_ms, latency_ms, ttft_ms)"
    " WHERE answered",
}
_VERSION = 5
_SIDE_FILES = ("", "-wal", "-shm", "-journal")


def store_file(directory: Path) -> Path | None:
    """Where a capsule's index lies: in the user's own state directory, by the capsule's path.

    Never in the workspace, which may come from anybody: SQLite does what a planted file says.
    None where the user has no such directory outside of the workspace.
    """
    capsule = directory.resolve()
    try:
        root = user_dir("state").resolve()
    except (OSError, NoHome):
        return None
    workspace = capsule.parent.parent if capsule.parent.name == STATE else capsule
    if root.is_relative_to(workspace):
        return None
    return root / "index" / sha256(os.fsencode(capsule)).hexdigest()[:32] / NAME


def open_store(file: Path | None, capsule: Path) -> sqlite3.Connection:
    """The index of ``capsule`` in ``file``, empty when it was not there or is damaged.

    Where none can be kept (no home, a read-only one) it is a private temporary one.

    Raises:
        sqlite3.OperationalError: It is there, and another process holds it for long.
    """
    for _ in range(2 if file else 0):
        assert file
        try:
            return _opened(file, capsule)
        except (sqlite3.DatabaseError, OSError) as error:
            if is_busy(error):
                raise
            remove_store(file)
    return _prepared(sqlite3.connect("", isolation_level=None, check_same_thread=False))


def is_busy(error: Exception) -> bool:
    """Whether SQLite says that another process holds the index: it is not damaged then."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the errors that we raise have none
    return code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def remove_store(file: Path) -> None:
    """Remove the index's files, as far as that is allowed."""
    for suffix in _SIDE_FILES:
        try:
            file.with_name(NAME + suffix).unlink(missing_ok=True)
        except OSError:
            return


def identity_of(connection: sqlite3.Connection, file: Path | None) -> int:
    """The file's inode; 0 for a temporary index, -1 where the file is gone."""
    if file is None or not connection.execute("PRAGMA database_list").fetchone()[2]:
        return 0
    try:
        return file.lstat().st_ino
    except OSError:
        return -1


def _opened(file: Path, capsule: Path) -> sqlite3.Connection:
    make_private(file.parent)
    # Held until the index is there: what one process makes, another would take for planted.
    owner = open_state(file.with_name(_OF), os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(owner, fcntl.LOCK_EX)
        fresh = not os.path.lexists(file)
        if fresh:
            os.pwrite(owner, os.fsencode(capsule), 0)
            _forget_gone(file.parent.parent)
        # SQLite gives its side files the modes of this one.
        descriptor = open_state(file, os.O_RDWR | os.O_CREAT)
        try:
            _refuse_strangers(file, os.fstat(descriptor))
        finally:
            os.close(descriptor)
        # This index is always in WAL mode, so a rollback journal is not ours; nor is any side file
        # of an index that was not there.
        for suffix in _SIDE_FILES[1:]:
            side = file.with_name(NAME + suffix)
            if side.is_symlink() or (side.exists() and (fresh or suffix == "-journal")):
                side.unlink()
        return _connected(file)
    finally:
        os.close(owner)


def _connected(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        return _prepared(connection)
    except BaseException:
        connection.close()
        raise


def _forget_gone(root: Path) -> None:
    """Remove the indexes of capsules that are no longer there."""
    for name in names_in(root):
        try:
            capsule = read_state(root / name / _OF, limit=1 << 13)
        except OSError:
            continue
        if capsule and not os.path.lexists(capsule):
            shutil.rmtree(root / name, ignore_errors=True)


def _refuse_strangers(file: Path, found: os.stat_result) -> None:
    directory = file.parent.stat()
    mine = found.st_uid == directory.st_uid == os.geteuid()
    if not mine or found.st_nlink != 1 or directory.st_mode & 0o022:
        raise PermissionError(errno.EPERM, "it is not this user's alone", str(file))


def _prepared(connection: sqlite3.Connection) -> sqlite3.Connection:
    # Looking takes no lock: whoever is adding to the index may hold it for long.
    found = dict(
        connection.execute("SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'")
    )
    if not found:
        connection.execute("BEGIN IMMEDIATE")
        for statement in _TABLES.values():
            connection.execute(statement)
        connection.execute("INSERT INTO meta VALUES (?, 0, '', 0, 0, 0)", (_VERSION,))
        connection.execute("COMMIT")
        found = _TABLES
    (version,) = connection.execute("SELECT version FROM meta").fetchone() or (None,)
    expected = _TABLES | INDEXES
    if version != _VERSION or not (
        _TABLES.keys() <= found.keys() and found.items() <= expected.items()
    ):
        raise sqlite3.DatabaseError("this index was made by another version")
    return connection


_BLOCK = 1 << 14


class Places:
    """The records of one directory; those that lie close together are read together."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._segment: int | None = None
        self._fd = -1
        self._block = b""
        self._begin = 0

    def record(self, place: RecordPlace) -> Record:
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
