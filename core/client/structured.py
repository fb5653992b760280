"""Structured output: the schema as it is sent, and the reply checked against all of it."""

from __future__ import annotations

import functools
import json
import re
from itertools import islice
from typing import TYPE_CHECKING, Any

from core.client import strictjson
from core.client.portable import portable
from core.errors import BadRequest, NotCompliant
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jsonschema.protocols import Validator

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
        value = strictjson.loads(text)
    except strictjson.NotStrictJSON as error:
        raise NotCompliant(plain(error, _MESSAGE), text=text, remedy=_REMEDY) from error
    fault = _violation(validator, value)
    if fault:
        raise NotCompliant(plain(fault, _MESSAGE), text=text, remedy=_REMEDY)
    return value


@functools.lru_cache(maxsize=64)
def _compiled(schema: str) -> Validator:
    # Costs 50 ms, which nobody pays who asks for no structure.
    from jsonschema import Draft202012Validator, FormatChecker, SchemaError  # noqa: PLC0415
    from jsonschema.validators import validator_for  # noqa: PLC0415
    from referencing import Registry  # noqa: PLC0415

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
    from jsonschema.exceptions import best_match  # noqa: PLC0415
    from referencing.exceptions import Unresolvable  # noqa: PLC0415

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
