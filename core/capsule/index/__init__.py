"""The index: a projection of the log into SQLite, for paging, filtering and percentiles.

``columns``     which fields of a line become which columns; pure
``folding``     which events are one call
``growing``     reads the log's new lines into the tables, checking the chain on the way
``store``       the SQLite file, in the user's state directory, and reading the log's own records
``query``       filters over single events, pages, counts and percentiles
``listing``     the rows of a routing log, one a call, and filters over them
``ordering``    calls in another order than time's, and by session
``window``      events by kind in a stretch of time, calls and tokens of a day
``projection``  ``Index``: all of that behind one lock, built again whenever it is not sound

The events themselves stay in the log, and no writer waits for the index: it may be removed, damaged
or older than the log at any time. It never lies in a workspace; see ``store``.
"""

from __future__ import annotations

from core.capsule.index.columns import Kind, note_of
from core.capsule.index.folding import Head, OpenCalls, continues, session_name
from core.capsule.index.listing import STATES, CallStep, End, ListedRow, ListedRows
from core.capsule.index.ordering import ORDERS, SessionCalls
from core.capsule.index.projection import Index
from core.capsule.index.query import EventFilter, IndexRow, Latency
from core.capsule.index.window import IndexedAttempt, Seen, Stretch, Tokens, Totals

__all__ = [
    "ORDERS",
    "STATES",
    "CallStep",
    "End",
    "EventFilter",
    "Head",
    "Index",
    "IndexRow",
    "IndexedAttempt",
    "Kind",
    "Latency",
    "ListedRow",
    "ListedRows",
    "OpenCalls",
    "Seen",
    "SessionCalls",
    "Stretch",
    "Tokens",
    "Totals",
    "continues",
    "note_of",
    "session_name",
]
