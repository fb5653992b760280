"""The diff applies, shows what differs, and is found at once whatever the texts are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.patchloop.applying import apply
from core.patchloop.diff import unified_diff
from core.patchloop.formats import WholeFile
from tests.support.edits.patching import patched

lines = st.lists(st.sampled_from("abc"), max_size=14)


@given(lines, lines)
def test_a_diff_makes_one_text_of_the_other(old: list[str], new: list[str]) -> None:
    """Also where lines repeat; without a difference there is none."""
    before, after = ("".join(f"{line}\n" for line in each) for each in (old, new))
    diff, count = unified_diff("m.py", before, after)
    assert (diff == "") is (before == after) is (count == 0)
    if diff:
        assert patched(before, diff) == after


def test_only_what_differs_is_shown() -> None:
    """The first and the last of many lines changed: four lines, in two hunks."""
    old = [f"line {i % 150}\n" for i in range(1_900)]
    new = ["first\n", *old[1:-1], "last\n"]
    result = apply({"m.py": "".join(old)}, [WholeFile("m.py", "".join(new))], ["m.py"])
    assert result.lines_changed == 4
    assert result.diff.count("@@ -") == 2


@pytest.mark.parametrize("count", [1_990, 12_000, pytest.param(60_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kinds", [2, 150, 1_000_000])
def test_a_long_file_is_compared_in_parts(count: int, kinds: int) -> None:
    """Every second line changed, of lines that repeat: beyond 2,000 lines it is one hunk."""
    old = [f"line {i % kinds}\n" for i in range(count)]
    new = [line if i % 2 == 0 else f"new {i % 3}\n" for i, line in enumerate(old)]
    diff, _ = unified_diff("m.py", "".join(old), "".join(new))
    assert patched("".join(old), diff) == "".join(new)
