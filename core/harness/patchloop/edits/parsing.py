"""From a reply's JSON to edits: types are checked here, what they mean when they are applied."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from core.errors import EditRejected
from core.harness.patchloop.edits.formats import EditFormat
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

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
