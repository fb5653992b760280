"""Search and replace: the text must occur exactly once, and when it does not, why."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from core.errors import EditRejected
from core.harness.patchloop.edits.text import is_fenced, unfenced, unified

if TYPE_CHECKING:
    from core.harness.patchloop.edits.parsing import SearchReplace

# The nearest match is a hint: long files and long lines are not worth a slow search for it.
_LINES_LOOKED_AT = 1000
_CHARACTERS_COMPARED = 120
_LINES_SHOWN = 12


def replace_once(text: str, edit: SearchReplace) -> tuple[str, int]:
    """``text`` (with LF) with the edit made, and how many fences were taken off.

    Raises:
        EditRejected: The search text is empty, not found, or found more than once.
    """
    search, replacement = unified(edit.search), unified(edit.replace)
    stripped = 0
    if not (is_fenced(search) and search in text):
        fenced = [is_fenced(search), is_fenced(replacement)]
        search = unfenced(search) if fenced[0] else search
        replacement = unfenced(replacement) if fenced[1] else replacement
        stripped = sum(fenced)
    if not search:
        if text:
            raise EditRejected(f"{edit.path}: the search text is empty.")
        return replacement, stripped
    start = text.find(search)
    if start < 0:
        raise EditRejected(_not_found(text, search, edit.path))
    if text.find(search, start + 1) >= 0:
        raise EditRejected(_ambiguous(text, search, edit.path))
    end = start + len(search)
    whole_lines = search.endswith("\n") and (start == 0 or text[start - 1] == "\n")
    if whole_lines and replacement and not replacement.endswith("\n"):
        # Lines are replaced by lines: without this the next one would be joined on.
        replacement += "\n"
    return text[:start] + replacement + text[end:], stripped


def _ambiguous(text: str, search: str, path: str) -> str:
    numbers: list[str] = []
    at = -1
    while (at := text.find(search, at + 1)) >= 0 and len(numbers) < _LINES_SHOWN:
        numbers.append(str(text.count("\n", 0, at) + 1))
    places = ", ".join(numbers)
    return (
        f"{path}: the search text is found more than once (at lines {places}). "
        "Add neighbouring lines until it is found once."
    )


def _not_found(text: str, search: str, path: str) -> str:
    message = f"{path}: the search text is not in the file."
    lines, wanted = text.split("\n"), search.strip("\n").split("\n")
    # The longest line is the one least likely to be near to something else by accident.
    anchor = max(wanted, key=lambda line: len(line.strip()))
    looked_at = [line[:_CHARACTERS_COMPARED] for line in lines[:_LINES_LOOKED_AT]]
    near = get_close_matches(anchor[:_CHARACTERS_COMPARED], looked_at, n=1, cutoff=0.6)
    if not near or not anchor.strip():
        return f"{message} Nothing in it is near; copy the old lines exactly."
    first = max(0, looked_at.index(near[0]) - wanted.index(anchor))
    shown = lines[first : first + min(len(wanted), _LINES_SHOWN)]
    if [line.split() for line in shown] == [line.split() for line in wanted]:
        message += " It differs in white space alone."
    excerpt = "\n".join(line[:_CHARACTERS_COMPARED] for line in shown)
    return f"{message} The nearest lines, from line {first + 1}, are:\n{excerpt}"
