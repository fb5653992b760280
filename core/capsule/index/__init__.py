"""The index: a projection of the log into SQLite, for paging, filtering and percentiles.

``columns``     which fields of a line become which columns; pure
``growing``     reads the log's new lines into the tables, checking the chain on the way
``store``       the SQLite file, in the user's state directory, and reading the log's own records
``query``       filters, pages, counts and percentiles
``window``      events by kind in a stretch of time, calls and tokens of a day
``projection``  ``Index``: all of that behind one lock, built again whenever it is not sound

The events themselves stay in the log, and no writer waits for the index: it may be removed, damaged
or older than the log at any time. It never lies in a workspace; see ``store``.
"""

from __future__ import annotations

from core.capsule.index.columns import Kind, note_of
from core.capsule.index.projection import Index
from core.capsule.index.query import End, EventFilter, IndexRow, Latency, ListedRow, ListedRows
from core.capsule.index.window import IndexedAttempt, Seen, Stretch, Tokens, Totals

__all__ = [
    "End",
    "EventFilter",
    "Index",
    "IndexRow",
    "IndexedAttempt",
    "Kind",
    "Latency",
    "ListedRow",
    "ListedRows",
    "Seen",
    "Stretch",
    "Tokens",
    "Totals",
    "note_of",
]
