"""``[notify]`` as the user's own configuration file has it; a project's says nothing here."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from core.errors import NoHome
from core.settings.find import NAMES, user_config_dir
from core.settings.model import Notify
from core.settings.read import parse, read_text

if TYPE_CHECKING:
    from pathlib import Path

    from core.settings import Settings


def own_file() -> Path | None:
    """The user's own configuration file; None where there is none."""
    try:
        own = user_config_dir() / NAMES[0]
    except NoHome:
        return None
    return own if os.path.lexists(own) else None


def own_notify() -> Notify:
    """What the user has chosen, or the defaults.

    Raises:
        ConfigError: the file cannot be read or used.
    """
    own = own_file()
    if own is None:
        return Notify()
    document, _ = parse(read_text(own), str(own))
    return document.notify


def ignored(settings: Settings) -> str:
    """Where a project's file names a command, as ``file:line``; empty where none does."""
    line = settings.lines.get(("notify", "command"))
    path, own = settings.source.path, own_file()
    if line is None or path is None or (own and os.path.realpath(own) == os.path.realpath(path)):
        return ""
    return f"{path.name}:{line}"
