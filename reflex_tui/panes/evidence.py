"""Reading the capsule for a pane: older pages, and one call's records. For threads: it blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.capsule import EventLog
from reflex_tui.messages import OlderCame

if TYPE_CHECKING:
    from pathlib import Path

    from core.capsule import Record
    from reflex_tui.panes.rows import Row

PAGE = 2000
# A call's events lie close together: further off than this they are not looked for.
_NEAR = 400


def older(capsule: Path, before: int, page: int = PAGE) -> OlderCame:
    """The page of events before ``before``.

    Raises:
        CapsuleError: they cannot be read.
    """
    records = EventLog(capsule).before(before, page)
    return OlderCame(tuple(records), more_before=bool(records) and records[0].seq > 1)


def call_records(capsule: Path, row: Row) -> tuple[list[Record], list[bool]]:
    """The records of the row's call, oldest first, and whether each follows the one before it.

    A row without a call is its own record only.

    Raises:
        CapsuleError: they cannot be read.
    """
    log = EventLog(capsule)
    around = [*log.before(row.seq, _NEAR), *log.read(row.seq - 1, limit=_NEAR)]
    records = [
        record
        for record in around
        if record.seq == row.seq or (row.call_id and str(record.body.get("call_id")) == row.call_id)
    ]
    hashes = {record.seq: record.hash for record in around}
    linked = []
    for record in records:
        if record.seq == 1:
            linked.append(True)
            continue
        before = hashes.get(record.seq - 1)
        if before is None and (found := log.get(record.seq - 1)):
            before = found.hash
        linked.append(before == record.prev)
    return records, linked
