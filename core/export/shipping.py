"""Shipping records to a destination in batches: in order, each at least once.

A small file for each destination, the cursor, says what it has taken; it moves after each batch.
"""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol

from core.errors import CapsuleError
from core.export.genai import spans_of
from core.files import make_private, open_state
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from core.capsule import EventLog, Record
    from core.export.genai import SpanFields


class Cursor:
    """The last record that a destination has taken, held by one process at a time."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def after(self, log: EventLog) -> int:
        """The ``seq`` to go on after: 0 for a new destination, or a log that was replaced."""
        try:
            kept = json.loads(os.pread(self._descriptor, 4096, 0) or b"null")
            seq, digest = int(kept["seq"]), str(kept["hash"])
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
            return 0
        record = log.get(seq)
        return seq if record is not None and record.hash == digest else 0

    def move(self, record: Record) -> None:
        """Note that everything up to ``record`` was taken."""
        # Padded, so that one write replaces what was there whole: no truncation in between.
        text = json.dumps({"seq": record.seq, "hash": record.hash}).ljust(256) + "\n"
        os.pwrite(self._descriptor, text.encode(), 0)


@contextmanager
def cursor_for(state_dir: Path, destination: str) -> Iterator[Cursor]:
    """The cursor of ``destination``, locked.

    Raises:
        CapsuleError: another process ships there, or the file cannot be opened.
    """
    directory = state_dir / "export"
    path = directory / f"{sha256(destination.encode()).hexdigest()[:16]}.json"
    try:
        make_private(directory)
        descriptor = open_state(path, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        raise CapsuleError(
            f"{plain(path)} cannot be opened: {plain(error.strerror or error)}",
            remedy=f"Make {plain(directory)} a directory that you can write to.",
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CapsuleError(
                f"another process is exporting this capsule to {plain(destination)}",
                remedy="Wait for it, or stop it first.",
            ) from error
        yield Cursor(descriptor)
    finally:
        os.close(descriptor)


MOST_RECORDS = 256
# Collectors refuse requests from some MiB on.
MOST_BYTES = 2 << 20


class Destination(Protocol):
    """Whoever takes spans; raises ExportError when it does not."""

    def send(self, spans: Sequence[SpanFields]) -> None:
        """Return once all are taken."""


def ship_batch(
    log: EventLog,
    cursor: Cursor,
    destination: Destination,
    *,
    with_io: bool,
    after: int = 0,
    until: int | None = None,
) -> list[Record]:
    """Ship the next records after the cursor, and after ``after``; none left: an empty list.

    Raises:
        ExportError: they were not taken; the cursor stays.
        CapsuleCorrupt: the next one is damaged.
    """
    start = max(cursor.after(log), after)
    batch = _batch(log, start, until)
    if batch:
        destination.send([s for record in batch for s in spans_of(record, with_io=with_io)])
        cursor.move(batch[-1])
    return batch


def _batch(log: EventLog, after: int, until: int | None) -> list[Record]:
    limit = MOST_RECORDS if until is None else min(MOST_RECORDS, until - after)
    batch: list[Record] = []
    size = 0
    for record in log.read(after=after, limit=max(0, limit)):
        size += len(record.line)
        if batch and size > MOST_BYTES:
            break
        batch.append(record)
    return batch
