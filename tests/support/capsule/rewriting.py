"""A log written again with other records, as whoever can write the file can."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from core.capsule import EventLog
from core.capsule.record import GENESIS, complete_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Body = dict[str, Any]
ADDED = ("seq", "time", "schema_version", "prev", "hash")


def rewrite(capsule: Path, change: Callable[[list[Body]], list[Body]]) -> None:
    """Write the log again, changed, with a chain that holds."""
    with EventLog(capsule) as log:
        bodies = change([dict(record.body) for record in log.read()])
    digest = GENESIS
    with (capsule / "events-000001.jsonl").open("wb") as segment:
        for seq, body in enumerate(bodies, 1):
            kept = {name: value for name, value in body.items() if name not in ADDED}
            fields = json.dumps(kept, ensure_ascii=False, separators=(",", ":"))[:-1].encode()
            line, digest = complete_line(fields, seq, body["time"], digest)
            segment.write(line)
    with EventLog(capsule) as log:
        assert log.verify().ok
