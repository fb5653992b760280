"""Reads amounts from bank statements."""

import re
from decimal import Decimal

NUMBER = re.compile(r"[-(]?([0-9]{1,3}(\.[0-9]{3})*|[0-9]+)(,[0-9]{2})?[-)]?")


def parse_amount(text):
    """The amount as a Decimal; negative when marked so.

    Raises:
        ValueError: ``text`` is no amount.
    """
    text = text.strip()
    negative = text.startswith(("-", "(")) or text.endswith("-")
    match = NUMBER.fullmatch(text)
    if match is None:
        raise ValueError(f"no amount: {text!r}")
    value = Decimal(text.strip("-()").replace(".", "").replace(",", "."))
    return -value if negative else value


def balance(lines):
    """Sum of the amounts of all lines that are not blank."""
    return sum((parse_amount(line) for line in lines if line.strip()), Decimal(0))
