"""Which format ``auto`` is for a job's files.

Up to a length the file, as code; above, the functions alone where that can be: all files are Python
with functions, and a check that fails says which are wrong. Else search and replace.
"""

from __future__ import annotations

import tomllib
from functools import cache
from typing import TYPE_CHECKING

from core.fingerprint import SCHEMAS
from core.patchloop.formats import EditFormat
from core.patchloop.masking import functions_by_name, parsed, reached_sources

if TYPE_CHECKING:
    from collections.abc import Mapping


def resolve(edit_format: EditFormat, files: Mapping[str, str], failing: str = "") -> EditFormat:
    """The format to use for these editable files (path to text), of which ``failing`` is said.

    ``AUTO`` becomes one of the others; those stay.
    """
    if edit_format is not EditFormat.AUTO:
        return edit_format
    limits = _limits()
    if sum(map(len, files.values())) <= limits["whole_file_characters"]:
        return EditFormat.CODE
    if failing.strip() and all(_has_functions(path, text) for path, text in files.items()):
        reached = reached_sources(files, tuple(files), failing)
        if max(map(len, reached)) <= limits["function_characters"]:
            return EditFormat.FUNCTION
    return EditFormat.SEARCH_REPLACE


def _has_functions(path: str, text: str) -> bool:
    tree = parsed(text) if path.endswith(".py") else None
    return tree is not None and bool(functions_by_name(tree))


@cache
def _limits() -> dict[str, int]:
    return tomllib.loads((SCHEMAS / "auto.toml").read_text(encoding="utf-8"))
