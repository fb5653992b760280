"""What the user has accepted of projects' files, kept with the user's own configuration.

One line of the list is a digest, of exactly what was accepted in which workspace, and that
workspace. What a project's file says can therefore never accept itself.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from core.errors import ConfigError
from core.files import add_lines, read_state
from core.settings.find import user_config_dir

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_MOST_BYTES = 1 << 20


def store() -> Path:
    """The user's own list: a digest and the workspace, one a line."""
    return user_config_dir() / "accepted-thresholds"


def has_accepted(workspace: Path, what: Mapping[str, object]) -> bool:
    """Whether the user accepted exactly ``what`` for this workspace."""
    try:
        lines = read_state(store(), limit=_MOST_BYTES).decode().splitlines()
    except (OSError, UnicodeDecodeError):
        return False
    return _digest(workspace, what) in {line.partition(" ")[0] for line in lines}


def remember(workspace: Path, what: Mapping[str, object]) -> None:
    """Remember that the user accepts ``what`` for this workspace.

    Raises:
        ConfigError: The list cannot be written.
    """
    if has_accepted(workspace, what):
        return
    path = store()
    line = f"{_digest(workspace, what)} {json.dumps(str(workspace.resolve()))}"
    try:
        add_lines(path, [line], limit=_MOST_BYTES)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error


def _digest(workspace: Path, what: Mapping[str, object]) -> str:
    about = {"workspace": str(workspace.resolve()), **what}
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
