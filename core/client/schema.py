"""JSON schemas: how one is sent to a server, and whether a reply meets all of it.

Validating can take for ever: a ``pattern`` backtracks, references multiply. ``cost`` tells the
ordinary schema, which is used here, from the others, which ``bounded`` uses in another process.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from itertools import islice
from typing import TYPE_CHECKING, Any

from core.client.json_text import NotStrictJSON, loads, size
from core.client.keywords import Grammar
from core.client.portable import portable
from core.client.string_formats import format_checker
from core.errors import MalformedRequest, NotCompliant
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jsonschema.protocols import Validator

MAX_SCHEMA = 256 << 10
_MESSAGE = 300
_SHORT = 160
_UNUSABLE = 400
_REMEDY = (
    "Servers enforce different parts of a schema and some ignore keywords; a larger model, a"
    " simpler schema or a server with grammar support helps."
)


def response_format(
    name: str,
    schema: Mapping[str, Any],
    grammar: Grammar = Grammar.PORTABLE,
    *,
    plainly: bool = False,
) -> dict[str, Any]:
    """OpenAI's ``response_format`` for ``schema``, which SGLang, vLLM and llama.cpp take alike.

    ``grammar`` is what the server constrains replies by. ``plainly`` is for a server that has
    refused a schema: the structure alone.

    Raises:
        MalformedRequest: it is nested too deeply to be looked through.
    """
    fit = re.sub(r"[^A-Za-z0-9_-]", "_", name)[:64] or "reply"
    try:
        sent = portable(schema, grammar, plainly=plainly)
    except RecursionError as error:
        raise unusable("it is nested too deeply") from error
    described = {"name": fit, "strict": True, "schema": sent}
    return {"type": "json_schema", "json_schema": described}


def in_words(schema: Mapping[str, Any]) -> str:
    """An instruction to meet ``schema``, for a server that cannot be made to."""
    return (
        "Answer with one JSON object that meets this JSON schema, and nothing else: "
        + json.dumps(schema, separators=(",", ":"))
    )


def sent_instead(asked: Mapping[str, Any] | None, body: Mapping[str, Any]) -> str | None:
    """``sha256:…`` of the schema in a chat request's ``body``, where it is not the one asked for.

    None where it is, or where none was sent.
    """
    form = body.get("response_format")
    described = form.get("json_schema") if isinstance(form, dict) else None
    sent = described.get("schema") if isinstance(described, dict) else None
    if asked is None or not isinstance(sent, dict) or sent == asked:
        return None
    text = json.dumps(sent, sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode(errors='replace')).hexdigest()}"


def written(schema: Mapping[str, Any]) -> str:
    """``schema`` as JSON, equal for equal schemas.

    Raises:
        MalformedRequest: it is no JSON, or longer than 256 KiB.
    """
    try:
        text = json.dumps(dict(schema), allow_nan=False)
    except RecursionError as error:
        raise unusable("it is nested too deeply") from error
    except (TypeError, ValueError) as error:
        raise unusable("it cannot be written as JSON") from error
    if len(text) > MAX_SCHEMA:
        raise unusable(f"it is longer than {MAX_SCHEMA >> 10} KiB")
    return text


def compiled(schema: Mapping[str, Any]) -> Validator:
    """A validator for ``schema``, made once for equal schemas.

    Raises:
        MalformedRequest: it is no usable JSON schema; as a server would say, with status 400.
    """
    return compile_written(written(schema))


def parse(text: str, schema: Mapping[str, Any]) -> Any:
    """The JSON value that ``text`` is, when it is that alone and meets ``schema``.

    However long that takes: for a schema from outside, ``bounded.parse`` is the one to call.

    Raises:
        NotCompliant: it is not; the message says why in words fit for the model.
        MalformedRequest: the schema cannot be used.
    """
    return parse_written(text, written(schema))


def parse_written(text: str, schema: str) -> Any:
    """As ``parse``, by a schema from ``written``."""
    validator = compile_written(schema)
    try:
        value = loads(text)
    except NotStrictJSON as error:
        raise not_compliant(str(error), text) from error
    if fault := violation(validator, value):
        raise not_compliant(fault, text)
    return value


def not_compliant(fault: str, text: str) -> NotCompliant:
    """The error for a reply that is not the JSON asked for."""
    return NotCompliant(plain(fault, _MESSAGE), text=text, remedy=_REMEDY)


@functools.lru_cache(maxsize=64)
def compile_written(schema: str) -> Validator:
    """As ``compiled``, of a schema from ``written``."""
    # Takes 50 ms to load, and most requests ask for no structure.
    from jsonschema import Draft202012Validator, FormatChecker, SchemaError
    from jsonschema.validators import validator_for
    from referencing import Registry

    content = json.loads(schema)
    dialect = content.get("$schema", "")
    kind: Any = Draft202012Validator
    if type(dialect) is str:
        kind = validator_for(content, default=kind)
    # An ordinary schema was looked at by ``cost``, in a hundredth of the time.
    if cost(schema) is None:
        try:
            # With formats, a pattern that is no regular expression is found here, not in use.
            kind.check_schema(content, format_checker=FormatChecker(formats=("regex",)))
        except SchemaError as error:
            raise unusable(f"{error.json_path}: {error.message}") from error
    # The empty registry: a schema's $ref never makes us fetch anything.
    validator: Validator = kind(content, registry=Registry(), format_checker=format_checker())
    return validator


def violation(validator: Validator, value: Any) -> str | None:
    """What of ``value`` does not meet the schema, by its place; None when it meets it."""
    from jsonschema.exceptions import best_match
    from referencing.exceptions import Unresolvable

    try:
        # Each error holds the repr of what it faults, so only a few are looked at.
        error = best_match(islice(validator.iter_errors(value), 3))
    except Unresolvable as error:
        raise unusable(f"$ref {error.ref!r} leads nowhere inside it") from error
    except (RecursionError, ArithmeticError):
        return "the reply cannot be checked: it is too deep or its numbers are too large"
    except ValueError as error:
        raise unusable(f"an $id or a $ref of it is no URL: {error}") from error
    if error is None:
        return None
    # The message begins with the value at fault; a long one would leave no room for the reason.
    reason = error.message
    if len(reason) > _SHORT:
        reason = f"the value does not meet {error.validator}: {error.validator_value}"
    return f"{error.json_path}: {reason}"


def unusable(why: str) -> MalformedRequest:
    """The error for a schema that cannot be used."""
    return MalformedRequest(
        plain(f"the schema given is not usable: {why}", _MESSAGE),
        status=_UNUSABLE,
        remedy="Correct the schema; nothing was sent.",
    )


_TYPES = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
_NUMBERS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})
_COUNTS = frozenset(
    {"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"}
)
_INNER = frozenset({"items", "additionalProperties", "not", "if", "then", "else", "propertyNames"})
_SEVERAL = frozenset({"anyOf", "allOf", "oneOf", "prefixItems"})
_SAID_ONLY = frozenset(
    {"title", "description", "default", "examples", "deprecated", "format", "readOnly", "writeOnly"}
)
_DIALECTS = (
    "http://json-schema.org/draft-07/schema#",
    "http://json-schema.org/draft-07/schema",
    "https://json-schema.org/draft/2019-09/schema",
    "https://json-schema.org/draft/2020-12/schema",
)
_MOST_STEPS = 2000


class _NotOrdinary(Exception):  # a control flow of this module
    pass


@functools.lru_cache(maxsize=256)
def cost(schema: str) -> int | None:
    """How many steps one value takes at most by a schema from ``written``.

    None where that is not known, or large, or the schema is not valid: only keywords that cannot
    take long are ordinary, and references only where they do not lead back.
    """
    content = json.loads(schema)
    try:
        return _Steps(content).of(content)
    except (_NotOrdinary, NotStrictJSON, RecursionError):
        return None


class _Steps:
    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._open: set[str] = set()
        self._left = _MOST_STEPS

    def of(self, schema: Any) -> int:
        """The steps of ``schema``, with what it refers to."""
        if type(schema) is bool:
            return self._spend(1)
        if type(schema) is not dict:
            raise _NotOrdinary
        return self._spend(1) + sum(self._keyword(*item) for item in schema.items())

    def _spend(self, steps: int) -> int:
        self._left -= steps
        if self._left < 0:
            raise _NotOrdinary
        return steps

    def _keyword(  # noqa: PLR0911  one return a kind of keyword
        self, name: str, value: Any
    ) -> int:
        if name == "$schema":
            if value not in _DIALECTS:
                raise _NotOrdinary
            return 0
        if name in _SAID_ONLY or (name in ("$defs", "definitions") and type(value) is dict):
            return 0
        if name == "properties" and type(value) is dict:
            return sum(map(self.of, value.values()))
        if name in _INNER:
            return self.of(value)
        if name in _SEVERAL and type(value) is list and value:
            return sum(map(self.of, value))
        if name == "$ref":
            return self._reference(value)
        if _is_sound(name, value):
            return self._spend(size(value) if name in ("enum", "const") else 1)
        raise _NotOrdinary

    def _reference(self, target: Any) -> int:
        _, _, place = target.partition("#/") if type(target) is str else ("", "", "")
        section, _, name = place.partition("/")
        named = self._root.get(section) if section in ("$defs", "definitions") else None
        if target in self._open or type(named) is not dict or name not in named:
            raise _NotOrdinary
        self._open.add(target)
        steps = self.of(named[name])
        self._open.remove(target)
        return steps


def _is_sound(name: str, value: Any) -> bool:
    """Whether a keyword that takes one step has a value as the standard wants it."""
    if name == "type":
        kinds = [value] if type(value) is str else value
        return (
            type(kinds) is list
            and kinds != []
            and all(type(one) is str and one in _TYPES for one in kinds)
        )
    if name == "enum":
        return type(value) is list
    if name == "required":
        return type(value) is list and all(type(one) is str for one in value)
    if name in _COUNTS:
        return type(value) is int and value >= 0
    if name in _NUMBERS:
        return type(value) in (int, float)
    return name == "const"
