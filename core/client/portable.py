"""The part of a JSON schema that every engine enforces and none refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_AS_IT_IS = frozenset({"type", "enum", "const", "required", "description"})
_BOUNDS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})
_NAMED = frozenset({"properties", "$defs", "definitions"})


def portable(schema: Mapping[str, Any]) -> dict[str, Any]:
    """``schema`` reduced to what may be sent; the reply is validated against the whole of it.

    Kept: ``type enum const required``, ``properties``, ``items``, ``additionalProperties: false``,
    an anchored ``pattern``, ``maxLength`` where there is no such pattern, bounds of integers,
    ``minItems maxItems`` of arrays, ``$ref`` into ``$defs`` or ``definitions``, and ``description``
    for the model to read. What is dropped makes the sent schema looser, never stricter.
    """
    names = {
        f"#/{section}/{name}"
        for section in ("$defs", "definitions")
        if isinstance(schema.get(section), dict)
        for name in schema[section]
    }
    return _reduced(dict(schema), names | {"#"})


def _reduced(schema: Any, targets: set[str]) -> dict[str, Any]:
    if not isinstance(schema, dict):
        return {}
    if "$ref" in schema:
        # Engines differ over keywords beside a $ref; alone it means the same to all.
        kept = {"$ref": schema["$ref"]} if schema["$ref"] in targets else {}
        return kept | _sections(schema, targets, frozenset({"$defs", "definitions"}))
    kept = {key: schema[key] for key in schema if key in _AS_IT_IS}
    kept |= _sections(schema, targets, _NAMED)
    kind = schema.get("type")
    if isinstance(schema.get("items"), dict):
        kept["items"] = _reduced(schema["items"], targets)
    if schema.get("additionalProperties") is False:
        kept["additionalProperties"] = False
    if _anchored(schema.get("pattern")):
        kept["pattern"] = schema["pattern"]
    elif "maxLength" in schema:
        kept["maxLength"] = schema["maxLength"]
    if kind == "integer":
        kept |= {key: schema[key] for key in schema if key in _BOUNDS}
    if kind == "array":
        kept |= {key: schema[key] for key in ("minItems", "maxItems") if key in schema}
    return kept


def _sections(schema: dict[str, Any], targets: set[str], names: frozenset[str]) -> dict[str, Any]:
    return {
        section: {name: _reduced(inner, targets) for name, inner in schema[section].items()}
        for section in schema
        if section in names and isinstance(schema[section], dict)
    }


def _anchored(pattern: object) -> bool:
    if not isinstance(pattern, str) or not pattern.startswith("^") or not pattern.endswith("$"):
        return False
    escapes = len(pattern[:-1]) - len(pattern[:-1].rstrip("\\"))
    return escapes % 2 == 0
