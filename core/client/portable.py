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
_UNPORTABLE = re.compile(r"\(\?(?!:)|\\[1-9kbBpPAZzG]")


def portable(schema: Mapping[str, Any], *, plainly: bool = False) -> dict[str, Any]:
    """``schema`` reduced to what may be sent.

    Kept: ``type enum const required``, ``properties``, ``items``, ``prefixItems``, ``anyOf`` (and
    ``oneOf``, as that), ``additionalProperties`` as false or a schema, an anchored ``pattern`` of
    plain parts, ``maxLength`` where there is no such pattern, bounds of numbers and of arrays,
    ``$ref`` into ``$defs`` or ``definitions``, and ``description`` for the model to read. With
    ``plainly`` no bounds and no patterns.
    """
    names = {
        f"#/{section}/{name}"
        for section in _DEFINITIONS
        if isinstance(schema.get(section), dict)
        for name in schema[section]
    }
    return _Reduction(names | {"#"}, plainly=plainly).of(dict(schema))


class _Reduction:
    def __init__(self, targets: set[str], *, plainly: bool) -> None:
        self._targets = targets
        self._plainly = plainly

    def of(self, schema: Any) -> dict[str, Any]:
        if not isinstance(schema, dict):
            return {}
        if "$ref" in schema:
            # Engines differ over keywords beside a $ref; alone it means the same to all.
            target = schema["$ref"]
            kept = {"$ref": target} if target in self._targets else {}
            return kept | self._sections(schema, _DEFINITIONS)
        kept = {key: schema[key] for key in schema if key in _AS_IT_IS}
        kept |= self._sections(schema, _NAMED) | self._alternatives(schema)
        if isinstance(schema.get("items"), dict):
            kept["items"] = self.of(schema["items"])
        kept |= self._tuple(schema)
        further = schema.get("additionalProperties")
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
        if _plain_pattern(schema.get("pattern")):
            found["pattern"] = schema["pattern"]
        elif "maxLength" in schema:
            found["maxLength"] = schema["maxLength"]
        match schema.get("type"):
            case "integer":
                found |= _whole_bounds(schema)
            case "number":
                found |= _bounds(schema)
            case "array":
                found |= {key: schema[key] for key in ("minItems", "maxItems") if key in schema}
                # Without items an engine knows none, and so refuses to have any.
                if found and not {"items", "prefixItems"} & kept.keys():
                    found["items"] = {}
        return found


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
