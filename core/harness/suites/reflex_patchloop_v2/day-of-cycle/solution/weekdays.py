DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def weekday(number):
    """The weekday of a day of the plan; day 1 is a Monday, and day 8 is one again."""
    return DAYS[(number - 1) % 7]
