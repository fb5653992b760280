"""Which lines two texts share: Myers' greedy algorithm (Algorithmica 1, 1986), with a limit.

The standard library's matcher takes minutes on texts of some thousand lines that repeat
themselves. Here the cost is at most the limit's square, about a second.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

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
