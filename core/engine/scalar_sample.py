"""The plainest string or number within a JSON schema's bounds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from core.engine.pattern_sample import sample_pattern

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOST_LENGTH = 1 << 20
_FORMATS = {
    "date": "2026-01-12",
    "date-time": "2026-01-12T10:30:16Z",
    "time": "10:30:16Z",
    "email": "someone@example.org",
    "uri": "https://example.org/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


class UnsampleableError(ValueError):
    """No instance was found: the schema contradicts itself, or goes beyond what is read here."""


def pick(choices: Any, variant: int) -> Any:
    """The choice of an ``enum`` at ``variant``, counted round."""
    if not choices:
        raise UnsampleableError("an enum is empty")
    return choices[variant % len(choices)]


def least_length(least: int, most: int | None) -> int:
    """``least``, if a value of that length is allowed and of a reasonable size."""
    if most is not None and least > most:
        raise UnsampleableError("the least length is over the greatest")
    if least > _MOST_LENGTH:
        raise UnsampleableError("the least length is beyond the stand-in")
    return least


def text(schema: Mapping[str, Any], variant: int) -> str:
    """``ok``, or what the pattern, the format and the lengths make of it."""
    most = schema.get("maxLength")
    least = least_length(schema.get("minLength", 0), most)
    if "pattern" in schema:
        try:
            return sample_pattern(schema["pattern"], at_least=least, at_most=most)
        except ValueError as error:
            raise UnsampleableError(str(error)) from error
    word = _FORMATS.get(schema.get("format", ""), "ok") + (str(variant) if variant else "")
    if len(word) < least:
        word = (f"{word} " * least)[:least]
    return word[:most]


def integer(schema: Mapping[str, Any], variant: int) -> int:
    """0 if it may be, else the allowed integer nearest to a bound."""
    step = schema.get("multipleOf", 1)
    if step <= 0 or not float(step).is_integer():
        raise UnsampleableError(f"multipleOf {step} of an integer is beyond the stand-in")
    step = int(step)
    low, high = _bounds(schema)
    starts = [0]
    if math.isfinite(low):
        starts.append(-(-math.ceil(low) // step) * step)
    if math.isfinite(high):
        starts.append(math.floor(high) // step * step)
    shifts = (variant * step, -variant * step) if variant else (0, step, -step)
    for candidate in (start + shift for start in starts for shift in shifts):
        if _allowed(schema, candidate):
            return candidate
    raise UnsampleableError("no integer lies within the bounds")


def number(schema: Mapping[str, Any], variant: int) -> float:
    """An integer if one may be, else a bound, or a point between the bounds."""
    try:
        return integer(schema, variant)
    except UnsampleableError:
        low, high = _bounds(schema)
        between = [low + (high - low) / (variant + 2)]
        for candidate in between if variant else [low, *between]:
            if "multipleOf" not in schema and _allowed(schema, candidate):
                return candidate
        raise


def _bounds(schema: Mapping[str, Any]) -> tuple[float, float]:
    low = max(schema.get("minimum", -math.inf), schema.get("exclusiveMinimum", -math.inf))
    high = min(schema.get("maximum", math.inf), schema.get("exclusiveMaximum", math.inf))
    return low, high


def _allowed(schema: Mapping[str, Any], value: float) -> bool:
    inside: bool = schema.get("minimum", value) <= value <= schema.get("maximum", value)
    low: float = schema.get("exclusiveMinimum", -math.inf)
    high: float = schema.get("exclusiveMaximum", math.inf)
    return math.isfinite(value) and inside and low < value < high
