"""The smallest instance of a JSON schema: what a stand-in without a model can honestly say.

Read is the subset that servers enforce (``const``, ``enum``, ``anyOf``, objects, arrays, bounds,
lengths, simple patterns, local references). The caller validates what comes of it, so a schema that
goes beyond ends in an error, never in a wrong instance.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from re import _parser  # type: ignore[attr-defined]  # the parser that ``re`` itself uses
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterable

# Tried in turn, so that a recursive schema ends at its first way out.
_DEPTHS = (4, 8, 16, 32)
_MOST_NODES = 5_000
_MOST_LENGTH = 1 << 20


class UnsampleableError(ValueError):
    """No instance was found: the schema contradicts itself, or goes beyond what is read here."""


class _TooDeepError(UnsampleableError):
    pass


def sample(schema: Any) -> Any:
    """An instance of ``schema``: constants and first choices, required members, lowest bounds.

    ``schema`` must be a schema by its metaschema.

    Raises:
        UnsampleableError: There is no instance, or none of the simple kind.
    """
    reason = UnsampleableError("the schema is too deep")
    for depth in _DEPTHS:
        try:
            return _Sampler(schema).value(schema, depth)
        except _TooDeepError as error:
            reason = error
    raise reason


class _Sampler:
    def __init__(self, root: Any) -> None:
        self._root = root
        self._nodes = 0

    def value(self, schema: Any, depth: int) -> Any:
        self._nodes += 1
        if self._nodes > _MOST_NODES:
            raise UnsampleableError("the schema is too large")
        if depth <= 0:
            raise _TooDeepError("the schema refers to itself without end")
        if schema is True:
            return "ok"
        if not isinstance(schema, Mapping):
            raise UnsampleableError("a part of the schema is false or not a schema")
        for key in ("$ref", "allOf", "anyOf", "oneOf"):
            if key in schema:
                return self._composed(schema, key, depth - 1)
        if "const" in schema:
            return schema["const"]
        return _first_of(schema["enum"]) if "enum" in schema else self._typed(schema, depth)

    def _composed(self, schema: Mapping[str, Any], key: str, depth: int) -> Any:
        """A reference's target, all parts together, or the first choice that can be met."""
        ways = [[self._target(schema[key])]] if key == "$ref" else [schema[key]]
        if key in {"anyOf", "oneOf"}:
            ways = [[choice] for choice in schema[key]]
        reason = UnsampleableError("none of the choices can be met")
        for parts in ways:
            try:
                return self.value(self._over(schema, key, parts), depth)
            except UnsampleableError as error:
                reason = reason if isinstance(reason, _TooDeepError) else error
        raise reason

    def _typed(self, schema: Mapping[str, Any], depth: int) -> Any:
        kind = _type_of(schema)
        if kind == "object":
            members = schema.get("properties", {})
            other = schema.get("additionalProperties", True)
            names = schema.get("required", ())
            return {name: self.value(members.get(name, other), depth - 1) for name in names}
        if kind == "array":
            count = _length(schema.get("minItems", 0), schema.get("maxItems"))
            return [self.value(schema.get("items", True), depth - 1) for _ in range(count)]
        if kind not in _SCALARS:
            raise UnsampleableError(f"unknown type {kind!r}")
        return _SCALARS[kind](schema)

    def _over(self, schema: Mapping[str, Any], key: str, parts: Iterable[Any]) -> Any:
        """``schema`` with the keywords of ``parts`` instead of ``key``; a later one wins."""
        joined = {name: value for name, value in schema.items() if name != key}
        for part in parts:
            if part is not True and not isinstance(part, Mapping):
                raise UnsampleableError("a part of the schema is false or not a schema")
            joined |= {} if part is True else part
        return joined

    def _target(self, reference: Any) -> Any:
        if not isinstance(reference, str) or not reference.startswith("#"):
            raise UnsampleableError(f"only local references are followed, not {reference!r}")
        found = self._root
        for step in reference[1:].split("/")[1:]:
            name = unquote(step).replace("~1", "/").replace("~0", "~")
            try:
                found = found[int(name)] if isinstance(found, list) else found[name]
            except (KeyError, IndexError, ValueError, TypeError):
                raise UnsampleableError(f"{reference} leads nowhere") from None
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


def _text(schema: Mapping[str, Any]) -> str:
    most = schema.get("maxLength")
    least = _length(schema.get("minLength", 0), most)
    if "pattern" in schema:
        return sample_pattern(schema["pattern"], least)
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


def sample_pattern(pattern: str, least: int = 0) -> str:
    """A short match of ``pattern``, stretched to ``least`` characters where it may be repeated.

    Raises:
        UnsampleableError: It is not valid, or no match was found this simple way.
    """
    try:
        tree = _parser.parse(pattern)
        text = _match(tree, 0)
        if len(text) < least:
            text = _match(tree, least - len(text))
        if len(text) >= least and re.search(pattern, text):
            return text
    except (re.error, OverflowError) as error:
        raise UnsampleableError(f"pattern {pattern!r} is not valid: {error}") from error
    raise UnsampleableError(f"no simple string matches the pattern {pattern!r}")


_SCALARS: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "string": _text,
    "integer": lambda schema: _number(schema, whole=True),
    "number": lambda schema: _number(schema, whole=False),
    "boolean": lambda _: False,
    "null": lambda _: None,
}
_EXAMPLES = {"CATEGORY_DIGIT": "0", "CATEGORY_SPACE": " ", "CATEGORY_WORD": "a"}
_CHARACTERS: dict[str, Callable[[Any], str]] = {
    "LITERAL": chr,
    "RANGE": lambda ends: chr(ends[0]),
    "CATEGORY": lambda category: _EXAMPLES.get(str(category), "-"),
    "ANY": lambda _: "a",
    "NEGATE": lambda _: "_",
    "NOT_LITERAL": lambda _: "_",
    "IN": lambda choices: _match(choices[:1], 0),
}


def _match(tree: Iterable[tuple[Any, Any]], spare: int) -> str:
    """The first way through a parsed pattern; its first repetition takes the ``spare`` ones."""
    text = ""
    for kind, detail in tree:
        match str(kind):
            case "SUBPATTERN":
                text += _match(detail[3], spare)
            case "BRANCH":
                text += _match(detail[1][0], spare)
            case "MAX_REPEAT" | "MIN_REPEAT":
                count = min(detail[0] + spare, int(detail[1]))
                spare -= count - detail[0]
                text += _match(detail[2], 0) * count
            case name if name in _CHARACTERS:
                text += _CHARACTERS[name](detail)
            # Anchors and look-arounds take no room; the caller checks the whole.
    return text
