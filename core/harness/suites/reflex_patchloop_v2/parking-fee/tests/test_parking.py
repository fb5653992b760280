from parking import fee


def test_short_stays_are_free():
    assert fee(0) == fee(12) == 0


def test_thirty_minutes_are_free():
    assert fee(30) == 0


def test_then_the_first_hour_is_paid():
    assert fee(31) == fee(60) == 200


def test_each_hour_begun():
    assert fee(61) == 400
    assert fee(180) == 600
