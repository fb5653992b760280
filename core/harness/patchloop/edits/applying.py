"""Edits made on a mapping of files: nothing is read from or written to a disk here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import EditRejected
from core.harness.patchloop.edits.diff import unified_diff
from core.harness.patchloop.edits.parsing import (
    MOST_CHARACTERS,
    Edit,
    LineRange,
    SearchReplace,
    WholeFile,
)
from core.harness.patchloop.edits.paths import check
from core.harness.patchloop.edits.ranges import replace_ranges
from core.harness.patchloop.edits.searching import replace_once
from core.harness.patchloop.edits.text import is_fenced, restored, unfenced, unified

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


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
        EditRejected: An edit may not or cannot be made, or all of them together change nothing;
            its text is meant for the model that wrote them.
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
        raise EditRejected("The edits change nothing: the files are already so.")
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
            text, stripped = _whole(text, edit)
        elif original is None:
            raise EditRejected(f"{path}: there is no such file yet.")
        elif isinstance(edit, SearchReplace):
            text, fences = replace_once(text, edit)
            stripped += fences
    ranges = [edit for edit in group if isinstance(edit, LineRange)]
    if ranges:
        text, stripped = replace_ranges(text, ranges)
    if len(text) > MOST_CHARACTERS:
        raise EditRejected(f"{path}: the file would grow to {len(text)} characters.")
    return restored(original or "", text), stripped


def _whole(text: str, edit: WholeFile) -> tuple[str, int]:
    content = unified(edit.content)
    if not is_fenced(content) or is_fenced(text):
        return content, 0
    return unfenced(content) + "\n", 1
