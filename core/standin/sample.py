"""The smallest sensible instance of a JSON schema: what a stand-in can honestly say.

The plainest string or number within a JSON schema's bounds.

A short string that a regular expression accepts.

Joining the schemas that apply to one value into one.
"""

from __future__ import annotations

import math
import re
import string
from collections.abc import Callable, Mapping
from re import _parser  # type: ignore[attr-defined]  # the parser that ``re`` itself uses
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterable


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


_LIKED = string.ascii_letters + string.digits + "_-./ " + string.punctuation
_CATEGORIES: dict[str, Callable[[str], bool]] = {
    "CATEGORY_DIGIT": str.isdigit,
    "CATEGORY_NOT_DIGIT": lambda char: not char.isdigit(),
    "CATEGORY_SPACE": str.isspace,
    "CATEGORY_NOT_SPACE": lambda char: not char.isspace(),
    "CATEGORY_WORD": lambda char: char.isalnum() or char == "_",
    "CATEGORY_NOT_WORD": lambda char: not (char.isalnum() or char == "_"),
}


def sample_pattern(pattern: str, *, at_least: int = 0, at_most: int | None = None) -> str:
    """The shortest easy match of ``pattern`` that is ``at_least`` to ``at_most`` characters long.

    Repetitions are stretched from left to right to reach ``at_least``.

    Raises:
        ValueError: The pattern is not valid, or no match was found this simple way.
    """
    try:
        tree = _parser.parse(pattern)
    except re.error as error:
        raise ValueError(f"pattern {pattern!r} is not valid: {error}") from error
    text = _Match(spare=0).text(tree)
    if len(text) < at_least:
        text = _Match(spare=at_least - len(text)).text(tree)
    if len(text) < at_least and not pattern.startswith("^"):
        text = text.rjust(at_least, "a")
    fits = len(text) >= at_least and (at_most is None or len(text) <= at_most)
    if not fits or not re.search(pattern, text):
        raise ValueError(f"no simple string matches the pattern {pattern!r} within its bounds")
    return text


class _Match:
    """One walk over a parsed pattern; ``spare`` is how many repetitions may still be added."""

    def __init__(self, spare: int) -> None:
        self._spare = spare
        self._groups: dict[int | None, str] = {}

    def text(self, tree: Iterable[tuple[Any, Any]]) -> str:
        return "".join(self._node(str(kind), detail) for kind, detail in tree)

    def _node(self, kind: str, detail: Any) -> str:
        match kind:
            case "LITERAL":
                return chr(detail)
            case "IN":
                return _member(detail)
            case "NOT_LITERAL" | "ANY":
                return _member([(kind, detail)])
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                return self._repeat(*detail)
        return self._group(kind, detail)

    def _repeat(self, least: int, most: int, tree: Iterable[tuple[Any, Any]]) -> str:
        added = min(self._spare, int(most) - least)
        self._spare -= added
        return "".join(self.text(tree) for _ in range(least + added))

    def _group(self, kind: str, detail: Any) -> str:
        match kind:
            case "SUBPATTERN":
                text = self.text(detail[3])
                self._groups[detail[0]] = text
                return text
            case "ATOMIC_GROUP":
                return self.text(detail)
            case "BRANCH":
                return self.text(detail[1][0])
            case "GROUPREF":
                return self._groups.get(detail, "")
        return ""  # anchors and look-arounds take no room; the caller checks the whole


def _member(items: list[tuple[Any, Any]]) -> str:
    named = [(str(kind), detail) for kind, detail in items]
    negated = ("NEGATE", None) in named
    for char in _LIKED + "".join(map(_first, named)):
        if any(_accepts(item, char) for item in named) is not negated:
            return char
    return ""


def _accepts(item: tuple[str, Any], char: str) -> bool:
    match item:
        case ("LITERAL", code):
            return ord(char) == int(code)
        case ("NOT_LITERAL", code):
            return ord(char) != int(code)
        case ("RANGE", (low, high)):
            return bool(low <= ord(char) <= high)
        case ("CATEGORY", category):
            return _CATEGORIES[str(category)](char)
        case ("ANY", _):
            return char != "\n"
    return False


def _first(item: tuple[str, Any]) -> str:
    match item:
        case ("LITERAL", code) | ("RANGE", (code, _)):
            return chr(code)
    return ""


