"""Joining the schemas that apply to one value into one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from core.engine.scalar_sample import UnsampleableError

if TYPE_CHECKING:
    from collections.abc import Mapping


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
