"""The company's fiscal calendar: a year runs from April to March."""

FIRST_MONTH = 4


def fiscal_year(day):
    """The fiscal year of a date, named after the calendar year in which it begins."""
    return day.year if day.month >= FIRST_MONTH else day.year - 1


def fiscal_quarter(day):
    """The fiscal quarter of a date, 1 to 4."""
    return (day.month - FIRST_MONTH) % 12 // 3 + 1


def label(day):
    """For example ``FY2024 Q1`` for 15 May 2024."""
    return f"FY{fiscal_year(day)} Q{fiscal_quarter(day)}"
