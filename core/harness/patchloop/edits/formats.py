"""The edit formats, and the JSON of a reply in each; ``prompts/`` says the same to the model."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Files up to this many characters in all (some 700 tokens) are asked for whole: small models quote
# the text to replace less surely than they copy a short file, but each token of a copy takes time.
WHOLE_FILE_CHARACTERS = 2400
MOST_EDITS = 8


class EditFormat(StrEnum):
    """How changes are written; ``AUTO`` is one of the others, by the files' length."""

    WHOLE_FILE = "whole_file"
    SEARCH_REPLACE = "search_replace"
    LINE_RANGE = "line_range"
    AUTO = "auto"


_FIELDS: dict[EditFormat, dict[str, Any]] = {
    EditFormat.WHOLE_FILE: {"content": {"type": "string"}},
    EditFormat.SEARCH_REPLACE: {"search": {"type": "string"}, "replace": {"type": "string"}},
    EditFormat.LINE_RANGE: {
        "start": {"type": "integer", "minimum": 1},
        "end": {"type": "integer", "minimum": 0},
        "text": {"type": "string"},
    },
}


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
    fields = {"path": {"type": "string", "enum": list(editable)}, **_FIELDS[edit_format]}
    whole = edit_format is EditFormat.WHOLE_FILE
    return {
        "type": "object",
        "properties": {
            "edits": {
                "type": "array",
                "minItems": 1,
                "maxItems": len(editable) if whole else MOST_EDITS,
                "items": {
                    "type": "object",
                    "properties": fields,
                    "required": list(fields),
                    "additionalProperties": False,
                },
            }
        },
        "required": ["edits"],
        "additionalProperties": False,
    }


def numbered(text: str) -> str:
    """``text`` with each line's number before it, as ``LINE_RANGE`` needs it shown."""
    lines = text.removesuffix("\n").split("\n")
    return "".join(f"{number:>4} | {line}\n" for number, line in enumerate(lines, 1))
