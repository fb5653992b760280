"""The reply formats: the schema of each, and the edits in a reply; ``prompts/`` asks for them.

Types and paths are checked here, what edits mean when they are applied. A schema lies in
``schemas/``; the hash of that directory is part of a gate pass, as that of the prompts is.
"""

from __future__ import annotations

import json
import re
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


class EditFormat(StrEnum):
    """How changes are written; ``AUTO`` is one of the others: ``core.patchloop.auto`` says which.

    ``CODE`` is a whole file as a list of its lines, ``WHOLE_FILE`` as one string, both in JSON;
    ``FUNCTION`` is a Python function alone, as a list of its lines in JSON; ``FENCE`` is a whole
    file in a Markdown block, without JSON.
    """

    CODE = "code"
    FUNCTION = "function"
    WHOLE_FILE = "whole_file"
    SEARCH_REPLACE = "search_replace"
    LINE_RANGE = "line_range"
    FENCE = "fence"
    AUTO = "auto"


WHOLE_FORMATS = frozenset({EditFormat.CODE, EditFormat.WHOLE_FILE, EditFormat.FENCE})
# Others quote the text that would be hidden.
MASKABLE = WHOLE_FORMATS | {EditFormat.FUNCTION}


def compliance_title(edit_format: object) -> str:
    """What the share of replies in their format is called; ``FENCE`` alone is no JSON."""
    return "reply compliance" if edit_format == EditFormat.FENCE else "JSON compliance"


def schema(edit_format: EditFormat, editable: Sequence[str]) -> dict[str, Any]:
    """The JSON Schema of a reply, in the subset that all engines enforce.

    Raises:
        ValueError: The format is ``AUTO`` or ``FENCE``, or no file may be edited.
    """
    _refuse_without_json(edit_format)
    if not editable:
        raise ValueError("no file may be edited")
    reply: dict[str, Any] = json.loads(_published(edit_format))
    edits = reply["properties"]["edits"]
    edits["items"]["properties"]["path"]["enum"] = list(editable)
    if edit_format in WHOLE_FORMATS:
        edits["maxItems"] = len(editable)
    return reply


def _refuse_without_json(edit_format: EditFormat) -> None:
    if edit_format in {EditFormat.AUTO, EditFormat.FENCE}:
        raise ValueError(f"{edit_format} is not a JSON format; resolve auto first")


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


@dataclass(frozen=True, slots=True)
class FunctionBody:
    """``function`` of ``path``, ``CLASS.NAME`` for a method, becomes ``code``.

    ``core.patchloop.definitions`` says what ``code`` may hold beside it.
    """

    path: str
    function: str
    code: str


Edit = WholeFile | FunctionBody | SearchReplace | LineRange

_KINDS: Mapping[EditFormat, type[Edit]] = {
    EditFormat.CODE: WholeFile,
    EditFormat.FUNCTION: FunctionBody,
    EditFormat.WHOLE_FILE: WholeFile,
    EditFormat.SEARCH_REPLACE: SearchReplace,
    EditFormat.LINE_RANGE: LineRange,
}


def parse(edit_format: EditFormat, data: object) -> tuple[Edit, ...]:
    """The edits in a reply's parsed JSON.

    Raises:
        EditRejected: It is not what ``schema`` describes, or a text is over 1 MiB, holds NUL or is
            not Unicode.
        ValueError: The format is ``AUTO`` or ``FENCE``.
    """
    _refuse_without_json(edit_format)
    if not isinstance(data, dict) or data.keys() != {"edits"}:
        raise EditRejected('The reply must be an object with the one key "edits".')
    rows = data["edits"]
    if not isinstance(rows, list) or not rows:
        raise EditRejected('"edits" must be a list with at least one edit.')
    if len(rows) > _MOST_EDITS:
        raise EditRejected(f"{len(rows)} edits are too many; at most {_MOST_EDITS}.")
    if renamed := _LISTS.get(edit_format):
        rows = [_joined(row, number, renamed) for number, row in enumerate(rows, 1)]
    return tuple(_edit(_KINDS[edit_format], row, number) for number, row in enumerate(rows, 1))


# Formats whose "code" is a list of lines, and what it is called once they are joined.
_LISTS = {EditFormat.CODE: "content", EditFormat.FUNCTION: "code"}


def _joined(row: object, number: int, renamed: str) -> object:
    """A row with its lines joined into one text; what is not such a row is refused later."""
    if not isinstance(row, dict) or "code" not in row or renamed in row.keys() - {"code"}:
        wanted = '"path", "function", "code"' if renamed == "code" else '"path", "code"'
        raise EditRejected(f"Edit {number} must be an object with the keys {wanted}, and no other.")
    lines = row["code"]
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise EditRejected(f'Edit {number}: "code" must be a list of lines of text.')
    text = "".join(line.removesuffix("\n") + "\n" for line in lines)
    return {name: value for name, value in row.items() if name != "code"} | {renamed: text}


_HEADING = re.compile(r"#{1,6} (?:File:? )?`?([^`\n]+?)`?:?")
_OPENING = re.compile(r"(`{3,})[\w+#.-]*")


def parse_fenced(text: str, editable: Sequence[str]) -> tuple[WholeFile, ...]:
    """The files in a reply of Markdown blocks: each after a heading with its path, and no more.

    A single editable file needs no heading. A block ends with as many backticks as it began with,
    so a file that holds such a line needs a longer fence.

    Raises:
        EditRejected: There is anything else, no block, one that does not end, or a file twice.
    """
    _check_text(text, "The reply")
    lines = text.replace("\r\n", "\n").strip().split("\n")
    found: dict[str, WholeFile] = {}
    at = 0
    while at < len(lines):
        path = editable[0] if len(editable) == 1 else ""
        if heading := _HEADING.fullmatch(lines[at].strip()):
            path = heading[1]
            at += 1
        opening = _OPENING.fullmatch(lines[at].rstrip()) if at < len(lines) else None
        if opening is None or not path:
            wanted = "a block" if path else "a heading with a file's path"
            raise EditRejected(f"Line {at + 1} of the reply must be {wanted}, and nothing else.")
        try:
            end = lines.index(opening[1], at + 1)
        except ValueError:
            raise EditRejected(f"The block that begins in line {at + 1} does not end.") from None
        if path in found:
            raise EditRejected(f"{plain(path, 120)}: the file is given twice; give it once.")
        found[path] = WholeFile(path, "".join(f"{line}\n" for line in lines[at + 1 : end]))
        at = end + 1
        while at < len(lines) and not lines[at].strip():
            at += 1
    return tuple(found.values())


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
        raise EditRejected(f"{where} holds {broken}, which is not a character.") from None
