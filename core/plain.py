"""The choke point for text from models, servers and files on its way to a person."""

from __future__ import annotations

import unicodedata

_KEPT = frozenset("\n")
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def plain(text: object, limit: int = 4096) -> str:
    """``text`` on one line: no control, format, bidi or surrogate characters, cut to ``limit``."""
    return plain_block(text, limit).replace("\n", " ")


def plain_block(text: object, limit: int = 1 << 20) -> str:
    """As ``plain``, but lines are kept and tabs become four spaces."""
    source = str(text)
    cut = source[:limit]
    if not (cut.isascii() and cut.isprintable()):
        cut = "".join(map(_safe, cut.replace("\r\n", "\n")))
    return cut if len(source) <= limit else cut + "…"


def _safe(char: str) -> str:
    if char == "\t":
        return "    "
    if char not in _KEPT and unicodedata.category(char) in _UNSAFE:
        return "\N{REPLACEMENT CHARACTER}"
    return char
