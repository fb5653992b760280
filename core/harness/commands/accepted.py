"""Which places of the machine a suite's checks may read, by the user's own word.

A suite may come with a repository, so what its ``bind`` asks for is shown to model-written code
only after the user named the same place in this workspace: ``code reflex suite … --bind PATH``. The
list is kept with the user's configuration, not with the project.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import ConfigError, SuiteError
from core.files import add_lines, read_state
from core.plain import plain
from core.settings.find import user_config_dir

if TYPE_CHECKING:
    from collections.abc import Iterable

_MOST_BYTES = 1 << 20


def accept_places(workspace: Path, places: Iterable[str]) -> None:
    """Remember that checks of this workspace's suites may read ``places``.

    Raises:
        ConfigError: The list cannot be written.
    """
    try:
        add_lines(_store(), [_line(workspace, place) for place in places], limit=_MOST_BYTES)
    except OSError as error:
        raise ConfigError(f"{_store()}: cannot be written: {error.strerror}") from error


def refuse_unaccepted(workspace: Path, places: Iterable[str]) -> None:
    """Raise ``SuiteError`` for the first of ``places`` that the user has not accepted here."""
    known = _lines()
    for place in places:
        if _line(workspace, place) not in known:
            raise SuiteError(
                f"the suite wants to show {plain(place, 200)} to model-written code",
                remedy="If it may be read: code reflex suite check SUITE --bind "
                f"{plain(place, 200)}",
            )


def _line(workspace: Path, place: str) -> str:
    about = [str(workspace.resolve()), str(Path(place).resolve())]
    return f"{hashlib.sha256(json.dumps(about).encode()).hexdigest()} {json.dumps(about[1])}"


def _store() -> Path:
    return user_config_dir() / "accepted-places"


def _lines() -> list[str]:
    try:
        return read_state(_store(), limit=_MOST_BYTES).decode().splitlines()
    except (OSError, UnicodeDecodeError):
        return []
