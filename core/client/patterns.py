r"""Regular expressions of a schema in the one form that every grammar reads alike, or in none.

A pattern is read as Python reads it, since replies are checked by that, and written again from its
tree: in groups, classes of listed characters and counted repetitions, all of which mean the same
everywhere. ``\d`` and ``\w`` become the ASCII characters that they are to JSON schema: llama.cpp
takes ``\d`` for any letter. Of what is left out some is refused by a grammar (back-references,
possessive repetition), some ignored (look-arounds). Some would break the JSON: a grammar may write
what a pattern allows into a string as it is, and ``.``, ``\s`` and ``[^a]`` allow a quote mark.
"""

from __future__ import annotations

import re
import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

from core.client.keywords import MOST_REPEATED

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_LONGEST = 2000
_EMPTY_CLASS = re.compile(r"\[\^?\]")  # or one that begins with a bracket: engines differ
_ESCAPED = frozenset(".[](){}*+?^$|")
_ESCAPED_IN_CLASS = frozenset("[]")
_PLACED = frozenset({ord("^"), ord("-")})
_NOT_IN_JSON = (ord('"'), ord("\\"))
_LAST_CONTROL, _SURROGATES = 0x1F, (0xD800, 0xDFFF)
_CATEGORIES = {
    "CATEGORY_DIGIT": [(0x30, 0x39)],
    "CATEGORY_WORD": [(0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)],
}
_BRIEF = {(0, 1): "?", (0, None): "*", (1, None): "+"}


class _NotPortable(Exception):  # a control flow of this module
    pass


def portable_pattern(pattern: object) -> str | None:
    """``pattern`` as it may be sent: anchored at both ends as one, plain, and small unrolled.

    None where it has no such form.
    """
    if not isinstance(pattern, str) or len(pattern) > _LONGEST or _EMPTY_CLASS.search(pattern):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # of what later versions will read otherwise
            tree = import_module("re._parser").parse(pattern)
        if tree.state.flags & ~re.UNICODE:
            return None
        (first, *inner, last) = list(tree)
        if (_said(first), _said(last)) != ("AT AT_BEGINNING", "AT AT_END"):
            return None
        if _size(inner) > MOST_REPEATED:
            return None
        return f"^{_something(inner)}$"
    except (re.error, Warning, _NotPortable, RecursionError, OverflowError, ValueError):
        return None


def _said(node: tuple[Any, Any]) -> str:
    return f"{node[0]} {node[1]}"


def _size(nodes: Iterable[tuple[Any, Any]]) -> int:
    """How many parts there are with repetitions unrolled."""
    total = 0
    for kind, value in nodes:
        match str(kind):
            case "MAX_REPEAT" | "MIN_REPEAT":
                least, most, inner = value
                times = least if _endless(most) else most
                total += max(int(times), 1) * _size(inner)
            case "SUBPATTERN":
                total += _size(value[-1])
            case "BRANCH":
                total += sum(map(_size, value[1]))
            case _:
                total += 1
    return total


def _endless(most: object) -> bool:
    return str(most) == "MAXREPEAT"


def _written(nodes: Iterable[tuple[Any, Any]]) -> str:
    return "".join(_part(str(kind), value) for kind, value in nodes)


def _part(kind: str, value: Any) -> str:
    match kind:
        case "LITERAL":
            return _character(value)
        case "IN":
            return _class(value)
        case "BRANCH":
            return f"({'|'.join(map(_something, value[1]))})"
        case "SUBPATTERN":
            _, added, dropped, inner = value
            if added or dropped:
                raise _NotPortable
            written = _something(inner)
            # A choice has its parentheses already.
            alone = len(inner) == 1 and str(inner[0][0]) == "BRANCH"
            return written if alone else f"({written})"
        case "MAX_REPEAT" | "MIN_REPEAT":
            return _repeated(*value)
        case _:
            raise _NotPortable


def _something(nodes: Sequence[tuple[Any, Any]]) -> str:
    """An empty choice, or group, is refused by some."""
    if not nodes:
        raise _NotPortable
    return _written(nodes)


def _repeated(least: int, most: Any, inner: Sequence[tuple[Any, Any]]) -> str:
    """Greedy or not is the same where the whole text must match."""
    written = _written(inner)
    if len(inner) != 1 or "REPEAT" in str(inner[0][0]):
        written = f"({written})"
    end = None if _endless(most) else int(most)
    if end is None and _may_be_empty(inner):
        raise _NotPortable  # to some it is a rule that calls itself without end
    if brief := _BRIEF.get((least, end)):
        return written + brief
    if end == 0:
        raise _NotPortable
    upto = "" if end == least else "," if end is None else f",{end}"
    return f"{written}{{{least}{upto}}}"


def _may_be_empty(nodes: Iterable[tuple[Any, Any]]) -> bool:
    for kind, value in nodes:
        match str(kind):
            case "MAX_REPEAT" | "MIN_REPEAT":
                empty = value[0] == 0 or _may_be_empty(value[-1])
            case "SUBPATTERN":
                empty = _may_be_empty(value[-1])
            case "BRANCH":
                empty = any(map(_may_be_empty, value[1]))
            case _:
                empty = False
        if not empty:
            return False
    return True


def _character(code: int) -> str:
    _refuse_unwritable(code, code)
    character = chr(code)
    return f"\\{character}" if character in _ESCAPED else character


def _class(items: Iterable[tuple[Any, Any]]) -> str:
    """A class of what is listed; what is negated allows quote marks."""
    ranges: list[tuple[int, int]] = []
    for kind, value in items:
        match str(kind):
            case "LITERAL":
                ranges.append((value, value))
            case "RANGE":
                ranges.append(value)
            case "CATEGORY" if str(value) in _CATEGORIES:
                ranges += _CATEGORIES[str(value)]
            case _:
                raise _NotPortable
    for first, last in ranges:
        _refuse_unwritable(first, last)
    singles = {first for first, last in ranges if first == last} & _PLACED
    listed = [_listed(*each) for each in sorted(set(ranges)) if each[0] not in singles]
    # A hyphen is itself at the end, and a caret anywhere but at the beginning.
    listed += [chr(one) for one in sorted(singles, reverse=True)]
    if len(listed) == 1 and singles:
        return _character(singles.pop())
    if listed[0] == "^":
        raise _NotPortable
    return f"[{''.join(listed)}]"


def _listed(first: int, last: int) -> str:
    if first == last:
        return _in_class(first)
    if _PLACED & {first, last}:
        raise _NotPortable
    return f"{_in_class(first)}-{_in_class(last)}"


def _in_class(code: int) -> str:
    character = chr(code)
    return f"\\{character}" if character in _ESCAPED_IN_CLASS else character


def _refuse_unwritable(first: int, last: int) -> None:
    """Refuse what cannot stand in a JSON string as it is."""
    apart = first > _SURROGATES[1] or last < _SURROGATES[0]
    if first <= _LAST_CONTROL or not apart or any(first <= one <= last for one in _NOT_IN_JSON):
        raise _NotPortable
