def value(items):
    """The worth of a stock of pairs: how many there are, and what one costs in cents."""
    return sum(count + price for count, price in items)
