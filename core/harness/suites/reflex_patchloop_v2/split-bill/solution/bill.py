"""Splits bills; all amounts are whole cents."""


def split(cents, weights):
    """Parts of ``cents`` in proportion to ``weights``, in the same order.

    Args:
        cents: an int, negative for refunds.
        weights: ints of at least 0, not all of them 0.
    """
    total = sum(weights)
    if total <= 0 or min(weights) < 0:
        raise ValueError("weights must not be negative nor all zero")
    if cents < 0:
        return [-part for part in split(-cents, weights)]
    parts = [cents * weight // total for weight in weights]
    spare = cents - sum(parts)
    for at, weight in enumerate(weights):
        if spare and weight:
            parts[at] += 1
            spare -= 1
    return parts


def split_evenly(cents, people):
    """A dict of name and part."""
    parts = split(cents, [1] * len(people))
    return dict(zip(people, parts, strict=True))
