"""Changing stage0.toml in place: some keys, comments and order kept, whole or not at all."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

import tomlkit

from core.errors import ConfigError
from core.settings.find import NAMES
from core.settings.read import key_lines, line_of, parse, read_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from core.settings.read import Settings


def set_enabled(settings: Settings, *, on: bool) -> tuple[Path, int]:
    """Set ``[reflex] enabled``; as ``set_reflex``, with the line that now holds it."""
    path, lines = set_reflex(settings, {"enabled": on})
    return path, lines["enabled"]


def set_reflex(settings: Settings, values: Mapping[str, bool | str]) -> tuple[Path, dict[str, int]]:
    """Set keys of ``[reflex]`` in the file the settings came from, or in a new one.

    Comments, order and all else stay. Returns the file and the line that now holds each key.

    Raises:
        ConfigError: the file cannot be read or written, or the result would not be valid.
    """
    path, _, text = edited_reflex(settings, values)
    replace_text(path, text)
    lines = key_lines(text)
    return path, {name: line_of(("reflex", name), lines) or 1 for name in values}


def edited_reflex(settings: Settings, values: Mapping[str, bool | str]) -> tuple[Path, str, str]:
    """What ``set_reflex`` would write: the file, its text now (empty: there is none), and then.

    Raises:
        ConfigError: the file cannot be read, or the result would not be valid.
    """
    path = settings.source.path or settings.source.root / NAMES[0]
    before = read_text(path) if path.exists() else ""
    document = tomlkit.parse(before)
    document.setdefault("reflex", tomlkit.table()).update(values)
    after = tomlkit.dumps(document)
    parse(after, str(path))
    return path, before, after


def replace_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` atomically, keeping its mode.

    Raises:
        ConfigError: it cannot be written.
    """
    target = path.resolve()
    try:
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o644
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}-")
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)  # noqa: PTH105  one atomic call
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error
