"""A solution written, or taken back, and the event that says so."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from core.capsule import EventLog
from core.capsule.events import PatchAppliedEvent, PatchUndoneEvent
from core.errors import CapsuleError
from core.implement.undo import Undone, undo, write_with_way_back

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from core.capsule.events import Event
    from core.implement.task import Solved
    from core.implement.writing import Change
    from core.settings import Settings


def apply_solution(settings: Settings, root: Path, solved: Solved) -> str | None:
    """Write a solution's changes below ``root``; returns a warning when that is not on record.

    Raises:
        ConfigError: A file has been changed since it was read; nothing was written.
        OSError: A file cannot be written; nothing was.
    """
    assert solved.answer is not None
    call_id = solved.answer.call_id
    write_with_way_back(settings, root, solved.changes, call_id=call_id, run_id=solved.run_id)
    return _recorded(
        settings,
        PatchAppliedEvent(
            run_id=solved.run_id,
            policy_hash=solved.policy_hash,
            call_id=call_id,
            files=_names(settings, root, solved.changes),
            lines_changed=solved.lines_changed,
            solved=True,
        ),
    )


def take_back(settings: Settings, root: Path) -> tuple[Undone, str | None]:
    """Undo what was written last; with a warning when that is not on record. Raises as ``undo``."""
    undone = undo(settings, root)
    event = PatchUndoneEvent(
        run_id=undone.run_id,
        call_id=undone.call_id,
        files=_names(settings, root, undone.changes),
    )
    return undone, _recorded(settings, event)


def _names(settings: Settings, root: Path, changes: Iterable[Change]) -> list[str]:
    """The paths as evidence has them: relative to the workspace, which may lie below ``root``."""
    return [os.path.relpath(root / one.path, settings.source.root) for one in changes]


def _recorded(settings: Settings, event: Event) -> str | None:
    try:
        with EventLog(settings.state_dir / "capsule") as log:
            log.append(event)
    except CapsuleError as error:
        return f"this is not in the capsule: {error.message}"
    return None
