"""JSON that anybody may have written: refused before it can cost memory or time.

A few megabytes of brackets become a gigabyte of objects, or end the parser with a RecursionError.
So depth, number of values and length of strings are counted in the text itself, which costs one
pass, and only then is it parsed: no key twice, no NaN, no number of thousands of digits.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any, NoReturn

MOST_DEPTH = 32
MOST_VALUES = 2_000_000
MOST_CHARACTERS = 4 << 20
_MOST_DIGITS = 15
# An unfinished string matches up to the end, so that no text makes this look twice at a byte.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_NO_BRACKETS = re.compile(rb"[^\[\]{}]+")


def loads(data: bytes) -> Any:
    """What ``data`` says.

    Raises:
        ValueError: It is no strict JSON in UTF-8, or over one of the limits; says which.
    """
    refuse_excess(data)
    return _DECODER.decode(data.decode())


def refuse_excess(data: bytes) -> None:
    """Let text pass that is within the limits, be it JSON or not.

    Raises:
        ValueError: It is over one; says which.
    """
    if data.count(b'"') > 4 * MOST_VALUES:
        raise ValueError(f"it holds over {MOST_VALUES:,} values")
    if max((one.end() - one.start() for one in _STRING.finditer(data)), default=0) > (
        MOST_CHARACTERS
    ):
        raise ValueError(f"a string is over {MOST_CHARACTERS >> 20} MiB")
    rest = _STRING.sub(b"", data)
    if sum(map(rest.count, (b",", b"[", b"{"))) > MOST_VALUES:
        raise ValueError(f"it holds over {MOST_VALUES:,} values")
    depth = 0
    for bracket in _NO_BRACKETS.sub(b"", rest):
        depth += 1 if bracket in b"[{" else -1
        if depth > MOST_DEPTH:
            raise ValueError("it is nested too deeply")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        ((twice, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"duplicate key {twice[:60]!r}")
    return found


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")


def _integer(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError("a number has too many digits")
    return int(digits)


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse, parse_int=_integer)
