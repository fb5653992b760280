"""Shipping records batch by batch: at least once each, in order, the cursor moved after each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from core.export.spans import span_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.capsule import EventLog, Record
    from core.export.cursor import Cursor
    from core.export.spans import SpanFields

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
        destination.send([span_of(record, with_io=with_io) for record in batch])
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
