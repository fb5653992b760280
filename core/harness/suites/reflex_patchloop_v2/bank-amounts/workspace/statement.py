"""Reads amounts from bank statements."""

import re
from decimal import Decimal

NUMBER = re.compile(r"([0-9.]+)(,[0-9]{2})?")


def parse_amount(text):
    """The amount as a Decimal; negative when marked so.

    Raises:
        ValueError: ``text`` is no amount.
    """
    text = text.strip()
    negative = text.startswith("-")
    match = NUMBER.search(text)
    if match is None:
        raise ValueError(f"no amount: {text!r}")
    value = Decimal(match.group(0).replace(".", "").replace(",", "."))
    return -value if negative else value


def balance(lines):
    """Sum of the amounts of all lines that are not blank."""
    return sum((parse_amount(line) for line in lines if line.strip()), Decimal(0))
