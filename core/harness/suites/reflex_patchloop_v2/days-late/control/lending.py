def days_late(due, returned):
    """How many days after the date ``due`` a book was returned; 0 when it came in time."""
    return abs((returned - due).days)
