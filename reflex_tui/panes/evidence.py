"""Reading one call's records from the capsule. For threads: it blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.capsule import EventLog
from core.capsule.index import Index

if TYPE_CHECKING:
    from pathlib import Path

    from core.capsule import Record
    from reflex_tui.panes.rows import Row

# So many events on both sides are looked through; the index knows those further off.
_NEAR = 200


def call_records(capsule: Path, row: Row) -> tuple[list[Record], list[bool]]:
    """The records of the row's call, oldest first, and whether each follows the one before it.

    A row without a call is its own record only.

    Raises:
        CapsuleError: they cannot be read.
    """
    log = EventLog(capsule)
    around = {
        record.seq: record
        for record in (*log.before(row.seq, _NEAR), *log.read(row.seq - 1, limit=_NEAR))
    }
    if row.call_id:
        with Index(log) as index:
            further = [seq for seq in index.seqs(row.call_id) if seq not in around]
        around |= {seq: record for seq in further if (record := log.get(seq))}
    records = [
        record
        for _, record in sorted(around.items())
        if record.seq == row.seq or (row.call_id and str(record.body.get("call_id")) == row.call_id)
    ]
    return records, [_follows(log, around, record) for record in records]


def _follows(log: EventLog, around: dict[int, Record], record: Record) -> bool:
    if record.seq == 1:
        return True
    before = around.get(record.seq - 1) or log.get(record.seq - 1)
    return before is not None and before.hash == record.prev
