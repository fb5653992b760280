"""The smallest sensible instance of a JSON schema: what a stand-in can honestly say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from core.engine.scalar_sample import UnsampleableError, integer, least_length, number, pick, text
from core.engine.schema_merge import both, member_schema

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
