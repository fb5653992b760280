from outline import flatten, numbered


def test_flat_numbers():
    assert flatten([1, 2, 3]) == [1, 2, 3]


def test_nested_numbers():
    assert flatten([1, [2, [3, []]], (4,), range(5, 7)]) == [1, 2, 3, 4, 5, 6]


def test_strings_stay_whole():
    assert flatten(["Intro", ["Why", ["How"]], ""]) == ["Intro", "Why", "How", ""]


def test_bytes_and_dicts_stay_whole():
    assert flatten([b"raw", [{"title": "x"}]]) == [b"raw", {"title": "x"}]


def test_generators():
    assert flatten(part for part in ("a", (word for word in ("b", "c")))) == ["a", "b", "c"]


def test_deep_nesting():
    outline = ["end"]
    for level in range(20_000):
        outline = [level, outline]
    headings = flatten(outline)
    assert len(headings) == 20_001
    assert headings[0] == 19_999
    assert headings[-2:] == [0, "end"]
    while len(outline) == 2:
        outline = outline[1]


def test_numbered():
    assert numbered(["One", ["Two"]]) == "1. One\n2. Two"
