"""Reads amounts from bank statements."""

import re
from decimal import Decimal

NUMBER = r"((?:[0-9]+|[0-9]{1,3}(?:\.[0-9]{3})+)(?:,[0-9]{2})?)"
FORMS = (
    (re.compile(NUMBER), 1),
    *(
        (re.compile(form), -1)
        for form in (
            rf"-{NUMBER}",
            rf"{NUMBER}-",
            rf"\({NUMBER}\)",
        )
    ),
)


def parse_amount(text):
    """The amount as a Decimal; negative when marked so.

    Raises:
        ValueError: ``text`` is no amount.
    """
    text = text.strip()
    for form, sign in FORMS:
        if match := form.fullmatch(text):
            return sign * Decimal(match.group(1).replace(".", "").replace(",", "."))
    raise ValueError(f"no amount: {text!r}")


def balance(lines):
    """Sum of the amounts of all lines that are not blank."""
    return sum((parse_amount(line) for line in lines if line.strip()), Decimal(0))
