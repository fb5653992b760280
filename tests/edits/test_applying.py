"""What is refused and in which words, what fences and newlines become, and what stays untouched."""

from __future__ import annotations

import pytest

from core.errors import EditRejected
from core.patchloop.applying import apply
from core.patchloop.formats import (
    Edit,
    EditFormat,
    LineRange,
    SearchReplace,
    WholeFile,
    inside,
    parse,
)

CODE = """\
def mean(values):
    total = 0
    for value in values:
        total += value
    return total / len(values)


def spread(values):
    total = 0
    return max(values) - min(values)
"""


def test_a_search_that_is_not_there_shows_the_nearest_lines() -> None:
    """The model sees what the file really says, from which line."""
    wrong = SearchReplace("m.py", "    for value in value:\n        total += value", "")
    with pytest.raises(EditRejected) as caught:
        apply({"m.py": CODE}, [wrong], ["m.py"])
    message = str(caught.value)
    assert "m.py: the search text is not in the file" in message
    assert "from line 3, are:\n    for value in values:\n        total += value" in message


def test_a_search_that_differs_in_white_space_says_so() -> None:
    """Wrong indentation is the commonest miss."""
    wrong = SearchReplace("m.py", "for value in values:\n    total += value", "")
    with pytest.raises(EditRejected, match="differs in white space alone"):
        apply({"m.py": CODE}, [wrong], ["m.py"])


def test_a_search_unlike_anything_says_so() -> None:
    """No excerpt when nothing is near."""
    with pytest.raises(EditRejected, match="Nothing in it is near"):
        apply({"m.py": CODE}, [SearchReplace("m.py", "import socket", "")], ["m.py"])


def test_a_search_found_twice_names_the_lines() -> None:
    """Ambiguity is never resolved by taking the first."""
    twice = SearchReplace("m.py", "    total = 0\n", "    total = 1\n")
    with pytest.raises(EditRejected, match=r"more than once \(at lines 2, 9\)"):
        apply({"m.py": CODE}, [twice], ["m.py"])


def test_overlapping_occurrences_are_two() -> None:
    """``aa`` occurs twice in ``aaa``."""
    with pytest.raises(EditRejected, match="more than once"):
        apply({"m.py": "aaa\n"}, [SearchReplace("m.py", "aa", "b")], ["m.py"])


def test_an_empty_search_fills_an_empty_file_only() -> None:
    """There is one place in an empty file, and too many in any other."""
    result = apply({"m.py": ""}, [SearchReplace("m.py", "", "x = 1\n")], ["m.py"])
    assert result.files["m.py"] == "x = 1\n"
    with pytest.raises(EditRejected, match="search text is empty"):
        apply({"m.py": CODE}, [SearchReplace("m.py", "", "x")], ["m.py"])


def test_searches_follow_one_another() -> None:
    """The second search sees what the first made."""
    edits = [
        SearchReplace("m.py", "total / len(values)", "total / count"),
        SearchReplace(
            "m.py", "    return total / count", "    count = 1\n    return total / count"
        ),
    ]
    result = apply({"m.py": CODE}, edits, ["m.py"])
    assert "    count = 1\n    return total / count\n" in result.files["m.py"]


def test_whole_lines_are_replaced_by_whole_lines() -> None:
    """A replacement that lost its newline does not swallow the next line."""
    edit = SearchReplace("m.py", "        total += value\n", "        total = total + value")
    result = apply({"m.py": CODE}, [edit], ["m.py"])
    assert "        total = total + value\n    return" in result.files["m.py"]
    assert result.lines_changed == 2


def test_deleting_lines_leaves_no_empty_one() -> None:
    """An empty replacement of whole lines removes them."""
    edit = SearchReplace("m.py", "def mean(values):\n    total = 0\n", "")
    assert apply({"m.py": CODE}, [edit], ["m.py"]).files["m.py"].startswith("    for value")


