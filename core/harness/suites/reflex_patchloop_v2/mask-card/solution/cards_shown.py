def masked(number):
    """A card number with all but its last four digits as stars."""
    return "*" * (len(number) - 4) + number[-4:]
