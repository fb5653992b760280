"""``index.sqlite``: a projection of the log for paging, filtering and percentiles at any size.

It may be removed, damaged or older than the log at any time; a reader builds it anew. The events
themselves stay in the log.
"""

from __future__ import annotations

from core.capsule.index.columns import Kind, note_of
from core.capsule.index.projection import Index
from core.capsule.index.query import End, EventFilter, IndexRow, Latency, ListedRow, ListedRows
from core.capsule.index.window import Seen, Slice, Stretch, Tokens, Totals

__all__ = [
    "End",
    "EventFilter",
    "Index",
    "IndexRow",
    "Kind",
    "Latency",
    "ListedRow",
    "ListedRows",
    "Seen",
    "Slice",
    "Stretch",
    "Tokens",
    "Totals",
    "note_of",
]
