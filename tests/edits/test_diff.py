"""The diff is the shortest there is, up to a limit beyond which it is merely right."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from core.patchloop.applying import apply
from core.patchloop.diff import MOST_DIFFERENCES, matches
from core.patchloop.formats import WholeFile
from tests.support.edits.patching import patched

lines = st.lists(st.sampled_from("abc"), max_size=14)


def longest_common(old: list[str], new: list[str]) -> int:
    """The length of the longest common subsequence, by its recursive definition."""

    @cache
    def length(i: int, j: int) -> int:
        if i == len(old) or j == len(new):
            return 0
        if old[i] == new[j]:
            return 1 + length(i + 1, j + 1)
        return max(length(i + 1, j), length(i, j + 1))

    return length(0, 0)


@given(lines, lines)
def test_matches_are_a_longest_common_subsequence(old: list[str], new: list[str]) -> None:
    """Equal lines, in order on both sides, and as many as possible."""
    pairs = matches(old, new)
    assert all(old[i] == new[j] for i, j in pairs)
    assert all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(pairs))
    assert len(pairs) == longest_common(old, new)


def test_beyond_the_limit_only_both_ends_are_matched() -> None:
    """Every second of 12,000 lines changed: one hunk, found at once, that still applies."""
    old = [f"line {i % 150}\n" for i in range(12_000)]
    new = [line if i % 2 == 0 else "new\n" for i, line in enumerate(old)]
    result = apply({"m.py": "".join(old)}, [WholeFile("m.py", "".join(new))], ["m.py"])
    assert result.lines_changed == 2 * (12_000 - 1)
    assert patched("".join(old), result.diff) == "".join(new)


def test_up_to_the_limit_only_what_differs_is_shown() -> None:
    """The first and the last of many lines changed: four lines, in two hunks."""
    old = [f"line {i % 150}\n" for i in range(12_000)]
    new = ["first\n", *old[1:-1], "last\n"]
    result = apply({"m.py": "".join(old)}, [WholeFile("m.py", "".join(new))], ["m.py"])
    assert result.lines_changed == 4
    assert result.diff.count("@@ -") == 2
    half = MOST_DIFFERENCES // 2
    assert len(matches(["a"] * 20 + ["b"] * half, ["c"] * half + ["a"] * 20)) == 20
