"""Which format ``auto`` is for a job's files.

Up to a length the file, as code; above, the functions alone where that can be: all files are Python
with functions, and a check that fails says which are wrong. Else search and replace.
"""

from __future__ import annotations

import tomllib
from functools import cache
from typing import TYPE_CHECKING

from core.errors import ConfigError
from core.fingerprint import SCHEMAS
from core.patchloop.formats import EditFormat
from core.patchloop.masking import functions_by_name, parsed, reached_sources
from core.stages import EDIT_FORMATS

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


def fits(edit_format: EditFormat, files: Mapping[str, str]) -> bool:
    """Whether any edit of these editable files can be written in ``edit_format``.

    ``FUNCTION`` needs Python that can be read; all others are for any text.
    """
    return edit_format is not EditFormat.FUNCTION or any(
        _has_functions(path, text) or (path.endswith(".py") and parsed(text) is not None)
        for path, text in files.items()
    )


def refuse_unfit(edit_format: EditFormat, files: Mapping[str, str], *, named: str) -> None:
    """Refuse, before any call, a format in which no edit of ``files`` could be written.

    Raises:
        ConfigError: It is one; ``named`` says what the files are.
    """
    if not fits(edit_format, files):
        others = ", ".join(one for one in EDIT_FORMATS if one != edit_format)
        raise ConfigError(
            f"the edit format {edit_format} is for Python files, and {named} can be read as Python",
            remedy=f"Use another format: {others}.",
        )


def _has_functions(path: str, text: str) -> bool:
    tree = parsed(text) if path.endswith(".py") else None
    return tree is not None and bool(functions_by_name(tree))


@cache
def _limits() -> dict[str, int]:
    return tomllib.loads((SCHEMAS / "auto.toml").read_text(encoding="utf-8"))
