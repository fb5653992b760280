"""JSON as the standard has it, and a precise account of what is not; nothing is repaired."""

from __future__ import annotations

import json
import math
from typing import Any

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
