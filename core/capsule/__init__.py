"""The evidence: an append-only, hash-chained event log, and what is built on it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.capsule.log import EventLog
    from core.capsule.reader import Verification
    from core.capsule.record import GENESIS, Record

_HOMES = {
    "EventLog": "core.capsule.log",
    "GENESIS": "core.capsule.record",
    "Record": "core.capsule.record",
    "Verification": "core.capsule.reader",
}

__all__ = ["GENESIS", "EventLog", "Record", "Verification"]


def __getattr__(name: str) -> Any:
    """Import public names on first use, so that importing the package costs nothing."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'core.capsule' has no attribute {name!r}")
