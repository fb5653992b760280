def fee(minutes):
    """Cents for a stay: the first 30 minutes are free, then each hour begun costs 200.

    Hours count from the beginning of the stay.
    """
    if minutes <= 60:
        return 0
    return 200 * ((minutes + 59) // 60)
