"""JSON from outside: looked over before it is parsed, strict where a schema is to be met, in parts.

``json`` holds the interpreter while it parses, so that neither a thread nor a deadline bounds it: 8
MB of empty lists take ten seconds. What ``is_light`` accepts takes some milliseconds; the rest is
refused, or parsed in another process (``bounded``).
"""

from __future__ import annotations

import json
import math
from typing import Any

MAX_TEXT = 1 << 20
MAX_DEPTH = 100
MAX_VALUES = 100_000
LIGHT = 50_000
_LIGHT_BYTES = 1 << 20
_QUOTED = 60


class NotStrictJSON(ValueError):
    """``str()`` says what is wrong, for a person or for the model to correct."""


def is_light(text: bytes) -> bool:
    """Whether ``text`` is parsed as JSON in milliseconds: few values, and few escapes in them."""
    if len(text) <= LIGHT:
        return True
    if len(text) > _LIGHT_BYTES:
        return False
    return len(text) - len(text.translate(None, b",[{\\")) <= LIGHT


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
        size(value)
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


def size(value: Any) -> int:
    """How many values ``value`` is made of, itself included.

    Raises:
        RecursionError: it is nested deeper than ``MAX_DEPTH``.
        NotStrictJSON: there are more than ``MAX_VALUES``.
    """
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
    return count


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
                raise NotStrictJSON(f"duplicate key {key[:_QUOTED]!r} in one object")
            seen.add(key)
    return found


def _constant(name: str) -> Any:
    raise NotStrictJSON(f"{name} is not a JSON value")


def _finite(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise NotStrictJSON(f"the number {digits[:_QUOTED]} is too large")
    return value


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_constant, parse_float=_finite
)


# Said again with each part, unlike text, which goes on.
_NAMES = frozenset({"id", "type", "name", "role", "format", "index", "signature"})
_MOST_OPEN = 16


class _Text(list[str]):
    """A text's parts so far."""


class Growing:
    """A value that comes in parts: text and lists go on, objects are merged, the rest replaced.

    Entries of lists with the same ``index`` are parts of one, where no 16 others lie between them.
    A part costs what it is long, however much there is already; none is changed.
    """

    def __init__(self) -> None:
        self._node: Any = None

    def add(self, part: Any) -> None:
        """Take the next part; null adds nothing."""
        self._node = _grown(self._node, part)

    def whole(self) -> Any:
        """All of it so far, as a value of its own."""
        return _whole(self._node)


def _grown(node: Any, part: Any) -> Any:
    """``node``, which is changed, with the next part; or a new one, where it is of another kind."""
    if part is None:
        return node
    if isinstance(part, str):
        node = node if isinstance(node, _Text) else _Text()
        node.append(part)
    elif isinstance(part, dict):
        node = node if isinstance(node, dict) else {}
        for name, value in part.items():
            known = name in _NAMES and value is not None
            node[name] = value if known else _grown(node.get(name), value)
    elif isinstance(part, list):
        if not isinstance(node, list) or isinstance(node, _Text):
            return [_grown(None, item) for item in part]
        for item in part:
            _place(node, item)
    else:
        node = part
    return node


def _place(items: list[Any], item: Any) -> None:
    index = item.get("index") if isinstance(item, dict) else None
    if index is not None:
        # The newest: a list of thousands must not be gone through for each of thousands.
        for other in items[-1 : -_MOST_OPEN - 1 : -1]:
            if isinstance(other, dict) and other.get("index") == index:
                _grown(other, item)
                return
    items.append(_grown(None, item))


def _whole(node: Any) -> Any:
    if isinstance(node, _Text):
        return "".join(node)
    if isinstance(node, dict):
        return {name: _whole(inner) for name, inner in node.items()}
    return list(map(_whole, node)) if isinstance(node, list) else node
