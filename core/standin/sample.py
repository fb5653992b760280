"""A small instance of a plain JSON schema: what a stand-in without a model can honestly say.

Read is the subset that servers enforce: ``const``, ``enum``, ``anyOf``, objects, arrays, bounds,
lengths, formats, local references. The caller checks what comes of it, so that a schema that goes
beyond ends in an error, never in a wrong instance.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

_MOST_NODES = 2_000
_MOST_LENGTH = 16 << 10


class UnsampleableError(ValueError):
    """No instance was found: the schema contradicts itself, or goes beyond what is read here."""


def sample(schema: Any) -> Any:
    """An instance of ``schema``: constants and first choices, required members, lowest bounds.

    ``schema`` must be valid, and its references lead to an end.

    Raises:
        UnsampleableError: There is no instance, or none of the simple kind.
    """
    return _Sampler(schema).value(schema)


class _Sampler:
    def __init__(self, root: Any) -> None:
        self._root = root
        self._nodes = 0

    def value(self, schema: Any) -> Any:
        self._nodes += 1
        if self._nodes > _MOST_NODES:
            raise UnsampleableError("the schema is too large")
        if schema is True:
            return "ok"
        if not isinstance(schema, Mapping):
            raise UnsampleableError("a part of the schema is false or not a schema")
        if "$ref" in schema:
            return self.value(self._target(schema["$ref"]))
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return _first_of(schema["enum"])
        choices = schema.get("anyOf") or schema.get("oneOf")
        return self._choice(choices) if choices else self._typed(schema)

    def _choice(self, choices: list[Any]) -> Any:
        """The first that can be met."""
        reason = UnsampleableError("none of the choices can be met")
        for choice in choices:
            try:
                return self.value(choice)
            except UnsampleableError as error:
                reason = error
        raise reason

    def _typed(self, schema: Mapping[str, Any]) -> Any:
        kind = _type_of(schema)
        if kind == "object":
            members = schema.get("properties", {})
            other = schema.get("additionalProperties", True)
            names = schema.get("required", ())
            return {name: self.value(members.get(name, other)) for name in names}
        if kind == "array":
            count = _length(schema.get("minItems", 0), schema.get("maxItems"))
            return [self.value(schema.get("items", True)) for _ in range(count)]
        if kind not in _SCALARS:
            raise UnsampleableError(f"unknown type {kind!r}")
        return _SCALARS[kind](schema)

    def _target(self, reference: str) -> Any:
        found = self._root
        for step in reference[1:].split("/")[1:]:
            found = found[unquote(step).replace("~1", "/").replace("~0", "~")]
        return found


def _type_of(schema: Mapping[str, Any]) -> Any:
    kind = schema.get("type")
    if kind is not None:
        return _first_of(kind) if isinstance(kind, list) else kind
    if schema.keys() & {"properties", "required", "additionalProperties"}:
        return "object"
    if schema.keys() & {"items", "minItems"}:
        return "array"
    numeric = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
    return "number" if schema.keys() & numeric else "string"


def _first_of(choices: Any) -> Any:
    if not choices:
        raise UnsampleableError("there is nothing to choose from")
    return choices[0]


def _length(least: int, most: int | None) -> int:
    if least > _MOST_LENGTH or (most is not None and least > most):
        raise UnsampleableError("the least length is over the greatest, or beyond the stand-in")
    return least


_FORMATTED = {
    "date": "2026-01-12",
    "time": "10:30:00Z",
    "date-time": "2026-01-12T10:30:00Z",
    "duration": "PT1H",
    "email": "ok@example.org",
    "hostname": "example.org",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.org/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def _text(schema: Mapping[str, Any]) -> str:
    if schema.get("format") in _FORMATTED:
        return _FORMATTED[schema["format"]]
    most = schema.get("maxLength")
    least = _length(schema.get("minLength", 0), most)
    return ("ok" if len("ok") >= least else ("ok " * least)[:least])[:most]


def _number(schema: Mapping[str, Any], *, whole: bool) -> float:
    """0 if it may be, else a number at or beside a bound."""
    least, most = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
    over, under = (
        schema.get("exclusiveMinimum", -math.inf),
        schema.get("exclusiveMaximum", math.inf),
    )
    low, high = max(least, over), min(most, under)
    near: list[float] = [one for one in (low, high) if math.isfinite(one)]
    if whole:
        near = [math.floor(one) + step for one in near for step in (0, 1, -1)]
    else:
        near += [one + step for one in near for step in (1, -1)] + [(low + high) / 2]
    for one in (0, *near):
        if least <= one <= most and over < one < under:
            return float(one) if not whole else int(one)
    raise UnsampleableError("no number lies within the bounds")


_SCALARS: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "string": _text,
    "integer": lambda schema: _number(schema, whole=True),
    "number": lambda schema: _number(schema, whole=False),
    "boolean": lambda _: False,
    "null": lambda _: None,
}
