"""The SQLite file itself: opened privately, checked for being ours, thrown away when it is not.

Reading single records of the log by their places.
"""

from __future__ import annotations

import os
import sqlite3
from typing import TYPE_CHECKING, Self

from core.capsule.reader import line_at
from core.capsule.segments import RecordPlace, decode, open_private, open_segment
from core.errors import CapsuleError

if TYPE_CHECKING:
    from pathlib import Path

    from core.capsule.record import Record


NAME = "index.sqlite"
BLOCK_BITS = 10  # a block is 1,024 consecutive seq

_TABLES = {
    "meta": "CREATE TABLE meta (version INTEGER, seq INTEGER, hash TEXT, segment INTEGER,"
    " offset INTEGER, following INTEGER)",
    "kinds": "CREATE TABLE kinds (id INTEGER PRIMARY KEY, event_type TEXT, mode TEXT, reason TEXT,"
    " backend TEXT, model TEXT, stage TEXT, origin TEXT, error TEXT, success INTEGER,"
    " is_fallback INTEGER)",
    "events": "CREATE TABLE events (seq INTEGER PRIMARY KEY, kind INTEGER, time_ms INTEGER,"
    " call INTEGER, latency_ms REAL, ttft_ms REAL, answered INTEGER, note TEXT,"
    " prompt_tokens INTEGER, completion_tokens INTEGER, called TEXT, segment INTEGER,"
    # Of decisions: how many attempts ended, and the last one's kind and figures.
    " offset INTEGER, attempts INTEGER, ended INTEGER, end_latency_ms REAL, end_ttft_ms REAL,"
    " end_tokens INTEGER)",
    "blocks": "CREATE TABLE blocks (block INTEGER, kind INTEGER, events INTEGER,"
    " latest_ms INTEGER, PRIMARY KEY (block, kind)) WITHOUT ROWID",
}
INDEXES = {
    "calls": "CREATE INDEX calls ON events (call) WHERE call IS NOT NULL",
    "answered": "CREATE INDEX answered ON events (kind, time_ms, latency_ms, ttft_ms)"
    " WHERE answered",
}
_VERSION = 4
_SIDE_FILES = ("", "-wal", "-shm", "-journal")


def open_store(directory: Path) -> sqlite3.Connection:
    """The directory's index, empty when it was not there or not ours.

    Where none can be kept (a read-only directory) it is a private temporary one.
    """
    path = directory / NAME
    for _ in range(2):
        try:
            return _opened(path)
        except (sqlite3.DatabaseError, CapsuleError, OSError):
            remove_store(directory)
    return _prepared(sqlite3.connect("", isolation_level=None, check_same_thread=False))


def remove_store(directory: Path) -> None:
    """Remove the index's files, as far as that is allowed."""
    for suffix in _SIDE_FILES:
        try:
            (directory / (NAME + suffix)).unlink(missing_ok=True)
        except OSError:
            return


def identity_of(connection: sqlite3.Connection, directory: Path) -> int:
    """The file's inode; 0 for a temporary index, -1 where the file is gone."""
    if not connection.execute("PRAGMA database_list").fetchone()[2]:
        return 0
    try:
        return (directory / NAME).stat().st_ino
    except OSError:
        return -1


def _opened(path: Path) -> sqlite3.Connection:
    # SQLite gives its side files the modes of this one. None may be a link that was planted.
    os.close(open_private(path, os.O_RDWR | os.O_CREAT))
    for suffix in _SIDE_FILES[1:]:
        side = path.with_name(path.name + suffix)
        if side.is_symlink():
            side.unlink()
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        return _prepared(connection)
    except BaseException:
        connection.close()
        raise


def _prepared(connection: sqlite3.Connection) -> sqlite3.Connection:
    connection.execute("BEGIN IMMEDIATE")
    found = dict(
        connection.execute("SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'")
    )
    if not found:
        for statement in _TABLES.values():
            connection.execute(statement)
        connection.execute("INSERT INTO meta VALUES (?, 0, '', 0, 0, 0)", (_VERSION,))
        found = _TABLES
    (version,) = connection.execute("SELECT version FROM meta").fetchone() or (None,)
    connection.execute("COMMIT")
    expected = _TABLES | INDEXES
    if version != _VERSION or not (
        _TABLES.keys() <= found.keys() and found.items() <= expected.items()
    ):
        raise sqlite3.DatabaseError("this index is of another make")
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
