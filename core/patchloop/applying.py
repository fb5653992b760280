"""Edits made on a mapping of files: nothing is read from or written to a disk here.

A search must be found exactly once; line numbers are those of the file as the model was shown it.
What cannot be applied is refused with a text for the model that wrote it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

from core.errors import EditRejected, EditUnchanged
from core.patchloop.definitions import replace_function
from core.patchloop.diff import is_fenced, lines_of, restored, unfenced, unified, unified_diff
from core.patchloop.formats import (
    MOST_CHARACTERS,
    Edit,
    FunctionBody,
    LineRange,
    SearchReplace,
    WholeFile,
    check,
)
from core.patchloop.imports import with_needed_imports

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def replace_ranges(text: str, edits: Sequence[LineRange]) -> tuple[str, int]:
    """``text`` (with LF) with all ranges replaced, and how many fences were taken off.

    Raises:
        EditRejected: A range lies outside the file, runs backwards, or overlaps another.
    """
    lines = lines_of(text)
    made: list[str] = []
    done = stripped = 0
    for edit in sorted(edits, key=lambda one: (one.start, one.end)):
        _check(edit, len(lines))
        if edit.start <= done:
            raise EditRejected(
                f"{edit.path}: the range {edit.start} to {edit.end} overlaps another, which ends "
                f"at line {done}. Join them."
            )
        new = unified(edit.text)
        if is_fenced(new) and not is_fenced("".join(lines[edit.start - 1 : edit.end])):
            new, stripped = unfenced(new), stripped + 1
        made += lines[done : edit.start - 1]
        made += [line.removesuffix("\n") + "\n" for line in lines_of(new)]
        done = edit.end
    made += lines[done:]
    # A last line without a newline may no longer be the last.
    return "".join(line.removesuffix("\n") + "\n" for line in made), stripped


def _check(edit: LineRange, count: int) -> None:
    if not 1 <= edit.start <= count + 1 or edit.end > count:
        raise EditRejected(
            f"{edit.path}: the range {edit.start} to {edit.end} is outside the file, which has "
            f"{count} lines."
        )
    if edit.end < edit.start - 1:
        raise EditRejected(f"{edit.path}: the range {edit.start} to {edit.end} runs backwards.")


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


@dataclass(frozen=True, slots=True)
class Applied:
    """All ``files`` after the edits, and which of them ``changed``.

    ``lines_changed`` counts lines added plus removed, ``fences_stripped`` the Markdown fences that
    enclosed a text and were taken off; ``diff`` is unified.
    """

    files: dict[str, str]
    changed: tuple[str, ...]
    lines_changed: int
    fences_stripped: int
    diff: str


def apply(files: Mapping[str, str], edits: Sequence[Edit], editable: Sequence[str]) -> Applied:
    """Make all ``edits`` on ``files`` (path to text), or none.

    Newline style and final newline stay the file's own. Edits of one file are of one kind:
    searches are made one after the other, line numbers all refer to the file as given.

    Raises:
        EditRejected: An edit may not or cannot be made; its text is meant for the model that wrote
            them.
        EditUnchanged: All of them together change nothing.
    """
    by_path: dict[str, list[Edit]] = {}
    for edit in edits:
        check(edit.path, editable)
        by_path.setdefault(edit.path, []).append(edit)
    after = dict(files)
    stripped = 0
    for path, group in by_path.items():
        after[path], fences = _edited(path, files.get(path), group)
        stripped += fences
    changed = tuple(path for path in by_path if files.get(path) != after[path])
    if not changed:
        raise EditUnchanged("The edits change nothing: the files are already so.")
    diffs = [unified_diff(path, files.get(path), after[path]) for path in changed]
    return Applied(
        files=after,
        changed=changed,
        lines_changed=sum(count for _, count in diffs),
        fences_stripped=stripped,
        diff="".join(text for text, _ in diffs),
    )


def _edited(path: str, original: str | None, group: Sequence[Edit]) -> tuple[str, int]:
    """The file's new text, and how many fences were taken off."""
    if len({type(edit) for edit in group}) > 1:
        raise EditRejected(f"{path}: edits of several kinds cannot be combined.")
    text = unified(original or "")
    stripped = 0
    for edit in group:
        if isinstance(edit, WholeFile):
            if len(group) > 1:
                raise EditRejected(f"{path}: the file is given twice; give it once.")
            text, stripped = _whole(path, text, edit)
        elif original is None:
            raise EditRejected(f"{path}: there is no such file yet.")
        elif isinstance(edit, FunctionBody):
            text, fences = _function(text, edit)
            stripped += fences
        elif isinstance(edit, SearchReplace):
            text, fences = replace_once(text, edit)
            stripped += fences
    ranges = [edit for edit in group if isinstance(edit, LineRange)]
    if ranges:
        text, stripped = replace_ranges(text, ranges)
    if len(text) > MOST_CHARACTERS:
        raise EditRejected(f"{path}: the file would grow to {len(text)} characters.")
    return restored(original or "", text), stripped


def _function(before: str, edit: FunctionBody) -> tuple[str, int]:
    fenced = is_fenced(edit.code)
    bare = replace(edit, code=unfenced(edit.code)) if fenced else edit
    return replace_function(before, bare), int(fenced)


def _whole(path: str, before: str, edit: WholeFile) -> tuple[str, int]:
    after, stripped = unified(edit.content), 0
    if is_fenced(after) and not is_fenced(before):
        after, stripped = unfenced(after) + "\n", 1
    return (with_needed_imports(before, after) if path.endswith(".py") else after), stripped
