from datetime import date

from fiscal import fiscal_quarter, label


def test_year_begins_in_april():
    assert fiscal_quarter(date(2024, 4, 1)) == 1
    assert fiscal_quarter(date(2024, 6, 30)) == 1


def test_quarters_two_and_three():
    assert fiscal_quarter(date(2024, 7, 1)) == 2
    assert fiscal_quarter(date(2024, 12, 31)) == 3


def test_first_months_are_quarter_four():
    assert [fiscal_quarter(date(2024, month, 10)) for month in (1, 2, 3)] == [4, 4, 4]


def test_every_month():
    quarters = [fiscal_quarter(date(2023, month, 5)) for month in range(1, 13)]
    assert quarters == [4, 4, 4, 1, 1, 1, 2, 2, 2, 3, 3, 3]


def test_label():
    assert label(date(2024, 5, 15)) == "FY2024 Q1"
    assert label(date(2024, 2, 29)) == "FY2023 Q4"
