"""The edit formats, and the JSON of a reply in each; ``prompts/`` says the same to the model.

A reply's schema lies in ``schemas/``; the hash of that directory is part of a gate pass, as that of
the prompts is.

Which paths an edit may name.

From a reply's JSON to edits: types are checked here, what they mean when they are applied.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any

from core.errors import EditRejected
from core.fingerprint import SCHEMAS
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


_DRIVE = 2


def inside(path: str) -> bool:
    """``path`` is relative and stays below the directory it is taken from, on any system.

    Neither absolute nor with a drive, no empty, ``.`` or ``..`` part, no backslash, no control
    character. Symbolic links are not looked at: that is the writer's to do.
    """
    parts = path.split("/")
    return (
        not any(part in {"", ".", ".."} for part in parts)
        and "\\" not in path
        and path.isprintable()
        and not (len(path) >= _DRIVE and path[1] == ":")
    )


def check(path: str, editable: Sequence[str]) -> None:
    """Let ``path`` pass if it may be edited.

    Raises:
        EditRejected: It leads outside, or is not among ``editable``.
    """
    named = plain(path, 120)
    if not inside(path):
        raise EditRejected(f'The path "{named}" leads outside the workspace.')
    if path not in editable:
        allowed = ", ".join(plain(one, 120) for one in editable[:20])
        raise EditRejected(f'The file "{named}" may not be edited; these may: {allowed}.')


# Files up to this many characters in all (some 400 tokens) are asked for whole. docs/suites.md has
# what was measured: up to about here a small model's copies were sound and its quotes of the text
# to replace often not; longer ones lost imports and neighbours, and took many times the tokens.
WHOLE_FILE_CHARACTERS = 1500


class EditFormat(StrEnum):
    """How changes are written; ``AUTO`` is one of the others, by the files' length."""

    WHOLE_FILE = "whole_file"
    SEARCH_REPLACE = "search_replace"
    LINE_RANGE = "line_range"
    AUTO = "auto"


def resolve(edit_format: EditFormat, files: Mapping[str, str]) -> EditFormat:
    """The format to use for these editable files: ``AUTO`` becomes one of the others."""
    if edit_format is not EditFormat.AUTO:
        return edit_format
    length = sum(map(len, files.values()))
    return EditFormat.WHOLE_FILE if length <= WHOLE_FILE_CHARACTERS else EditFormat.SEARCH_REPLACE


def schema(edit_format: EditFormat, editable: Sequence[str]) -> dict[str, Any]:
    """The JSON Schema of a reply, in the subset that all engines enforce.

    Raises:
        ValueError: The format is still ``AUTO``, or no file may be edited.
    """
    if edit_format is EditFormat.AUTO:
        raise ValueError("auto is no format of its own: resolve it first")
    if not editable:
        raise ValueError("no file may be edited")
    reply: dict[str, Any] = json.loads(_published(edit_format))
    edits = reply["properties"]["edits"]
    edits["items"]["properties"]["path"]["enum"] = list(editable)
    if edit_format is EditFormat.WHOLE_FILE:
        edits["maxItems"] = len(editable)
    return reply


@cache
def _published(edit_format: EditFormat) -> str:
    return (SCHEMAS / f"{edit_format.value}.json").read_text(encoding="utf-8")


def numbered(text: str) -> str:
    """``text`` with each line's number before it, as ``LINE_RANGE`` needs it shown."""
    lines = text.removesuffix("\n").split("\n")
    return "".join(f"{number:>4} | {line}\n" for number, line in enumerate(lines, 1))


MOST_CHARACTERS = 1 << 20
_MOST_EDITS = 64


@dataclass(frozen=True, slots=True)
class WholeFile:
    """``path`` shall hold ``content``."""

    path: str
    content: str


@dataclass(frozen=True, slots=True)
class SearchReplace:
    """``search``, which occurs once in ``path``, becomes ``replace``."""

    path: str
    search: str
    replace: str


@dataclass(frozen=True, slots=True)
class LineRange:
    """Lines ``start`` to ``end`` of ``path``, from 1 and both included, become ``text``.

    An ``end`` of ``start - 1`` inserts before ``start``.
    """

    path: str
    start: int
    end: int
    text: str


Edit = WholeFile | SearchReplace | LineRange

_KINDS: Mapping[EditFormat, type[Edit]] = {
    EditFormat.WHOLE_FILE: WholeFile,
    EditFormat.SEARCH_REPLACE: SearchReplace,
    EditFormat.LINE_RANGE: LineRange,
}


def parse(edit_format: EditFormat, data: object) -> tuple[Edit, ...]:
    """The edits in a reply's parsed JSON.

    Raises:
        EditRejected: It is not what ``schema`` describes, or a text is over 1 MiB, holds NUL or is
            not Unicode.
        ValueError: The format is still ``AUTO``.
    """
    if edit_format is EditFormat.AUTO:
        raise ValueError("auto is no format of its own: resolve it first")
    if not isinstance(data, dict) or data.keys() != {"edits"}:
        raise EditRejected('The reply must be an object with the one key "edits".')
    rows = data["edits"]
    if not isinstance(rows, list) or not rows:
        raise EditRejected('"edits" must be a list with at least one edit.')
    if len(rows) > _MOST_EDITS:
        raise EditRejected(f"{len(rows)} edits are too many; at most {_MOST_EDITS}.")
    return tuple(_edit(_KINDS[edit_format], row, number) for number, row in enumerate(rows, 1))


def _edit(kind: type[Edit], row: object, number: int) -> Edit:
    types = {one.name: int if one.type == "int" else str for one in fields(kind)}
    if not isinstance(row, dict) or row.keys() != types.keys():
        names = ", ".join(f'"{name}"' for name in types)
        raise EditRejected(f"Edit {number} must be an object with the keys {names}, and no other.")
    values: dict[str, Any] = {}
    for name, wanted in types.items():
        value = row[name]
        # bool is an int to Python, but not to JSON.
        if not isinstance(value, wanted) or isinstance(value, bool):
            noun = "a whole number" if wanted is int else "text"
            raise EditRejected(f'Edit {number}: "{name}" must be {noun}.')
        if isinstance(value, str):
            _check_text(value, f'Edit {number}: "{name}"')
        values[name] = value
    return kind(**values)


def _check_text(text: str, where: str) -> None:
    if len(text) > MOST_CHARACTERS:
        raise EditRejected(f"{where} is too long: {len(text)} characters.")
    if "\0" in text:
        raise EditRejected(f"{where} holds a NUL character.")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        broken = plain(ascii(text[error.start]), 20)
        raise EditRejected(f"{where} holds {broken}, which is no character by itself.") from None
