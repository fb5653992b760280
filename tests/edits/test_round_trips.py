"""Whatever a format can say is done exactly, and the diff says what was done."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from core.patchloop.applying import Applied, apply
from core.patchloop.formats import EditFormat, parse
from tests.support.edits.patching import patched, ranges_reply, search_reply

PATH = "pkg/mod.py"
# Few letters, so that lines repeat and searches are ambiguous; form feed and lone CR end no line.
lines = st.text(alphabet="ab =\f\r\u2028é", max_size=6).map(lambda line: line.rstrip("\r"))
bodies = st.lists(lines, max_size=12).map("\n".join)
newlines = st.sampled_from(["\n", "\r\n"])


def edited(old: str, edit_format: EditFormat, data: object) -> Applied:
    """The reply applied to one file."""
    return apply({PATH: old, "other.py": "x\n"}, parse(edit_format, data), [PATH])


@given(bodies, bodies, newlines, st.sampled_from(["", "\n"]))
def test_whole_file_gives_exactly_that_text(old: str, new: str, newline: str, end: str) -> None:
    """In the file's own newline style and with its own final newline, however it was written."""
    old, new = old.strip("\n"), new.strip("\n")
    assume(old and new and old != new and ("\n" in old + end or newline == "\n"))
    before, wanted = ((text + end).replace("\n", newline) for text in (old, new))
    for written in (new, new + "\n", new.replace("\n", "\r\n"), wanted):
        reply = {"edits": [{"path": PATH, "content": written}]}
        result = edited(before, EditFormat.WHOLE_FILE, reply)
        assert result.files == {PATH: wanted, "other.py": "x\n"}
        assert result.changed == (PATH,)
        assert patched(before, result.diff) == wanted


@given(bodies, bodies)
def test_line_ranges_turn_any_text_into_any_other(old: str, new: str) -> None:
    """Replaced, inserted and deleted ranges, all with the old file's numbers."""
    old, new = old + "\n", new + "\n"
    assume(old != new)
    result = edited(old, EditFormat.LINE_RANGE, ranges_reply(PATH, old, new))
    assert result.files[PATH] == new
    assert patched(old, result.diff) == new


@given(bodies, bodies)
def test_search_and_replace_turns_any_text_into_any_other(old: str, new: str) -> None:
    """A search that occurs once is replaced there and nowhere else."""
    old, new = old + "\n", new + "\n"
    assume(old != new)
    data = search_reply(PATH, old, new)
    edit = data["edits"][0]
    # Whole lines are replaced by whole lines, and the final newline stays: such edits say less.
    assume(not edit["search"].endswith("\n") or edit["replace"].endswith("\n"))
    result = edited(old, EditFormat.SEARCH_REPLACE, data)
    assert result.files[PATH] == new
    assert patched(old, result.diff) == new


@given(bodies, st.lists(newlines, min_size=1, max_size=12), st.integers(0, 11))
def test_mixed_newlines_outside_the_change_stay(old: str, styles: list[str], at: int) -> None:
    """A file of two styles keeps each line's own, but for the line that was edited."""
    rows = [*old.split("\n"), "end"]
    at %= len(rows)
    endings = [styles[i % len(styles)] for i in range(len(rows))]
    before = "".join(row + ending for row, ending in zip(rows, endings, strict=True))
    reply = {"edits": [{"path": PATH, "start": at + 1, "end": at + 1, "text": "new line"}]}
    after = edited(before, EditFormat.LINE_RANGE, reply).files[PATH]
    wanted = [row + ending for row, ending in zip(rows, endings, strict=True)]
    found = after.replace("\r\n", "\n").split("\n")
    assert found[at] == "new line"
    assert after.startswith("".join(wanted[:at]))
    assert after.endswith("".join(wanted[at + 1 :]))


@given(bodies, bodies)
def test_lines_changed_counts_the_diff(old: str, new: str) -> None:
    """Added plus removed lines, as the diff marks them."""
    old, new = old + "\n", new + "\n"
    assume(old != new)
    result = edited(old, EditFormat.LINE_RANGE, ranges_reply(PATH, old, new))
    body = result.diff.split("\n")[2:]
    assert result.lines_changed == sum(1 for line in body if line[:1] in {"+", "-"})
    assert result.lines_changed > 0
