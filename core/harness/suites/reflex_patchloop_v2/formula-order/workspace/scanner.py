"""Splits a formula into its parts."""

import re


class FormulaError(Exception):
    """The text is no formula, or has no value."""


PART = re.compile(r"\s*(?:(\d+)|([-+*/^()]))")


def scan(text):
    """Numbers as floats and everything else as one-character strings, in order."""
    parts = []
    at = 0
    text = text.rstrip()
    while at < len(text):
        match = PART.match(text, at)
        if match is None:
            raise FormulaError(f"cannot read {text[at:]!r}")
        number, sign = match.groups()
        parts.append(float(number) if number else sign)
        at = match.end()
    return parts
