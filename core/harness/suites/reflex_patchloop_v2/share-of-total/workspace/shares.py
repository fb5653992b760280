"""Splits a total into shares for the pie chart."""


def shares(amounts):
    """Each amount's part of the sum, as a float from 0 to 1.

    A sum of zero gives 0.0 for every amount.
    """
    total = sum(amounts)
    if total == 0:
        return [0.0 for _ in amounts]
    return [amount / total for amount in amounts]


def labels(names, amounts):
    """``name: percent`` for each pair, without decimals."""
    pairs = zip(names, shares(amounts), strict=True)
    return [f"{name}: {share:.0%}" for name, share in pairs]
