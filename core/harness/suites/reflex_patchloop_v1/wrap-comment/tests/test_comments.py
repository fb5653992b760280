from comments import comment_block, wrap_comment


def test_short_text():
    assert wrap_comment("one line", 20) == ["# one line"]


def test_empty_text():
    assert wrap_comment("", 20) == []
    assert wrap_comment("  \n ", 20) == []


def test_no_line_is_too_long():
    text = "the quick brown fox jumps over the lazy dog and then some more of it"
    for width in range(8, 40):
        lines = wrap_comment(text, width)
        assert max(map(len, lines)) <= width, width
        assert " ".join(line[2:] for line in lines) == text


def test_lines_are_filled():
    assert wrap_comment("aa bb cc", 7) == ["# aa bb", "# cc"]
    assert wrap_comment("aa bb cc", 6) == ["# aa", "# bb", "# cc"]


def test_long_word_alone():
    assert wrap_comment("incomprehensibilities", 10) == ["# incomprehensibilities"]


def test_long_word_among_others():
    lines = wrap_comment("an incomprehensible word", 10)
    assert lines == ["# an", "# incomprehensible", "# word"]


def test_other_marker():
    assert wrap_comment("a b c", 6, marker="// ") == ["// a b", "// c"]


def test_block():
    assert comment_block(["one two", "", "three"], 7) == ["# one", "# two", "#", "# three"]
