from seats import seat


def row(number):
    return seat(number, 12)[0]


def test_rows():
    assert [row(number) for number in (1, 12, 13, 30)] == [1, 1, 2, 3]


def test_first_place():
    assert seat(1, 12) == (1, 1)
    assert seat(13, 12) == (2, 1)


def test_last_place():
    assert seat(12, 12) == (1, 12)
    assert seat(24, 12) == (2, 12)


def test_one_seat_a_row():
    assert seat(5, 1) == (5, 1)
