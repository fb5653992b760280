"""The edit formats, and the JSON of a reply in each; ``prompts/`` says the same to the model.

A reply's schema lies in ``schemas/``; the hash of that directory is part of a gate pass, as that of
the prompts is.
"""

from __future__ import annotations

import json
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any

from core.fingerprint import SCHEMAS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
