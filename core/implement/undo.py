"""A solution written or undone, with the event that says so.

What the files held is kept first, sealed with the user's key, so that ``--undo`` can put it back
once; what travels with a repository is not believed.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.capsule.events import PatchAppliedEvent, PatchUndoneEvent
from core.capsule.keys import seal, seal_holds, user_key
from core.errors import ConfigError
from core.files import read_state, write_private
from core.implement.recording import recorded
from core.implement.user_files import FileChange, read_one, write_all
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from core.implement.work import Solved
    from core.settings import Settings


_MOST_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Undone:
    """What was undone: the changes in reverse, and the call whose reply it had been."""

    changes: tuple[FileChange, ...]
    call_id: str
    run_id: str


def undo_file(settings: Settings) -> Path:
    """Where the files' former contents are kept, 0600, out of git."""
    return settings.state_dir / "implement" / "undo.json"


def write_undoable(
    settings: Settings, root: Path, changes: Sequence[FileChange], *, call_id: str, run_id: str
) -> None:
    """Keep what the files hold, then write the changes; raises as ``write_all``.

    Killed in between, it leaves an undo that fits what was written and what was not. Where
    nothing was written, the earlier undo stays.
    """
    file = undo_file(settings)
    try:
        earlier = read_state(file, limit=_MOST_BYTES).decode(errors="replace")
    except FileNotFoundError:
        earlier = None
    body: dict[str, Any] = {
        "schema_version": 1,
        "repository": str(root),
        "call_id": call_id,
        "run_id": run_id,
        "files": [
            {
                "path": one.path,
                "before": base64.b64encode(one.before).decode(),
                "after_sha256": hashlib.sha256(one.after).hexdigest(),
            }
            for one in changes
        ],
    }
    body["seal"] = seal(body, settings.source.root, user_key())
    write_private(file.with_name(".gitignore"), "*\n")
    write_private(file, json.dumps(body))
    try:
        write_all(root, changes)
    except BaseException:
        if earlier is None:
            file.unlink()
        else:
            write_private(file, earlier)
        raise


def undo(settings: Settings, root: Path) -> Undone:
    """Put back what was there before the last change.

    Raises:
        ConfigError: There is nothing to undo, it is of another repository or not this user's, or a
            file has been changed since; then nothing is written.
        OSError: A file cannot be written.
    """
    file = undo_file(settings)
    body = _kept(settings, file)
    if body["repository"] != str(root):
        raise ConfigError(
            f"the last change was made in {plain(body['repository'])}, not here",
            remedy="Go there first.",
        )
    changes: list[FileChange] = []
    different: list[str] = []
    for row in body["files"]:
        before = base64.b64decode(row["before"])
        try:
            now = read_one(root, row["path"])
        except ConfigError:  # removed, or a link by now
            different.append(row["path"])
            continue
        if hashlib.sha256(now.data).hexdigest() == row["after_sha256"]:
            changes.append(FileChange(row["path"], now.data, before))
        elif now.data != before:
            different.append(row["path"])
    if different:
        raise ConfigError(
            f"changed since: {', '.join(plain(path, 200) for path in different)}; nothing was "
            "undone",
            remedy="Undoing would overwrite that. What was there before is kept, as base64, in "
            f"{plain(file)}.",
        )
    write_all(root, changes)
    file.unlink()
    return Undone(tuple(changes), str(body["call_id"]), str(body["run_id"]))


def _kept(settings: Settings, file: Path) -> dict[str, Any]:
    try:
        body = json.loads(read_state(file, limit=_MOST_BYTES))
    except FileNotFoundError:
        raise ConfigError(
            "there is nothing to undo", remedy="Only the last change can be undone."
        ) from None
    except (ValueError, RecursionError):
        body = None
    # What travels with a repository says nothing: only what this user wrote, here, is believed.
    if not isinstance(body, dict) or not seal_holds(body, settings.source.root, user_key()):
        raise ConfigError(
            f"{plain(file)} was not written by you, here",
            remedy="Remove it; look at git's history.",
        )
    return body


def apply_solution(settings: Settings, root: Path, solved: Solved) -> str | None:
    """Write a solution's changes below ``root``; returns a warning when that is not on record.

    Raises:
        ConfigError: A file has been changed since it was read; nothing was written.
        OSError: A file cannot be written; nothing was.
    """
    assert solved.answer is not None
    call_id = solved.answer.call_id
    write_undoable(settings, root, solved.changes, call_id=call_id, run_id=solved.run_id)
    return recorded(
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


def undo_recorded(settings: Settings, root: Path) -> tuple[Undone, str | None]:
    """Undo what was written last; with a warning when that is not on record. Raises as ``undo``."""
    undone = undo(settings, root)
    event = PatchUndoneEvent(
        run_id=undone.run_id,
        call_id=undone.call_id,
        files=_names(settings, root, undone.changes),
    )
    return undone, recorded(settings, event)


def _names(settings: Settings, root: Path, changes: Iterable[FileChange]) -> list[str]:
    """The paths as evidence has them: relative to the workspace, which may lie below ``root``."""
    return [os.path.relpath(root / one.path, settings.source.root) for one in changes]
