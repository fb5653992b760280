from nesting import deepest


def test_without_brackets():
    assert deepest("a + b") == 0


def test_nested():
    assert deepest("(a(b))") == 2


def test_side_by_side():
    assert deepest("(a)(b)") == 1


def test_deep_in_the_middle():
    assert deepest("(1 + (2 * (3))) - (4)") == 3
