"""The capsule: an append-only, hash-chained event log of a workspace, and what reads it.

``events``     one model a type of event: what is recorded
``record``     one event as a line of JSON with ``seq``, ``time``, ``prev`` and ``hash``
``segments``   the files, and walking their lines both ways
``logend``     the log's end: repaired, extended, continued in a new file
``append``     lock, write, unlock, sync, acknowledge; concurrent writers share a sync
``reader``     reading, following and verifying; readers take no lock
``log``        ``EventLog``: all of that for one directory
``capture``    what is kept of requests and replies, without secrets
``keys``       the user's key, keyed hashes and seals; ``decisions`` the order of gate decisions
``replay``     a recorded call again, offline; ``index`` a projection for questions

An event is on the disk before it is acknowledged, and a decision before its call leaves. Public are
the names below, the events' models and ``core.capsule.index``.
"""

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
