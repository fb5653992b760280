"""What of a JSON schema is sent to a server: what no engine refuses and each may enforce.

The reply is validated against the whole schema all the same. Dropping a keyword makes the schema
sent looser, never stricter. The table in ``docs/runbook.md`` says what each engine makes of
each keyword; ``code reflex health --schema`` asks the server that is configured.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_AS_IT_IS = frozenset({"type", "enum", "const", "required", "description"})
_NAMED = frozenset({"properties", "$defs", "definitions"})
_DEFINITIONS = frozenset({"$defs", "definitions"})
# Beside them some engines look at the alternatives alone, others at the rest alone.
_BESIDE = frozenset({"type", "enum", "const", "properties", "items", "prefixItems", "required"})
_LARGEST = (1 << 53) - 1  # what every engine and JSON reader holds exactly
# Look-arounds are ignored or refused; back-references, word boundaries and classes by Unicode
# property are refused.
_ESCAPED = re.compile(r"[/~%]")
_SAID_ONLY = frozenset({"title", "description", "default", "examples", "deprecated", "$comment"})
_UNPORTABLE = re.compile(r"\(\?(?!:)|\\[1-9kbBpPAZzG]")


def portable(schema: Mapping[str, Any], *, plainly: bool = False) -> dict[str, Any]:
    """``schema`` reduced to what may be sent.

    Kept: ``type enum const required``, ``properties``, ``items``, ``prefixItems``, ``anyOf`` (and
    ``oneOf``, as that), an ``allOf`` of one schema as that schema, ``additionalProperties`` as
    false or a schema, ``$ref`` into ``$defs`` or ``definitions``, and ``description`` for the model
    to read. Where the ``type`` is a string alone, an anchored ``pattern`` of plain parts, or
    ``maxLength`` where there is no such pattern; where it is a number or an array, its bounds. With
    ``plainly`` no bounds and no patterns.
    """
    names = {
        f"#/{section}/{name}"
        for section in _DEFINITIONS
        if isinstance(schema.get(section), dict)
        for name in schema[section]
        if not _ESCAPED.search(name)  # a pointer with escapes, which not every engine reads
    }
    whole = dict(schema)
    return _Reduction(whole, names | {"#"}, plainly=plainly).of(whole)


class _Reduction:
    def __init__(self, root: dict[str, Any], targets: set[str], *, plainly: bool) -> None:
        self._root = root
        self._targets = targets
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
        kept = {key: schema[key] for key in schema if key in _AS_IT_IS}
        kept |= self._sections(schema, _NAMED) | self._alternatives(schema)
        if isinstance(schema.get("items"), dict):
            kept["items"] = self.of(schema["items"])
        kept |= self._tuple(schema)
        # Without the patterns, those further ones would be forbidden that the patterns allow.
        further = None if "patternProperties" in schema else schema.get("additionalProperties")
        if further is False:
            kept["additionalProperties"] = False
        elif isinstance(further, dict) and schema.get("type") == "object":
            kept["additionalProperties"] = self.of(further)
        return kept if self._plainly else kept | self._limits(schema, kept)

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
        kept: dict[str, Any] = {"prefixItems": [self.of(one) for one in first]}
        return kept | ({"items": False} if schema.get("items") is False else {})

    def _limits(self, schema: dict[str, Any], kept: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        match schema.get("type"):
            case "string" if _plain_pattern(schema.get("pattern")):
                found["pattern"] = schema["pattern"]
            case "string":
                found |= _counts(schema, "maxLength")
            case "integer":
                found |= _whole_bounds(schema)
            case "number":
                found |= _bounds(schema)
            case "array":
                found |= _counts(schema, "minItems", "maxItems")
                # Without items an engine knows none, and so refuses to have any.
                if found and not {"items", "prefixItems"} & kept.keys():
                    found["items"] = {}
        return found


def _only_of_all(schema: dict[str, Any]) -> dict[str, Any] | None:
    """The one schema of an ``allOf`` that is all there is: the way some libraries write a $ref."""
    several = schema.get("allOf")
    alone = schema.keys() <= _SAID_ONLY | _DEFINITIONS | {"allOf", "$schema", "$id"}
    if alone and isinstance(several, list) and len(several) == 1 and isinstance(several[0], dict):
        return several[0]
    return None


def _counts(schema: dict[str, Any], *names: str) -> dict[str, int]:
    """Lengths and counts, whole: JSON schema takes 3.0 for 3, engines do not."""
    told = ((name, _number(schema.get(name))) for name in names)
    return {name: int(value) for name, value in told if value is not None}


def _plain_pattern(pattern: object) -> bool:
    if not isinstance(pattern, str) or not pattern.startswith("^") or not pattern.endswith("$"):
        return False
    escapes = len(pattern[:-1]) - len(pattern[:-1].rstrip("\\"))
    return escapes % 2 == 0 and _UNPORTABLE.search(pattern) is None


def _number(value: object) -> float | int | None:
    if type(value) not in (int, float):
        return None
    assert isinstance(value, int | float)
    return value if -_LARGEST <= value <= _LARGEST else None


def _bounds(schema: dict[str, Any]) -> dict[str, Any]:
    names = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
    told = ((name, _number(schema.get(name))) for name in names)
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
