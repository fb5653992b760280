"""A short string that a regular expression accepts."""

from __future__ import annotations

import re
import string
from re import _parser  # type: ignore[attr-defined]  # the parser that ``re`` itself uses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_LIKED = string.ascii_letters + string.digits + "_-./ " + string.punctuation
_CATEGORIES: dict[str, Callable[[str], bool]] = {
    "CATEGORY_DIGIT": str.isdigit,
    "CATEGORY_NOT_DIGIT": lambda char: not char.isdigit(),
    "CATEGORY_SPACE": str.isspace,
    "CATEGORY_NOT_SPACE": lambda char: not char.isspace(),
    "CATEGORY_WORD": lambda char: char.isalnum() or char == "_",
    "CATEGORY_NOT_WORD": lambda char: not (char.isalnum() or char == "_"),
}


def sample_pattern(pattern: str, *, at_least: int = 0, at_most: int | None = None) -> str:
    """The shortest easy match of ``pattern`` that is ``at_least`` to ``at_most`` characters long.

    Repetitions are stretched from left to right to reach ``at_least``.

    Raises:
        ValueError: The pattern is not valid, or no match was found this simple way.
    """
    try:
        tree = _parser.parse(pattern)
    except re.error as error:
        raise ValueError(f"pattern {pattern!r} is not valid: {error}") from error
    text = _Match(spare=0).text(tree)
    if len(text) < at_least:
        text = _Match(spare=at_least - len(text)).text(tree)
    if len(text) < at_least and not pattern.startswith("^"):
        text = text.rjust(at_least, "a")
    fits = len(text) >= at_least and (at_most is None or len(text) <= at_most)
    if not fits or not re.search(pattern, text):
        raise ValueError(f"no simple string matches the pattern {pattern!r} within its bounds")
    return text


class _Match:
    """One walk over a parsed pattern; ``spare`` is how many repetitions may still be added."""

    def __init__(self, spare: int) -> None:
        self._spare = spare
        self._groups: dict[int | None, str] = {}

    def text(self, tree: Iterable[tuple[Any, Any]]) -> str:
        return "".join(self._node(str(kind), detail) for kind, detail in tree)

    def _node(self, kind: str, detail: Any) -> str:
        match kind:
            case "LITERAL":
                return chr(detail)
            case "IN":
                return _member(detail)
            case "NOT_LITERAL" | "ANY":
                return _member([(kind, detail)])
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                return self._repeat(*detail)
        return self._group(kind, detail)

    def _repeat(self, least: int, most: int, tree: Iterable[tuple[Any, Any]]) -> str:
        added = min(self._spare, int(most) - least)
        self._spare -= added
        return "".join(self.text(tree) for _ in range(least + added))

    def _group(self, kind: str, detail: Any) -> str:
        match kind:
            case "SUBPATTERN":
                text = self.text(detail[3])
                self._groups[detail[0]] = text
                return text
            case "ATOMIC_GROUP":
                return self.text(detail)
            case "BRANCH":
                return self.text(detail[1][0])
            case "GROUPREF":
                return self._groups.get(detail, "")
        return ""  # anchors and look-arounds take no room; the caller checks the whole


def _member(items: list[tuple[Any, Any]]) -> str:
    named = [(str(kind), detail) for kind, detail in items]
    negated = ("NEGATE", None) in named
    for char in _LIKED + "".join(map(_first, named)):
        if any(_accepts(item, char) for item in named) is not negated:
            return char
    return ""


def _accepts(item: tuple[str, Any], char: str) -> bool:
    match item:
        case ("LITERAL", code):
            return ord(char) == int(code)
        case ("NOT_LITERAL", code):
            return ord(char) != int(code)
        case ("RANGE", (low, high)):
            return bool(low <= ord(char) <= high)
        case ("CATEGORY", category):
            return _CATEGORIES[str(category)](char)
        case ("ANY", _):
            return char != "\n"
    return False


def _first(item: tuple[str, Any]) -> str:
    match item:
        case ("LITERAL", code) | ("RANGE", (code, _)):
            return chr(code)
    return ""