@pytest.mark.parametrize(
    ("start", "end", "complaint"),
    [
        (11, 11, "outside the file, which has 10 lines"),
        (1, 11, "outside the file"),
        (12, 11, "outside the file"),
        (0, 0, "outside the file"),
        (-3, 2, "outside the file"),
        (5, 3, "runs backwards"),
    ],
)
def test_a_range_outside_the_file_is_refused(start: int, end: int, complaint: str) -> None:
    """With the number of lines there are."""
    with pytest.raises(EditRejected, match=complaint):
        apply({"m.py": CODE}, [LineRange("m.py", start, end, "x")], ["m.py"])


def test_ranges_that_overlap_are_refused() -> None:
    """Two edits of one line have no order."""
    edits = [LineRange("m.py", 2, 4, "a"), LineRange("m.py", 4, 5, "b")]
    with pytest.raises(EditRejected, match="4 to 5 overlaps another, which ends at line 4"):
        apply({"m.py": CODE}, edits, ["m.py"])


def test_ranges_use_the_numbers_of_the_file_as_given() -> None:
    """In any order; an insertion before a line that is itself replaced comes first."""
    edits = [
        LineRange("m.py", 3, 3, "C\nC"),
        LineRange("m.py", 1, 1, "A"),
        LineRange("m.py", 3, 2, "B"),
        LineRange("m.py", 5, 4, "E"),
    ]
    result = apply({"m.py": "1\n2\n3\n4\n"}, edits, ["m.py"])
    assert result.files["m.py"] == "A\n2\nB\nC\nC\n4\nE\n"


def test_appending_to_a_file_without_a_final_newline() -> None:
    """The old last line gets one, the new last line has none, as the file had none."""
    result = apply({"m.py": "1\n2"}, [LineRange("m.py", 3, 2, "3\n")], ["m.py"])
    assert result.files["m.py"] == "1\n2\n3"
    assert result.diff.endswith(
        "-2\n\\ No newline at end of file\n+2\n+3\n\\ No newline at end of file\n"
    )


@pytest.mark.parametrize(
    "content",
    [
        "```python\nx = 2\n```",
        "```\nx = 2\n```\n",
        "\n~~~py\nx = 2\n~~~\n\n",
        "````python title=m.py\nx = 2\n````",
        "```python\r\nx = 2\r\n```",
    ],
)
def test_one_enclosing_fence_is_taken_off_and_counted(content: str) -> None:
    """In all its common spellings, for all formats."""
    for edit in (
        WholeFile("m.py", content),
        LineRange("m.py", 1, 1, content),
        SearchReplace("m.py", "x = 1", content),
    ):
        result = apply({"m.py": "x = 1\n"}, [edit], ["m.py"])
        assert (result.files["m.py"], result.fences_stripped) == ("x = 2\n", 1)


def test_both_texts_of_a_search_may_be_fenced() -> None:
    """Each counts."""
    edit = SearchReplace("m.py", "```\nx = 1\n```", "```\nx = 2\n```")
    result = apply({"m.py": "x = 1\n"}, [edit], ["m.py"])
    assert (result.files["m.py"], result.fences_stripped) == ("x = 2\n", 2)


def test_a_new_file_in_a_fence_ends_with_a_newline() -> None:
    """The newline before the closing fence is the file's."""
    result = apply({}, [WholeFile("new.py", "```\nx = 2\n```")], ["new.py"])
    assert result.files["new.py"] == "x = 2\n"
    assert result.diff == "--- /dev/null\n+++ b/new.py\n@@ -0,0 +1 @@\n+x = 2\n"


@pytest.mark.parametrize(
    "content",
    [
        "```python\nx = 2\n",
        "x = 2\n```\n",
        "```\na\n```\n\ntext\n\n```\nb\n```\n",
        "```\nx\n~~~\n",
        "````\nx\n```\n",
        "```",
    ],
)
def test_other_fences_stay(content: str) -> None:
    """What is not one enclosing fence is the model's own text."""
    result = apply({"m.md": "old\n"}, [WholeFile("m.md", content)], ["m.md"])
    assert result.files["m.md"] == content.removesuffix("\n") + "\n"
    assert result.fences_stripped == 0


