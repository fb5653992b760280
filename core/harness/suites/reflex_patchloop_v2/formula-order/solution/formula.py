"""Computes formulas of the sheet."""

from scanner import FormulaError, scan


def compute(text):
    """The value of a formula as a float.

    Raises:
        FormulaError: it is no complete formula, or divides by zero.
    """
    parts = scan(text)
    value = _sum(parts)
    if parts:
        raise FormulaError(f"unexpected {parts[0]!r}")
    return value


def _sum(parts):
    value = _product(parts)
    while parts and parts[0] in ("+", "-"):
        sign = parts.pop(0)
        other = _product(parts)
        value = value + other if sign == "+" else value - other
    return value


def _product(parts):
    value = _signed(parts)
    while parts and parts[0] in ("*", "/"):
        sign = parts.pop(0)
        other = _signed(parts)
        if sign == "/" and other == 0:
            raise FormulaError("division by zero")
        value = value * other if sign == "*" else value / other
    return value


def _signed(parts):
    if parts and parts[0] == "-":
        parts.pop(0)
        return -_signed(parts)
    return _power(parts)


def _power(parts):
    base = _single(parts)
    if parts and parts[0] == "^":
        parts.pop(0)
        return base ** _signed(parts)
    return base


def _single(parts):
    part = parts.pop(0) if parts else None
    if part == "(":
        value = _sum(parts)
        if not parts or parts.pop(0) != ")":
            raise FormulaError("a parenthesis is not closed")
        return value
    if not isinstance(part, float):
        raise FormulaError("a number is missing")
    return part
