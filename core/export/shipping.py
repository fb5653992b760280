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

from core.clock import SystemClock
from core.errors import CapsuleError
from core.export.genai import abandoned_span, spans_of
from core.export.unended import UnendedCalls
from core.files import cannot_be_opened, make_private, open_state
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from core.capsule import EventLog, Record
    from core.export.genai import SpanFields


_CURSOR_BYTES = 4096


class Cursor:
    """The last record that a destination has taken, held by one process at a time.

    ``open_calls`` holds for the log of the last ``after``: the calls that had not ended there.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.open_calls: tuple[int, ...] = ()

    def after(self, log: EventLog) -> int:
        """The ``seq`` to go on after: 0 for a new destination, or a log that was replaced."""
        self.open_calls = ()
        try:
            kept = json.loads(os.pread(self._descriptor, _CURSOR_BYTES, 0) or b"null")
            seq, digest = int(kept["seq"]), str(kept["hash"])
            calls = tuple(int(one) for one in kept.get("open", ()))
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
            return 0
        record = log.get(seq)
        if record is None or record.hash != digest:
            return 0
        self.open_calls = tuple(one for one in calls if 0 < one <= seq)
        return seq

    def move(self, record: Record, open_calls: Sequence[int] = ()) -> None:
        """Note that everything up to ``record`` was taken, and which calls had not ended there."""
        kept = {"seq": record.seq, "hash": record.hash, "open": list(open_calls)}
        # Padded, so that one write replaces what was there whole: no truncation in between.
        text = json.dumps(kept, separators=(",", ":")).ljust(_CURSOR_BYTES - 1) + "\n"
        os.pwrite(self._descriptor, text.encode(), 0)


@contextmanager
def cursor_for(state_dir: Path, destination: str) -> Iterator[Cursor]:
    """The cursor of ``destination``, locked.

    Raises:
        CapsuleError: another process ships there, or the file cannot be opened.
    """
    path = state_dir / "export" / f"{sha256(destination.encode()).hexdigest()[:16]}.json"
    try:
        make_private(path.parent)
        descriptor = open_state(path, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        raise cannot_be_opened(path, error) from error
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
    now: datetime | None = None,
) -> list[Record]:
    """Ship the next records after the cursor, and after ``after``; none left: an empty list.

    With them go the root spans of calls that nobody will end any more, by the time ``now``.

    Raises:
        ExportError: they were not taken; the cursor stays.
        CapsuleCorrupt: the next one is damaged.
    """
    taken = cursor.after(log)
    start = max(taken, after)
    batch = _batch(log, start, until)
    calls = UnendedCalls(log, cursor.open_calls)
    calls.take(batch)
    # What is not shipped yet may hold a call's end.
    abandoned = [] if batch else calls.abandoned(now or SystemClock().now())
    spans = [span for record in batch for span in spans_of(record, with_io=with_io)]
    spans += filter(None, map(abandoned_span, abandoned))
    last = batch[-1] if batch else log.get(taken)
    if spans and last is not None:
        destination.send(spans)
        cursor.move(last, calls.without(abandoned))
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
