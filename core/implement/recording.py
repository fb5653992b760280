"""Puts what ``implement`` did on record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.capsule import EventLog
from core.errors import CapsuleError

if TYPE_CHECKING:
    from core.capsule.events import Event
    from core.settings import Settings


def recorded(settings: Settings, event: Event) -> str | None:
    """Append an event; returns a warning when that failed, as what it tells of has happened."""
    try:
        with EventLog(settings.state_dir / "capsule") as log:
            log.append(event)
    except CapsuleError as error:
        return f"this is not in the capsule: {error.message}"
    return None