def test_a_file_that_is_itself_fenced_keeps_its_fence() -> None:
    """There the fence is content."""
    edit = WholeFile("m.md", "```\nnew\n```\n")
    result = apply({"m.md": "```\nold\n```\n"}, [edit], ["m.md"])
    assert (result.files["m.md"], result.fences_stripped) == ("```\nnew\n```\n", 0)
    edit_part = SearchReplace("m.md", "```\nold\n```", "~~~\nold\n~~~")
    result = apply({"m.md": "a\n```\nold\n```\n"}, [edit_part], ["m.md"])
    assert (result.files["m.md"], result.fences_stripped) == ("a\n~~~\nold\n~~~\n", 0)


def test_a_docstring_with_an_indented_fence_inside_is_one_block() -> None:
    """Only a fence at the margin would end the enclosing one."""
    body = 'def f():\n    """Use:\n\n    ```\n    f()\n    ```\n    """\n'
    result = apply({"m.py": "x\n"}, [WholeFile("m.py", f"```python\n{body}```")], ["m.py"])
    assert (result.files["m.py"], result.fences_stripped) == (body, 1)


def test_crlf_files_stay_crlf() -> None:
    """The model's LF search finds them, and its LF text is written as CRLF."""
    old = "a = 1\r\nb = 2\r\n"
    edits: tuple[Edit, ...] = (
        SearchReplace("m.py", "a = 1\nb = 2", "a = 1\nc = 3"),
        LineRange("m.py", 2, 2, "c = 3"),
        WholeFile("m.py", "a = 1\nc = 3"),
    )
    for edit in edits:
        assert apply({"m.py": old}, [edit], ["m.py"]).files["m.py"] == "a = 1\r\nc = 3\r\n"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a\r\nb\r\nc\r\nd\n", "a\r\nx\r\ny\r\nc\r\nd\n"),
        ("a\nb\nc\nd\r\n", "a\nx\ny\nc\nd\r\n"),
    ],
)
def test_new_lines_in_a_file_of_two_styles_take_the_more_frequent(old: str, new: str) -> None:
    """And all others keep their own."""
    result = apply({"m.py": old}, [SearchReplace("m.py", "b", "x\ny")], ["m.py"])
    assert result.files["m.py"] == new
    assert result.lines_changed == 3


def test_an_empty_new_file_is_a_change() -> None:
    """A diff of it has no line, and still names it."""
    result = apply({}, [WholeFile("pkg/__init__.py", "")], ["pkg/__init__.py"])
    assert result.files == {"pkg/__init__.py": ""}
    assert result.diff == "--- /dev/null\n+++ b/pkg/__init__.py\n"
    assert result.lines_changed == 0


def test_emptying_a_file_leaves_it_empty() -> None:
    """Not with one empty line."""
    assert apply({"m.py": CODE}, [WholeFile("m.py", "")], ["m.py"]).files["m.py"] == ""


@pytest.mark.parametrize(
    "edit",
    [
        WholeFile("m.py", CODE),
        WholeFile("m.py", CODE.removesuffix("\n")),
        WholeFile("m.py", CODE.replace("\n", "\r\n")),
        WholeFile("m.py", f"```python\n{CODE}```"),
        SearchReplace("m.py", "total = 0\n    for", "total = 0\n    for"),
        LineRange("m.py", 1, 1, "def mean(values):"),
        LineRange("m.py", 4, 3, ""),
    ],
)
def test_a_reply_that_changes_nothing_is_refused(
    edit: WholeFile | SearchReplace | LineRange,
) -> None:
    """The tests would fail as before; the model is told why."""
    with pytest.raises(EditRejected, match="change nothing"):
        apply({"m.py": CODE}, [edit], ["m.py"])


def test_no_edits_change_nothing() -> None:
    """An empty reply is refused in the same words."""
    with pytest.raises(EditRejected, match="change nothing"):
        apply({"m.py": CODE}, [], ["m.py"])


