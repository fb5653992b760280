from passwords import is_strong


def test_all_three():
    assert is_strong("Tomorrow7")


def test_exactly_eight():
    assert is_strong("Abcdefg1")


def test_too_short():
    assert not is_strong("Ab")
    assert not is_strong("Abcdef1")


def test_no_digit():
    assert not is_strong("Tomorrowland")


def test_no_capital():
    assert not is_strong("tomorrow7")
