def school_year(year, month):
    """The year in which the school year of that month began; it begins in August (8)."""
    return year if month >= 8 else year - 1
