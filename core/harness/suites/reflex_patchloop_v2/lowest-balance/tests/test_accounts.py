from accounts import lowest


def test_nothing_booked():
    assert lowest([]) == 0


def test_one_payment():
    assert lowest([-7]) == -7


def test_payments_add_up():
    assert lowest([-5, -5]) == -10


def test_never_below_zero():
    assert lowest([20, -5, -5]) == 0


def test_recovered_since():
    assert lowest([10, -30, 50]) == -20
