from colours import is_dark, parse_colour


def test_six_digits():
    assert parse_colour("#ff8000") == (255, 128, 0)


def test_three_different_digits():
    assert parse_colour("#1af") == (17, 170, 255)


def test_three_equal_digits():
    assert parse_colour("fff") == (255, 255, 255)
    assert parse_colour(" #000 ") == (0, 0, 0)


def test_short_and_long_forms_agree():
    assert parse_colour("#c05") == parse_colour("#cc0055")


def test_wrong_lengths_are_refused():
    for text in ("", "#", "#12", "#1234", "#1234567"):
        try:
            parse_colour(text)
        except ValueError:
            continue
        raise AssertionError(f"accepted {text!r}")


def test_dark_and_light():
    assert is_dark("#036")
    assert not is_dark("#fd0")
