"""A unified diff whose cost stays bounded, whatever a model wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.harness.patchloop.edits.matching import matches
from core.harness.patchloop.edits.text import lines_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CONTEXT = 3

Block = tuple[int, int, int, int]


def unified_diff(path: str, old: str | None, new: str) -> tuple[str, int]:
    """The diff of one file (``old`` None: it is new), and its lines added plus removed."""
    before, after = lines_of(old or ""), lines_of(new)
    changes = list(_changes(before, after))
    if not changes and old is not None:
        return "", 0
    source = "/dev/null" if old is None else f"a/{path}"
    hunks = "".join(_hunk(before, after, group) for group in _grouped(changes))
    count = sum(i2 - i1 + j2 - j1 for i1, i2, j1, j2 in changes)
    return f"--- {source}\n+++ b/{path}\n{hunks}", count


def _changes(before: Sequence[str], after: Sequence[str]) -> Iterator[Block]:
    """Which lines of both differ: before[i1:i2] became after[j1:j2]."""
    i = j = 0
    for i_same, j_same in (*matches(before, after), (len(before), len(after))):
        if i < i_same or j < j_same:
            yield i, i_same, j, j_same
        i, j = i_same + 1, j_same + 1


def _grouped(changes: Sequence[Block]) -> list[list[Block]]:
    """Changes that are near enough to share a hunk, together."""
    groups: list[list[Block]] = []
    for change in changes:
        if groups and change[0] - groups[-1][-1][1] <= 2 * CONTEXT:
            groups[-1].append(change)
        else:
            groups.append([change])
    return groups


def _hunk(before: Sequence[str], after: Sequence[str], changes: Sequence[Block]) -> str:
    lead = min(CONTEXT, changes[0][0])
    trail = min(CONTEXT, len(before) - changes[-1][1])
    i, j = changes[0][0] - lead, changes[0][2] - lead
    i_end, j_end = changes[-1][1] + trail, changes[-1][3] + trail
    out = [f"@@ -{_span(i, i_end)} +{_span(j, j_end)} @@\n"]
    for i1, i2, j1, j2 in changes:
        out += [_marked(" ", line) for line in before[i:i1]]
        out += [_marked("-", line) for line in before[i1:i2]]
        out += [_marked("+", line) for line in after[j1:j2]]
        i = i2
    out += [_marked(" ", line) for line in before[i:i_end]]
    return "".join(out)


def _span(first: int, end: int) -> str:
    count = end - first
    start = first + 1 if count else first
    return f"{start}" if count == 1 else f"{start},{count}"


def _marked(mark: str, line: str) -> str:
    return mark + line if line.endswith("\n") else f"{mark}{line}\n\\ No newline at end of file\n"
