"""A unified diff whose cost stays bounded, whatever a model wrote; and texts made comparable.

Models wrap code in Markdown fences and change newlines on the way through JSON: both are undone.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


_FENCE = re.compile(r"[ ]{0,3}(?P<fence>`{3,}|~{3,})(?P<info>[^`]*)")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")


def lines_of(text: str) -> list[str]:
    """The lines with their newlines; only LF ends one."""
    return _LINE.findall(text)


def is_fenced(text: str) -> bool:
    """One Markdown fence encloses the whole: its first line opens it and its last closes it."""
    lines = text.strip().split("\n")
    opening = _FENCE.fullmatch(lines[0].rstrip())
    if opening is None or len(lines) == 1:
        return False
    fence = opening["fence"]
    closing = lines[-1].strip()
    if set(closing) != {fence[0]} or len(closing) < len(fence):
        return False
    # A fence at the margin in between means several blocks, not one.
    return not any(line.startswith(fence) for line in lines[1:-1])


def unfenced(text: str) -> str:
    """The inside of a text that ``is_fenced``, without a final newline."""
    return "\n".join(text.strip().split("\n")[1:-1])


def unified(text: str) -> str:
    """CRLF as LF; a lone CR stays."""
    return text.replace("\r\n", "\n")


def restored(original: str, edited: str) -> str:
    """``edited`` (with LF) in the newline style and with the final newline of ``original``.

    Where the original mixes styles, lines before the first and after the last change keep their
    own, and those between take the more frequent one.
    """
    if edited and original:
        edited = edited.removesuffix("\n") + "\n" * original.endswith("\n")
    crlf = original.count("\r\n")
    lf = original.count("\n") - crlf
    if not crlf:
        return edited
    if not lf:
        return edited.replace("\n", "\r\n")
    return _mixed(lines_of(original), lines_of(edited), "\r\n" if crlf > lf else "\n")


def _mixed(original: list[str], edited: list[str], newline: str) -> str:
    head, tail = _shared_ends([unified(line) for line in original], edited)
    middle = [line.replace("\n", newline) for line in edited[head : len(edited) - tail]]
    return "".join(original[:head] + middle + original[len(original) - tail :])


def _shared_ends(before: Sequence[str], after: Sequence[str]) -> tuple[int, int]:
    """How many lines at the beginning, and of the rest at the end, are the same in both."""
    least = min(len(before), len(after))
    head = next((i for i in range(least) if before[i] != after[i]), least)
    rest = least - head
    return head, next((i for i in range(rest) if before[-1 - i] != after[-1 - i]), rest)


_CONTEXT = 3
# Beyond, the standard library's matcher takes minutes where lines repeat.
_MOST_LINES = 2000

Change = tuple[int, int, int, int]


def unified_diff(path: str, old: str | None, new: str) -> tuple[str, int]:
    """The diff of one file (``old`` None: it is new), and its lines added plus removed.

    Where over 2,000 lines lie between the first and the last difference, they count as replaced.
    """
    before, after = lines_of(old or ""), lines_of(new)
    changes = _changes(before, after)
    if not changes and old is not None:
        return "", 0
    source = "/dev/null" if old is None else f"a/{path}"
    hunks = "".join(_hunk(before, after, group) for group in _grouped(changes))
    count = sum(i2 - i1 + j2 - j1 for i1, i2, j1, j2 in changes)
    return f"--- {source}\n+++ b/{path}\n{hunks}", count


def _changes(before: Sequence[str], after: Sequence[str]) -> list[Change]:
    """Which lines of both differ: before[i1:i2] became after[j1:j2]."""
    head, tail = _shared_ends(before, after)
    old, new = before[head : len(before) - tail], after[head : len(after) - tail]
    if not old and not new:
        return []
    if max(len(old), len(new)) > _MOST_LINES:
        return [(head, head + len(old), head, head + len(new))]
    return [
        (head + i1, head + i2, head + j1, head + j2)
        for kind, i1, i2, j1, j2 in SequenceMatcher(None, old, new).get_opcodes()
        if kind != "equal"
    ]


def _grouped(changes: Sequence[Change]) -> list[list[Change]]:
    """Changes that are near enough to share a hunk, together."""
    groups: list[list[Change]] = []
    for change in changes:
        if groups and change[0] - groups[-1][-1][1] <= 2 * _CONTEXT:
            groups[-1].append(change)
        else:
            groups.append([change])
    return groups


def _hunk(before: Sequence[str], after: Sequence[str], changes: Sequence[Change]) -> str:
    lead = min(_CONTEXT, changes[0][0])
    trail = min(_CONTEXT, len(before) - changes[-1][1])
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
