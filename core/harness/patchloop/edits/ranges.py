"""Line ranges: all numbers are those of the file as the model was shown it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.errors import EditRejected
from core.harness.patchloop.edits.text import is_fenced, lines_of, unfenced, unified

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.harness.patchloop.edits.parsing import LineRange


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
