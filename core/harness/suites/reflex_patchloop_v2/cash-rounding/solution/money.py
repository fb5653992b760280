"""Amounts of money as decimals."""

from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")


def to_cents(amount):
    """``amount`` with two places; half a cent goes away from zero.

    Args:
        amount: a Decimal, or a string or int that makes one.
    """
    return Decimal(amount).quantize(CENT, rounding=ROUND_HALF_UP)


def with_tax(net, percent):
    """Net amount plus tax, rounded once at the end."""
    return to_cents(Decimal(net) * (100 + Decimal(percent)) / 100)
