"""Renewal dates of subscriptions."""

import calendar


def add_months(day, months):
    """``day`` moved by ``months`` months, forward or (if negative) back.

    Args:
        day: a datetime.date.
        months: any int.
    """
    total = day.month + months
    year = day.year + total // 12
    month = total % 12
    return day.replace(year=year, month=month)


def renewals(start, count, every=1):
    """The first ``count`` renewal dates of a subscription that began on ``start``."""
    return [add_months(start, every * number) for number in range(1, count + 1)]


def days_in_month(day):
    """How many days the month of ``day`` has."""
    return calendar.monthrange(day.year, day.month)[1]
