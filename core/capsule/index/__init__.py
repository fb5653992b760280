"""``index.sqlite``: a projection of the log for paging, filtering and percentiles at any size.

It may be removed, damaged or older than the log at any time; a reader builds it anew. The events
themselves stay in the log.
"""

from __future__ import annotations

from core.capsule.index.projection import Index
from core.capsule.index.query import Filter, Latency, Row

__all__ = ["Filter", "Index", "Latency", "Row"]