def both(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """A schema that holds where both do, for the keywords that can be joined simply."""
    joined = {**one, **other}
    for key in one.keys() & other.keys():
        mine, theirs = one[key], other[key]
        if mine == theirs:
            continue
        match key:
            case "required":
                joined[key] = [*mine, *(name for name in theirs if name not in mine)]
            case "properties":
                shared = {
                    name: {"allOf": [mine[name], theirs[name]]} for name in mine if name in theirs
                }
                joined[key] = {**mine, **theirs, **shared}
            case "minimum" | "exclusiveMinimum" | "minLength" | "minItems":
                joined[key] = max(mine, theirs)
            case "maximum" | "exclusiveMaximum" | "maxLength" | "maxItems":
                joined[key] = min(mine, theirs)
            case "enum":
                joined[key] = [value for value in mine if value in theirs]
            case "title" | "description" | "default" | "examples" | "$defs" | "definitions":
                pass
            case _:
                raise UnsampleableError(f"cannot join two different {key!r}")
    return joined


def member_schema(schema: Mapping[str, Any], name: str) -> Any:
    """The schema of an object's member ``name``."""
    parts = [schema["properties"][name]] if name in schema.get("properties", {}) else []
    patterns = schema.get("patternProperties", {})
    parts += [part for pattern, part in patterns.items() if re.search(pattern, name)]
    if not parts:
        return schema.get("additionalProperties", True)
    return parts[0] if len(parts) == 1 else {"allOf": parts}


_DEPTHS = (4, 8, 16, 32)
_MOST_NODES = 5_000
_UNSUPPORTED = frozenset(
    {
        "$dynamicRef",
        "contains",
        "dependentRequired",
        "dependentSchemas",
        "if",
        "minProperties",
        "not",
        "propertyNames",
        "unevaluatedItems",
        "unevaluatedProperties",
    }
)
_SCALARS: dict[str, Callable[[Mapping[str, Any], int], Any]] = {
    "string": text,
    "integer": integer,
    "number": number,
    "boolean": lambda _, variant: bool(variant),
    "null": lambda *_: None,
}


def sample(schema: Any) -> Any:
    """An instance of ``schema``: constants and first choices, required members, lowest bounds.

    ``schema`` must be a schema by its metaschema. ``oneOf`` is read as ``anyOf``. Local ``$ref``
    are followed, also recursive ones.

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


class _TooDeepError(UnsampleableError):
    pass


class _Sampler:
    def __init__(self, root: Any) -> None:
        self._root = root
        self._nodes = 0

    def value(self, schema: Any, depth: int, variant: int = 0) -> Any:
        """An instance; different ``variant`` give different ones where that is easy."""
        self._nodes += 1
        if self._nodes > _MOST_NODES:
            raise UnsampleableError("the schema is too large")
        if depth == 0:
            raise _TooDeepError("the schema refers to itself without end")
        if schema is True:
            return "ok"
        if not isinstance(schema, Mapping):
            raise UnsampleableError("a part of the schema is false or not a schema")
        if beyond := _UNSUPPORTED & schema.keys():
            raise UnsampleableError(f"the keyword {min(beyond)!r} is beyond the stand-in")
        if "$ref" in schema:
            rest = {key: value for key, value in schema.items() if key != "$ref"}
            target = self._resolve(schema["$ref"])
            return self.value({"allOf": [target, rest]} if rest else target, depth - 1, variant)
        if "allOf" in schema:
            return self.value(self._merged(schema, depth), depth, variant)
        if choices := schema.get("anyOf") or schema.get("oneOf"):
            return self._first_choice(schema, choices, depth, variant)
        return self._typed(schema, depth, variant)

    def _typed(self, schema: Mapping[str, Any], depth: int, variant: int) -> Any:
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return pick(schema["enum"], variant)
        kind = _type_of(schema)
        if kind in {"object", "array"}:
            return self._object(schema, depth) if kind == "object" else self._array(schema, depth)
        if kind not in _SCALARS:
            raise UnsampleableError(f"unknown type {kind!r}")
        return _SCALARS[kind](schema, variant)

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        return {
            name: self.value(member_schema(schema, name), depth - 1)
            for name in schema.get("required", ())
        }

    def _array(self, schema: Mapping[str, Any], depth: int) -> list[Any]:
        count = least_length(schema.get("minItems", 0), schema.get("maxItems"))
        prefix = schema.get("prefixItems", [])
        unique = schema.get("uniqueItems", False)
        found: list[Any] = []
        for position in range(count):
            item = prefix[position] if position < len(prefix) else schema.get("items", True)
            found.append(self.value(item, depth - 1, position if unique else 0))
        if unique and any(one in found[:index] for index, one in enumerate(found)):
            raise UnsampleableError("no easy way to make all items different")
        return found

    def _first_choice(
        self, schema: Mapping[str, Any], choices: Any, depth: int, variant: int
    ) -> Any:
        rest = {key: value for key, value in schema.items() if key not in {"anyOf", "oneOf"}}
        reason = UnsampleableError("none of the choices can be met")
        for choice in choices:
            whole = {"allOf": [choice, rest]} if rest else choice
            try:
                return self.value(whole, depth - 1, variant)
            except UnsampleableError as error:
                reason = reason if isinstance(reason, _TooDeepError) else error
        raise reason

    def _merged(self, schema: Mapping[str, Any], depth: int) -> Mapping[str, Any]:
        merged = {key: value for key, value in schema.items() if key != "allOf"}
        for part in schema["allOf"]:
            merged = both(merged, self._plain(part, depth - 1))
        return merged

    def _plain(self, part: Any, depth: int) -> Mapping[str, Any]:
        """``part`` as an object without ``$ref`` and ``allOf`` at its top."""
        if depth <= 0:
            raise _TooDeepError("the schema refers to itself without end")
        if part is True:
            return {}
        if not isinstance(part, Mapping):
            raise UnsampleableError("a part of the schema is false or not a schema")
        if "$ref" in part:
            rest = {key: value for key, value in part.items() if key != "$ref"}
            return both(self._plain(self._resolve(part["$ref"]), depth - 1), rest)
        return self._merged(part, depth) if "allOf" in part else part

    def _resolve(self, reference: Any) -> Any:
        if not isinstance(reference, str) or not reference.startswith("#"):
            raise UnsampleableError(f"only local references are followed, not {reference!r}")
        found = self._root
        for step in reference[1:].split("/")[1:]:
            key = unquote(step).replace("~1", "/").replace("~0", "~")
            try:
                found = found[int(key)] if isinstance(found, list) else found[key]
            except (KeyError, IndexError, ValueError, TypeError):
                raise UnsampleableError(f"{reference} leads nowhere") from None
        return found


def _type_of(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = kind[0] if kind else None
    if kind is not None:
        return str(kind)
    if schema.keys() & {"properties", "required", "additionalProperties"}:
        return "object"
    if schema.keys() & {"items", "prefixItems", "minItems"}:
        return "array"
    if schema.keys() & {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}:
        return "number"
    return "string"
