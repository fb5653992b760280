"""Unit prices of the web shop, in cents."""

# (least quantity, percent of the base price), highest tier first
TIERS = ((100, 80), (10, 90))


def unit_price(base_cents, quantity):
    """Price of one unit: 10 % off from 10 units on, 20 % off from 100 on.

    Raises:
        ValueError: quantity is less than 1.
    """
    if quantity < 1:
        raise ValueError("quantity must be at least 1")
    for minimum, percent in TIERS:
        if quantity >= minimum:
            return base_cents * percent // 100
    return base_cents
