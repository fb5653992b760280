def reduced(price, percent):
    """The price in cents with ``percent`` taken off, rounded down to a cent."""
    return price * (100 + percent) // 100
