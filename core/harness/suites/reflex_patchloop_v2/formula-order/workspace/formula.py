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
    if parts and parts[0] in ("+", "-"):
        sign = parts.pop(0)
        other = _sum(parts)
        return value + other if sign == "+" else value - other
    return value


def _product(parts):
    value = _power(parts)
    if parts and parts[0] in ("*", "/"):
        sign = parts.pop(0)
        other = _product(parts)
        return value * other if sign == "*" else value / other
    return value


def _power(parts):
    base = _single(parts)
    if parts and parts[0] == "^":
        parts.pop(0)
        return base ** _power(parts)
    return base


def _single(parts):
    part = parts.pop(0)
    if part == "-":
        return -_single(parts)
    if part == "(":
        value = _sum(parts)
        parts.pop(0)
        return value
    return part
