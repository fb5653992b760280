from datetime import date

from lending import days_late

DUE = date(2026, 3, 1)


def test_in_time():
    assert days_late(DUE, DUE) == 0


def test_late():
    assert days_late(DUE, date(2026, 3, 4)) == 3


def test_early():
    assert days_late(DUE, date(2026, 2, 20)) == 0


def test_over_the_end_of_a_month():
    assert days_late(date(2026, 2, 27), date(2026, 3, 2)) == 3
