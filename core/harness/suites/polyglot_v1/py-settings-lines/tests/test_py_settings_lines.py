from settings import read


def test_names_and_values():
    assert read(["a = 1", "b=x = y", "nothing", "# c = 3"]) == {"a": "1", "b": "x = y"}


def test_a_line_goes_on():
    assert read(["words = one \\", "  two\\", "three # end", "b = 2"]) == {
        "words": "one two three",
        "b": "2",
    }
