"""What of a JSON schema is sent to a server: what its grammar takes, by the table in ``keywords``.

The reply is validated against the whole schema all the same. Dropping a keyword makes the schema
sent looser, never stricter. Objects alone may become stricter: engines write the properties in
their order, and some write no others.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from core.client.keywords import FORMATS, MOST_REPEATED, TAKEN, Grammar
from core.client.patterns import portable_pattern

if TYPE_CHECKING:
    from collections.abc import Mapping

_AS_IT_IS = frozenset({"type", "enum", "const", "required", "description"})
_NAMED = frozenset({"properties", "$defs", "definitions"})
_DEFINITIONS = frozenset({"$defs", "definitions"})
# Beside them some engines look at the alternatives alone, others at the rest alone.
_BESIDE = frozenset({"type", "enum", "const", "properties", "items", "prefixItems", "required"})
_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_NUMERIC = frozenset(_BOUNDS)
_OF_TYPE = {
    "string": frozenset({"pattern", "format", "minLength", "maxLength"}),
    "integer": _NUMERIC,
    "number": _NUMERIC,
    "boolean": frozenset[str](),
    "null": frozenset[str](),
    "array": frozenset({"items", "prefixItems", "minItems", "maxItems"}),
    "object": frozenset({"properties", "required", "additionalProperties", "patternProperties"}),
}
_LARGEST = (1 << 53) - 1  # what every engine and JSON reader holds exactly
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_SAID_ONLY = frozenset({"title", "description", "default", "examples", "deprecated", "$comment"})


def portable(
    schema: Mapping[str, Any], grammar: Grammar = Grammar.PORTABLE, *, plainly: bool = False
) -> dict[str, Any]:
    """``schema`` reduced to what ``grammar`` takes; by default, to what nearly all do.

    Kept: ``type enum const required``, ``properties``, ``items``, ``prefixItems``, ``anyOf`` (and
    ``oneOf``, as that), an ``allOf`` of one schema as that schema, ``additionalProperties`` as
    false or a schema, ``$ref`` into ``$defs`` or ``definitions``, and ``description`` for the model
    to read. Where the ``type`` is a string alone, one of these: an anchored ``pattern`` of plain
    parts, a ``format``, lengths. Where it is a number or an array, its bounds. With ``plainly``
    none of these limits.
    """
    names = {
        f"#/{section}/{name}"
        for section in _DEFINITIONS
        if isinstance(schema.get(section), dict)
        for name in schema[section]
        if _PLAIN_NAME.fullmatch(name)  # others take escapes, which not every engine reads
    }
    whole = dict(schema)
    return _Reduction(whole, names | {"#"}, grammar, plainly=plainly).of(whole)


def closed(schema: Any) -> Any:
    """A reduced schema with every object closed, as Anthropic's API wants them.

    Raises:
        ValueError: an object must be open, since it names no properties of its own.
    """
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    fit: dict[str, Any] = {}
    for name, value in schema.items():
        if name in _NAMED:
            fit[name] = {key: closed(one) for key, one in value.items()}
        else:
            fit[name] = value if name in _AS_IT_IS else closed(value)
    if fit.get("type") == "object":
        if not fit.get("properties") or fit.get("additionalProperties"):
            raise ValueError("an object that names no properties of its own")
        fit["additionalProperties"] = False
    return fit


class _Reduction:
    def __init__(
        self, root: dict[str, Any], targets: set[str], grammar: Grammar, *, plainly: bool
    ) -> None:
        self._root = root
        self._targets = targets
        self._grammar = grammar
        self._plainly = plainly

    def of(self, schema: Any) -> dict[str, Any]:
        if not isinstance(schema, dict):
            return {}
        if "$id" in schema and schema is not self._root:
            return {}  # a document of its own, to which the references inside it lead
        if "$ref" in schema:
            # Engines differ over keywords beside a $ref; alone it means the same to all.
            target = schema["$ref"]
            kept = {"$ref": target} if target in self._targets else {}
            return kept | self._sections(schema, _DEFINITIONS)
        if one := _only_of_all(schema):
            return self.of(one) | self._sections(schema, _DEFINITIONS)
        if isinstance(schema.get("type"), list) and not self._takes("several types"):
            return self._each_type(schema)
        kept = {key: schema[key] for key in schema if key in _AS_IT_IS}
        kept |= self._sections(schema, _NAMED) | self._alternatives(schema)
        if isinstance(schema.get("items"), dict):
            kept["items"] = self.of(schema["items"])
        kept |= self._tuple(schema)
        kept |= self._further(schema)
        if kept.get("type") == "object":
            self._declare_required(kept)
        return kept if self._plainly else kept | self._limits(schema, kept)

    def _takes(self, keyword: str) -> bool:
        return self._grammar in TAKEN[keyword]

    def _each_type(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Alternatives of one type each, with what concerns that type."""
        rest = {key: schema[key] for key in schema.keys() - {"type"} - _DEFINITIONS}
        several = [
            self.of({"type": kind} | {key: rest[key] for key in rest.keys() & _OF_TYPE[kind]})
            for kind in schema["type"]
        ]
        known = {key: rest[key] for key in rest.keys() & {"enum", "const"}}
        return (known or {"anyOf": several}) | self._sections(schema, _DEFINITIONS)

    def _further(self, schema: dict[str, Any]) -> dict[str, Any]:
        """``additionalProperties``, where leaving others out does not make it stricter."""
        further = schema.get("additionalProperties")
        if "patternProperties" in schema:
            return {}
        if further is False:
            return {"additionalProperties": False}
        if isinstance(further, dict) and schema.get("type") == "object":
            beside = "a schema of additionalProperties beside properties"
            if self._takes(beside) or "properties" not in schema:
                return {"additionalProperties": self.of(further)}
        return {}

    def _declare_required(self, kept: dict[str, Any]) -> None:
        """Name each required property, as grammars write no other, or none at all."""
        known = kept.get("properties", {})
        missing = [name for name in kept.get("required", ()) if name not in known]
        further = kept.get("additionalProperties", {})
        if missing and further is not False:
            kept["properties"] = known | dict.fromkeys(missing, further)

    def _sections(self, schema: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
        return {
            section: {name: self.of(inner) for name, inner in schema[section].items()}
            for section in schema
            if section in names and isinstance(schema[section], dict)
        }

    def _alternatives(self, schema: dict[str, Any]) -> dict[str, Any]:
        for name in ("anyOf", "oneOf"):
            several = schema.get(name)
            if isinstance(several, list) and several and not _BESIDE & schema.keys():
                reduced = [self.of(one) for one in several]
                # One that says nothing allows everything, as does leaving all of them out.
                return {"anyOf": reduced} if all(reduced) else {}
        return {}

    def _tuple(self, schema: dict[str, Any]) -> dict[str, Any]:
        first = schema.get("prefixItems")
        if not isinstance(first, list) or not first:
            return {}
        bounded = {schema.get("minItems"), schema.get("maxItems")}
        if not self._takes("minItems beside prefixItems") and bounded != {len(first)}:
            return {}  # it takes a tuple of just that length, and then without bounds
        kept: dict[str, Any] = {"prefixItems": [self.of(one) for one in first]}
        return kept | ({"items": False} if schema.get("items") is False else {})

    def _limits(self, schema: dict[str, Any], kept: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        match schema.get("type"):
            case "string":
                found |= self._of_string(schema)
            case "integer" if self._takes("bounds of numbers"):
                found |= _whole_bounds(schema)
            case "number" if self._takes("bounds of numbers"):
                found |= _bounds(schema)
            case "array":
                beside = self._takes("minItems beside prefixItems") or "prefixItems" not in kept
                found |= _counts(schema, "minItems", "maxItems") if beside else {}
                # Without items an engine knows none, and so refuses to have any.
                if found and not {"items", "prefixItems"} & kept.keys():
                    found["items"] = {}
        return found

    def _of_string(self, schema: dict[str, Any]) -> dict[str, Any]:
        """One of pattern, format and lengths: engines refuse them together, or pass over some."""
        if pattern := portable_pattern(schema.get("pattern")):
            return {"pattern": pattern}
        if schema.get("format") in FORMATS[self._grammar]:
            return {"format": schema["format"]}
        least = ("minLength",) if self._takes("minLength") else ()
        return _counts(schema, *least, "maxLength")


def _only_of_all(schema: dict[str, Any]) -> dict[str, Any] | None:
    """The one schema of an ``allOf`` that is all there is: the way some libraries write a $ref."""
    several = schema.get("allOf")
    alone = schema.keys() <= _SAID_ONLY | _DEFINITIONS | {"allOf", "$schema", "$id"}
    if alone and isinstance(several, list) and len(several) == 1 and isinstance(several[0], dict):
        return several[0]
    return None


def _counts(schema: dict[str, Any], *names: str) -> dict[str, int]:
    """Lengths and counts, whole: JSON schema takes 3.0 for 3, engines do not.

    A long one takes an engine's memory: of a least one, what it may have is sent.
    """
    told = ((name, _number(schema.get(name))) for name in names)
    given = {name: int(value) for name, value in told if value is not None}
    return {
        name: min(value, MOST_REPEATED)
        for name, value in given.items()
        if value <= MOST_REPEATED or name.startswith("min")
    }


def _number(value: object) -> float | int | None:
    if type(value) not in (int, float):
        return None
    assert isinstance(value, int | float)
    return value if -_LARGEST <= value <= _LARGEST else None


def _bounds(schema: dict[str, Any]) -> dict[str, Any]:
    told = ((name, _number(schema.get(name))) for name in _BOUNDS)
    return {name: value for name, value in told if value is not None}


def _whole_bounds(schema: dict[str, Any]) -> dict[str, int]:
    """Of an integer, in whole numbers: a fraction is refused, and means the next one inwards."""
    given = _bounds(schema)
    found: dict[str, int] = {}
    for name, value in given.items():
        if name == "minimum":
            found[name] = math.ceil(value)
        elif name == "maximum":
            found[name] = math.floor(value)
        elif value == int(value):
            found[name] = int(value)
        elif name == "exclusiveMinimum":
            found["minimum"] = max(math.ceil(value), found.get("minimum", -_LARGEST))
        else:
            found["maximum"] = min(math.floor(value), found.get("maximum", _LARGEST))
    return found
