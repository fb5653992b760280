"""A unified diff whose cost stays bounded, whatever a model wrote.

What models do to text on its way through JSON, undone: fences, newlines, the final newline.

Which lines two texts share: Myers' greedy algorithm (Algorithmica 1, 1986), with a limit.

The standard library's matcher takes minutes on texts of some thousand lines that repeat
themselves. Here the cost is at most the limit's square, about a second.
"""

from __future__ import annotations

import re
from array import array
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


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
    same = [unified(line) for line in original]
    least = min(len(same), len(edited))
    head = next((i for i in range(least) if same[i] != edited[i]), least)
    rest = least - head
    tail = next((i for i in range(rest) if same[-1 - i] != edited[-1 - i]), rest)
    middle = [line.replace("\n", newline) for line in edited[head : len(edited) - tail]]
    return "".join(original[:head] + middle + original[len(original) - tail :])


MOST_DIFFERENCES = 1500


def matches(before: Sequence[str], after: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs (i, j) in order with before[i] == after[j], as many as there can be.

    When more than 1,500 lines would have to be removed and added, only the lines before the first
    and after the last difference are matched.
    """
    least = min(len(before), len(after))
    head = next((i for i in range(least) if before[i] != after[i]), least)
    rest = least - head
    tail = next((i for i in range(rest) if before[-1 - i] != after[-1 - i]), rest)
    numbers: dict[str, int] = {}
    old, new = (
        [numbers.setdefault(line, len(numbers)) for line in lines[head : len(lines) - tail]]
        for lines in (before, after)
    )
    return [
        *((i, i) for i in range(head)),
        *((head + i, head + j) for i, j in _shared(old, new)),
        *((len(before) - i, len(after) - i) for i in range(tail, 0, -1)),
    ]


def _shared(old: Sequence[int], new: Sequence[int]) -> list[tuple[int, int]]:
    """The matches on a shortest path of removals (x + 1) and additions (y + 1) to both ends.

    ``reached[d][d + k]`` is the furthest x on the diagonal k = x - y after d of them.
    """
    n, m = len(old), len(new)
    reached: list[array[int]] = []
    for d in range(min(n + m, MOST_DIFFERENCES) + 1):
        now = array("i", bytes(4 * (2 * d + 1)))
        for k in range(-d, d + 1, 2):
            x = _step(reached, d, k)[0] if d else 0
            while x < n and x - k < m and old[x] == new[x - k]:
                x += 1
            now[d + k] = x
            if x >= n and x - k >= m:
                return _backwards(reached, n, m)
        reached.append(now)
    return []


def _step(reached: Sequence[array[int]], d: int, k: int) -> tuple[int, int]:
    """The x where the d-th difference leads on diagonal k, and the diagonal it comes from."""
    before = reached[d - 1]
    added = before[d + k] if k < d - 1 else -1
    removed = before[d + k - 2] if k > 1 - d else -1
    return (added, k + 1) if removed < added else (removed + 1, k - 1)


def _backwards(reached: Sequence[array[int]], x: int, y: int) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for d in range(len(reached), 0, -1):
        start, diagonal = _step(reached, d, x - y)
        while x > start:
            x, y = x - 1, y - 1
            found.append((x, y))
        x = reached[d - 1][d - 1 + diagonal]
        y = x - diagonal
    found += [(i, i) for i in range(x - 1, -1, -1)]
    return found[::-1]


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
