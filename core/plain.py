"""The choke point for text from models, servers and files on its way to a person."""

from __future__ import annotations

import math
import unicodedata
from typing import Any

_KEPT = frozenset("\n")
_MAX_DEPTH = 64
_MOST_REMEMBERED = 20_000
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def plain(text: object, limit: int = 4096) -> str:
    """``text`` on one line: no control, format, bidi or surrogate characters, cut to ``limit``."""
    return plain_block(text, limit).replace("\n", " ")


def plain_block(text: object, limit: int = 1 << 20) -> str:
    """As ``plain``, but lines are kept and tabs become four spaces."""
    source = text if isinstance(text, str) else _written(text)
    cut = source[:limit]
    if not (cut.isascii() and cut.isprintable()):
        cut = cut.replace("\r\n", "\n").translate(_SHOWN)
    return cut if len(source) <= limit else cut + "…"


def is_unicode(text: str) -> bool:
    """Whether it can be written as UTF-8: JSON may also hold half a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def plain_json(
    value: Any, *, indent: int | None = None, separators: tuple[str, str] | None = None
) -> str:
    """``value`` as JSON in printable ASCII; never raises.

    What JSON has no word for, and a stranger's file may hold all the same, is left out: infinity
    becomes null, what is nested too deeply ``[too deep]``.
    """
    try:
        text = _dumped(value, indent, separators)
    except (ValueError, RecursionError):
        text = _dumped(_sayable(value), indent, separators)
    return text.replace("\x7f", "\\u007f")  # the one control character that JSON does not escape


def _dumped(value: Any, indent: int | None, separators: tuple[str, str] | None) -> str:
    import json  # a seventh of what starting the command line loads

    return json.dumps(value, indent=indent, separators=separators, allow_nan=False, default=str)


def _sayable(value: Any, depth: int = 0) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict | list | tuple) and depth == _MAX_DEPTH:
        return "[too deep]"
    if isinstance(value, dict):
        return {str(key): _sayable(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_sayable(inner, depth + 1) for inner in value]
    return value


def _written(value: object) -> str:
    try:
        return str(value)
    except (RecursionError, ValueError):  # nested too deeply, or a number of thousands of digits
        return f"[{type(value).__name__}]"


class _Shown(dict[int, str]):
    """What each character is shown as, found out once: translating by it is 30 times as fast."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        if char == "\t":
            char = "    "
        elif char not in _KEPT and unicodedata.category(char) in _UNSAFE:
            char = "\N{REPLACEMENT CHARACTER}"
        elif char.isspace() and char not in _KEPT:
            char = " "  # wide and unbreakable ones too: what looks like a space is one
        if len(self) < _MOST_REMEMBERED:
            self[code] = char
        return char


_SHOWN = _Shown()