def test_an_edit_that_repeats_what_another_file_needs_is_no_change_there() -> None:
    """Only files that differ are named as changed and appear in the diff."""
    edits = [WholeFile("a.py", "1\n"), WholeFile("b.py", "2\n")]
    result = apply({"a.py": "1\n", "b.py": "1\n"}, edits, ["a.py", "b.py"])
    assert result.changed == ("b.py",)
    assert "a.py" not in result.diff


def test_all_or_nothing() -> None:
    """A good edit before a bad one leaves the given files as they were."""
    files = {"a.py": "1\n", "b.py": "1\n"}
    edits: list[Edit] = [WholeFile("a.py", "2\n"), SearchReplace("b.py", "absent", "x")]
    with pytest.raises(EditRejected):
        apply(files, edits, ["a.py", "b.py"])
    assert files == {"a.py": "1\n", "b.py": "1\n"}


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("tests/test_m.py", "may not be edited; these may: m.py"),
        ("M.py", "may not be edited"),
        ("./m.py", "leads outside"),
        ("../m.py", "leads outside"),
        ("/etc/passwd", "leads outside"),
        ("a\x00.py", "leads outside"),
    ],
)
def test_a_path_that_may_not_be_edited_is_refused(path: str, complaint: str) -> None:
    """With the list of those that may."""
    with pytest.raises(EditRejected, match=complaint):
        apply({"m.py": CODE}, [WholeFile(path, "x")], ["m.py"])


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "./a"])
def test_a_path_outside_is_refused_even_when_a_suite_calls_it_editable(path: str) -> None:
    """The list of editable files does not make a path safe."""
    with pytest.raises(EditRejected, match="leads outside"):
        apply({}, [WholeFile(path, "x")], [path])


@pytest.mark.parametrize("path", ["a.py", "pkg/a.py", "a b/c..d", "...", ".gitignore", "é/ü.py"])
def test_paths_inside(path: str) -> None:
    """Relative paths of ordinary names, dots in names included."""
    assert inside(path)


@pytest.mark.parametrize(
    "path",
    [
        *("", "/", "/a", "//a", ".", "..", "../a", "a/..", "a/../b", "a/./b", "a//b", "a/"),
        *("a\\b", "..\\a", "\\\\host\\share", "C:a", "c:/a", "a\0b", "a\nb", "\x7f", "\u202egpj"),
    ],
)
def test_paths_outside(path: str) -> None:
    """Absolute, upward, Windows', empty or unprintable."""
    assert not inside(path)


def test_a_missing_file_can_be_written_whole_but_not_searched() -> None:
    """There is nothing to search in."""
    assert apply({}, [WholeFile("n.py", "x\n")], ["n.py"]).files == {"n.py": "x\n"}
    for edit in (SearchReplace("n.py", "a", "b"), LineRange("n.py", 1, 0, "x")):
        with pytest.raises(EditRejected, match="no such file yet"):
            apply({}, [edit], ["n.py"])


def test_a_file_given_twice_is_refused() -> None:
    """Which of both would be meant?"""
    edits = [WholeFile("m.py", "1\n"), WholeFile("m.py", "2\n")]
    with pytest.raises(EditRejected, match="given twice"):
        apply({"m.py": CODE}, edits, ["m.py"])


def test_edits_of_several_kinds_in_one_file_are_refused() -> None:
    """Line numbers mean nothing after a search has moved the lines."""
    edits: list[Edit] = [
        SearchReplace("m.py", "def mean", "def average"),
        LineRange("m.py", 1, 1, "x"),
    ]
    with pytest.raises(EditRejected, match="several kinds"):
        apply({"m.py": CODE}, edits, ["m.py"])


def test_a_file_cannot_be_grown_without_end() -> None:
    """Searches that double the text stop at 1 MiB."""
    grow = [SearchReplace("m.py", f"<{i}>", f"<{i + 1}>" + "x" * 600_000) for i in range(3)]
    edits = parse(
        EditFormat.SEARCH_REPLACE,
        {"edits": [{"path": e.path, "search": e.search, "replace": e.replace} for e in grow]},
    )
    with pytest.raises(EditRejected, match="would grow"):
        apply({"m.py": "<0>\n"}, edits, ["m.py"])
