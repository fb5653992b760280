def lowest(amounts):
    """The lowest balance of an account that begins with 0, after each of ``amounts`` is booked."""
    balance = low = 0
    for amount in amounts:
        balance += amount
        low = min(low, amount)
    return low
