from edits import apply
from positions import line_starts, offset

TEXT = "old = 1\nprint(old, old)\nend\n"


def is_refused(text, edits):
    try:
        apply(text, edits)
    except ValueError:
        return True
    return False


def test_no_edits():
    assert apply(TEXT, []) == TEXT


def test_first_line():
    assert apply(TEXT, [(0, 0, 0, 3, "new")]).startswith("new = 1\n")


def test_positions():
    assert line_starts("a\nbc\n\nd") == [0, 2, 5, 6]
    assert offset("a\nbc", 1, 1) == 3
    assert offset("a\nbc\nd", 1, 99) == 4
    assert offset("ab\n", 1, 0) == 3


def test_second_line():
    assert apply(TEXT, [(1, 6, 1, 9, "x")]) == "old = 1\nprint(x, old)\nend\n"


def test_rename_everywhere():
    edits = [(0, 0, 0, 3, "longer"), (1, 6, 1, 9, "longer"), (1, 11, 1, 14, "longer")]
    expected = "longer = 1\nprint(longer, longer)\nend\n"
    assert apply(TEXT, edits) == expected
    assert apply(TEXT, edits[::-1]) == expected
    assert apply(TEXT, [edits[1], edits[2], edits[0]]) == expected


def test_removing_a_line():
    assert apply(TEXT, [(1, 0, 2, 0, ""), (0, 6, 0, 7, "22")]) == "old = 22\nend\n"


def test_insertions_at_one_place_keep_their_order():
    edits = [(2, 0, 2, 0, "b"), (2, 0, 2, 0, "a"), (0, 0, 0, 0, "c"), (2, 0, 2, 0, "r")]
    assert apply(TEXT, edits) == "cold = 1\nprint(old, old)\nbarend\n"


def test_insertion_before_a_replacement():
    replace, insert = (0, 0, 0, 3, "new"), (0, 0, 0, 0, "# ")
    assert apply(TEXT, [replace, insert]).startswith("# new = 1\n")
    assert apply(TEXT, [insert, replace]).startswith("# new = 1\n")


def test_touching_ranges_are_no_overlap():
    assert apply("abcd", [(0, 2, 0, 4, "Y"), (0, 0, 0, 2, "X")]) == "XY"


def test_overlaps_are_refused():
    assert is_refused("abcdef", [(0, 0, 0, 3, "x"), (0, 2, 0, 4, "y")])
    assert is_refused("abcdef", [(0, 1, 0, 2, "x"), (0, 0, 0, 6, "y")])
    assert is_refused("abcdef", [(0, 1, 0, 4, "x"), (0, 2, 0, 2, "y")])
    assert is_refused("abcdef", [(0, 1, 0, 4, "x"), (0, 1, 0, 4, "y")])


def test_bad_ranges_are_refused():
    assert is_refused("abc", [(0, 2, 0, 1, "x")])
    assert is_refused("abc", [(0, 0, 5, 0, "x")])
