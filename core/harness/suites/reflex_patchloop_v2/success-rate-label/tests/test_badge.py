from badge import badge, rate_text


def test_no_checks():
    assert rate_text(0, 0) == "n/a"
    assert badge(0, 0) == "n/a passed"


def test_none_passed():
    assert rate_text(0, 3) == "0.0%"


def test_all_passed():
    assert rate_text(5, 5) == "100.0%"


def test_three_of_four():
    assert badge(3, 4) == "75.0% passed"


def test_one_decimal():
    assert rate_text(1, 3) == "33.3%"
    assert rate_text(2, 3) == "66.7%"
