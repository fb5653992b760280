"""Changing stage0.toml in place: some keys of ``[reflex]``; comments, order and all else stay.

tomlkit knows how each key is written (in a table, an inline table, or dotted). What it made is read
again before it is written: only the keys that were meant may differ.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from core.errors import ConfigError
from core.files import replace_user_file, replace_whole
from core.settings.find import NAMES
from core.settings.read import key_lines, line_of, parse, read_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from core.settings.model import Document
    from core.settings.read import Settings


_LF = re.compile(r"(?<!\r)\n")


def set_enabled(settings: Settings, *, on: bool) -> tuple[Path, int]:
    """Set ``[reflex] enabled``; as ``set_reflex``, with the line that now holds it."""
    path, lines = set_reflex(settings, {"enabled": on})
    return path, lines["enabled"]


def set_reflex(settings: Settings, values: Mapping[str, bool | str]) -> tuple[Path, dict[str, int]]:
    """Set keys of ``[reflex]`` in the file the settings came from, or in a new one.

    Returns the file and the line that now holds each key.

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
    try:
        after = _edited(before, values)
    except (TOMLKitError, TypeError, ValueError, RecursionError) as error:
        raise _refused(path) from error
    document, _ = parse(after, str(path))
    if document != _expected(before, values, str(path)):
        raise _refused(path)
    return path, before, after


def replace_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path``, whole or not at all; mode, owner and group stay.

    Raises:
        ConfigError: it cannot be written.
    """
    target = path.resolve()  # a person may keep it elsewhere, behind a link
    write = replace_user_file if target.exists() else replace_whole
    try:
        write(target, text.encode())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error


def _edited(text: str, values: Mapping[str, bool | str]) -> str:
    document = tomlkit.parse(text)
    if "reflex" not in document:
        document["reflex"] = tomlkit.table()
    table: Any = document["reflex"]
    added = [name for name in values if name not in table]
    for name, value in values.items():
        table[name] = value
    after = tomlkit.dumps(document)
    for name in added:
        after = _beside_the_others(after, name)
    return _with_its_line_ends(after, text)


def _beside_the_others(text: str, name: str) -> str:
    """The new key above what stands before the next table, which is usually said of that table."""
    number = key_lines(text).get(("reflex", name))
    if number is None:
        return text  # in an inline table
    lines = text.split("\n")
    at = number - 1
    while at and (not lines[at - 1].strip() or lines[at - 1].lstrip().startswith("#")):
        at -= 1
    lines.insert(at, lines.pop(number - 1))
    return "\n".join(lines)


def _with_its_line_ends(after: str, before: str) -> str:
    """``after`` with CRLF throughout where ``before`` has nothing else."""
    ends = before.count("\n")
    return _LF.sub("\r\n", after) if ends and before.count("\r\n") == ends else after


def _expected(text: str, values: Mapping[str, bool | str], name: str) -> Document:
    document, _ = parse(text, name)
    return document.model_copy(update={"reflex": document.reflex.model_copy(update=dict(values))})


def _refused(path: Path) -> ConfigError:
    return ConfigError(
        f"{path}: cannot be changed safely, so nothing was written",
        remedy="Write the keys of [reflex] by hand, each on a line of its own.",
    )
