"""Structured output: the schema as it is sent, and the reply checked against all of it.

JSON as the standard has it, and a precise account of what is not; nothing is repaired.

The part of a JSON schema that every engine enforces and none refuses.
"""

from __future__ import annotations

import functools
import json
import math
import re
from itertools import islice
from typing import TYPE_CHECKING, Any

from core.errors import BadRequest, NotCompliant
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jsonschema.protocols import Validator


MAX_TEXT = 1 << 20
MAX_DEPTH = 100
MAX_VALUES = 100_000
_QUOTED = 60


class NotStrictJSON(ValueError):
    """``str()`` says what is wrong, for a person or for the model to mend."""


def loads(text: str) -> Any:
    """The one JSON value in ``text``.

    Raises:
        NotStrictJSON: Markdown or words around it, a repeated key, NaN or infinity, half a
            surrogate pair, over 1 MiB of text, 100 levels or 100,000 values, or no JSON at all.
    """
    if len(text) > MAX_TEXT:
        raise NotStrictJSON(f"the reply is longer than {MAX_TEXT} characters")
    try:
        value = _DECODER.decode(text)
        _measure(value)
        if not text.isascii() or "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise NotStrictJSON(_account(text, error)) from error
    except RecursionError as error:
        raise NotStrictJSON(f"the JSON is nested deeper than {MAX_DEPTH} levels") from error
    except UnicodeEncodeError as error:
        raise NotStrictJSON("a string holds half a surrogate pair") from error
    except NotStrictJSON:
        raise
    except ValueError as error:
        raise NotStrictJSON("a number has too many digits") from error
    return value


def _account(text: str, error: json.JSONDecodeError) -> str:
    """What is wrong with ``text``, in words that its author can act on."""
    start, end = len(text) - len(text.lstrip()), len(text.rstrip())
    preamble = max(start, min((at for at in map(text.find, "{[") if at >= 0), default=0))
    if start >= end:
        said = "the reply is empty"
    elif text.startswith("```", start):
        said = "the JSON is wrapped in a Markdown fence; send the bare JSON"
    elif error.msg == "Extra data":
        said = f"there is text after the JSON, from character {error.pos + 1}; send the JSON alone"
    elif error.pos <= start < preamble:
        said = f"there is text before the JSON, up to character {preamble}; send the JSON alone"
    elif error.pos <= start:
        said = "the reply is not JSON"
    elif error.pos >= end or error.msg.startswith("Unterminated string"):
        said = f"the JSON breaks off at character {end}"
    else:
        said = f"the JSON is malformed at line {error.lineno}, column {error.colno}: {error.msg}"
    return said


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise NotStrictJSON(f"the key {key[:_QUOTED]!r} stands twice in one object")
            seen.add(key)
    return found


def _constant(name: str) -> Any:
    raise NotStrictJSON(f"{name} is not a JSON value")


def _finite(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise NotStrictJSON(f"the number {digits[:_QUOTED]} is too large")
    return value


def _measure(value: Any) -> None:
    """Refuse what would take a validator's stack or minutes of its time."""
    level = [value]
    depth = count = 0
    while level:
        depth += 1
        count += len(level)
        if depth > MAX_DEPTH:
            raise RecursionError
        if count > MAX_VALUES:
            raise NotStrictJSON(f"the JSON holds more than {MAX_VALUES} values")
        inner: list[Any] = []
        for item in level:
            if type(item) is dict:
                inner += item.values()
            elif type(item) is list:
                inner += item
        level = inner


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_constant, parse_float=_finite
)


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


__all__ = ["compiled", "parse", "portable", "response_format"]

_MESSAGE = 300
_SHORT = 160
_UNUSABLE = 400
_REMEDY = (
    "Servers enforce different parts of a schema and some ignore keywords; a larger model, a"
    " simpler schema or a server with grammar support helps."
)


def response_format(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """OpenAI's ``response_format`` for ``schema``, which SGLang, vLLM and llama.cpp take alike."""
    fit = re.sub(r"[^A-Za-z0-9_-]", "_", name)[:64] or "reply"
    described = {"name": fit, "strict": True, "schema": portable(schema)}
    return {"type": "json_schema", "json_schema": described}


def compiled(schema: Mapping[str, Any]) -> Validator:
    """A validator for ``schema``, made once for equal schemas.

    Raises:
        BadRequest: it is no usable JSON schema; as a server would say, with status 400.
    """
    try:
        return _compiled(json.dumps(dict(schema), allow_nan=False))
    except RecursionError as error:
        raise _unusable("it is nested too deeply") from error
    except (TypeError, ValueError) as error:
        raise _unusable("it cannot be written as JSON") from error


def parse(text: str, schema: Mapping[str, Any]) -> Any:
    """The JSON value that ``text`` is, when it is that alone and meets ``schema``.

    Raises:
        NotCompliant: it is not; the message says why in words fit for the model.
        BadRequest: the schema cannot be used.
    """
    validator = compiled(schema)
    try:
        value = loads(text)
    except NotStrictJSON as error:
        raise NotCompliant(plain(error, _MESSAGE), text=text, remedy=_REMEDY) from error
    fault = _violation(validator, value)
    if fault:
        raise NotCompliant(plain(fault, _MESSAGE), text=text, remedy=_REMEDY)
    return value


@functools.lru_cache(maxsize=64)
def _compiled(schema: str) -> Validator:
    # Costs 50 ms, which nobody pays who asks for no structure.
    from jsonschema import Draft202012Validator, FormatChecker, SchemaError
    from jsonschema.validators import validator_for
    from referencing import Registry

    content = json.loads(schema)
    dialect = content.get("$schema", "")
    kind: Any = Draft202012Validator
    if type(dialect) is str:
        kind = validator_for(content, default=kind)
    try:
        # With formats, a pattern that is no regular expression is found here and not in use.
        kind.check_schema(content, format_checker=FormatChecker(formats=("regex",)))
    except SchemaError as error:
        raise _unusable(f"{error.json_path}: {error.message}") from error
    # The empty registry: a schema's $ref never makes us fetch anything.
    validator: Validator = kind(content, registry=Registry())
    return validator


def _violation(validator: Validator, value: Any) -> str | None:
    from jsonschema.exceptions import best_match
    from referencing.exceptions import Unresolvable

    try:
        # Each error holds the repr of what it faults, so only a few are looked at.
        error = best_match(islice(validator.iter_errors(value), 3))
    except Unresolvable as error:
        raise _unusable(f"$ref {error.ref!r} leads nowhere inside it") from error
    except (RecursionError, ArithmeticError):
        return "the reply cannot be checked: it is too deep or its numbers are too large"
    if error is None:
        return None
    # The message begins with the value at fault; a long one would leave no room for the reason.
    reason = error.message
    if len(reason) > _SHORT:
        reason = f"the value does not meet {error.validator}: {error.validator_value}"
    return f"{error.json_path}: {reason}"


def _unusable(why: str) -> BadRequest:
    return BadRequest(
        plain(f"the schema given is not usable: {why}", _MESSAGE),
        status=_UNUSABLE,
        remedy="Mend the schema; nothing was sent.",
    )
