from datetime import date

from billing import add_months, renewals


def test_within_a_year():
    assert add_months(date(2024, 3, 15), 2) == date(2024, 5, 15)


def test_across_years():
    assert add_months(date(2023, 11, 5), 3) == date(2024, 2, 5)
    assert add_months(date(2023, 11, 5), 27) == date(2026, 2, 5)


def test_into_december():
    assert add_months(date(2024, 6, 9), 6) == date(2024, 12, 9)
    assert add_months(date(2024, 12, 9), 12) == date(2025, 12, 9)


def test_back():
    assert add_months(date(2024, 3, 31), -1) == date(2024, 2, 29)
    assert add_months(date(2024, 1, 10), -1) == date(2023, 12, 10)
    assert add_months(date(2024, 1, 10), -13) == date(2022, 12, 10)


def test_short_months():
    assert add_months(date(2024, 1, 31), 1) == date(2024, 2, 29)
    assert add_months(date(2023, 1, 31), 1) == date(2023, 2, 28)
    assert add_months(date(2024, 2, 29), 12) == date(2025, 2, 28)
    assert add_months(date(2024, 8, 31), 1) == date(2024, 9, 30)


def test_no_months():
    assert add_months(date(2024, 12, 31), 0) == date(2024, 12, 31)


def test_renewals_count_from_the_start():
    assert renewals(date(2024, 1, 31), 3) == [
        date(2024, 2, 29),
        date(2024, 3, 31),
        date(2024, 4, 30),
    ]
