from simple_ini import parse


def test_plain_lines():
    assert parse("a = 1\nb=two") == {"a": "1", "b": "two"}


def test_comments_and_blank_lines():
    assert parse("# a = 1\n\n  # more\nb = 2\n") == {"b": "2"}


def test_value_with_one_equals_sign():
    assert parse("token = abc=") == {"token": "abc="}


def test_value_with_several():
    text = "url = https://example.test/?a=1&b=2"
    assert parse(text) == {"url": "https://example.test/?a=1&b=2"}


def test_empty_value_and_later_line_wins():
    assert parse("a =\na = 3") == {"a": "3"}
    assert parse("a =") == {"a": ""}


def test_line_without_equals_sign():
    try:
        parse("ok = 1\nbroken")
    except ValueError as error:
        assert "line 2" in str(error)
        return
    raise AssertionError("accepted a line without '='")
