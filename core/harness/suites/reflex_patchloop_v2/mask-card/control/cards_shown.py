def masked(number):
    """A card number with all but its last four digits as stars."""
    return "*" * 12 + number[-4:]
