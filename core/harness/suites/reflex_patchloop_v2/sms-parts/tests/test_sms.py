from sms import cost, parts, size


def test_plain_letters():
    assert parts("abcdefghij", 4) == ["abcd", "efgh", "ij"]


def test_empty_message():
    assert parts("", 10) == []
    assert cost("", 10, 7) == 0


def test_accents_take_two_bytes():
    assert parts("ééééé", 4) == ["éé", "éé", "é"]


def test_no_part_is_too_long():
    message = "Grüße aus Ærø, 東京 und 🚀🚀 – bis später!"
    for limit in range(4, 40):
        pieces = parts(message, limit)
        assert max(map(size, pieces)) <= limit, limit
        assert "".join(pieces) == message, limit


def test_parts_are_as_long_as_fits():
    assert parts("a🚀b🚀c", 5) == ["a🚀", "b🚀", "c"]
    assert parts("abc🚀", 4) == ["abc", "🚀"]
    assert parts("東京都a", 7) == ["東京", "都a"]


def test_small_limit_is_refused():
    try:
        parts("abc", 3)
    except ValueError:
        return
    raise AssertionError("accepted a limit of 3")


def test_cost():
    assert cost("🚀" * 5, 8, 7) == 21
