"""A task's instruction from a commit's message, without what gives the fix away.

Pure: the message and the fix go in, text for a model comes out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from core.plain import plain_block

if TYPE_CHECKING:
    from collections.abc import Iterable

_MOST = 2000
_LEAST = 12
_MOST_READ = 16_000  # of a message; of a line as much as is kept, for patterns that look ahead
_TRAILER = re.compile(
    r"(signed-off-by|co-authored-by|co-developed-by|reviewed-by|acked-by|tested-by|reported-by|"
    r"suggested-by|helped-by|cc|change-id|fixes|closes|resolves|refs?|see-also|bug|issue|link|"
    r"cherry-picked-from|\(cherry picked from)\b[^:\n]*:?.*",
    re.IGNORECASE,
)
_ISSUE = re.compile(
    r"\s*[(\[]?\b(?:(?:fix(?:es|ed)?|close[sd]?|resolve[sd]?|refs?|see|issue|bug|pr|gh)\W{0,2})*"
    r"(?:#\d+|GH-\d+|[A-Z][A-Z0-9]+-\d+)\b[)\]]?|\s*[(\[]?#\d+[)\]]?",
    re.IGNORECASE,
)
_URL = re.compile(r"\s*[(<]?https?://\S+[)>]?")
_PREFIX = re.compile(r"^\w+(?:\([\w./ -]*\))?!?:\s+")  # fix(parser): …
_CODE = re.compile(r"`([^`\n]+)`|([A-Za-z_][\w.]*\([^()\n]*\))|([A-Za-z_]\w*(?:[._]\w+)+)")
_FENCE = re.compile(r"^\s*(```|~~~)")
_DIFF = re.compile(r"^\s*(\+\+\+|---|@@|[+-](?=\S)|diff --git|index [0-9a-f])")
_INDENTED = re.compile(r"^(\t| {4,})\S")
_WORDS = re.compile(r"\w+")
_QUOTED = 4  # words in a row that stand in the fix as well


def instruction_of(message: str, added: Iterable[str], before: str) -> str:
    """What a model is asked: the message without trailers, issue numbers and quotes of the fix.

    ``added`` are the lines that the fix adds, ``before`` is all text as it was. A line that names
    code which only the fix has is left out whole. Empty when nothing that helps is left.
    """
    fix = "\n".join(added)
    fix_words = _WORDS.findall(fix)
    runs = {tuple(fix_words[at : at + _QUOTED]) for at in range(len(fix_words) - _QUOTED + 1)}
    before_words = _WORDS.findall(before)
    known = {
        tuple(before_words[at : at + _QUOTED]) for at in range(len(before_words) - _QUOTED + 1)
    }
    kept: list[str] = []
    fenced = False
    for number, whole in enumerate(message[:_MOST_READ].strip().splitlines()):
        line = whole[:_MOST]
        if _FENCE.match(line):
            fenced = not fenced
            continue
        if fenced or _DIFF.match(line) or _INDENTED.match(line) or _TRAILER.fullmatch(line.strip()):
            continue
        text = _URL.sub("", _ISSUE.sub("", line)).rstrip()
        if number == 0:
            text = _PREFIX.sub("", text)
        if not _quotes(text, fix, before, runs - known):
            kept.append(text)
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()
    return plain_block(text)[:_MOST] if len(text) >= _LEAST else ""


def _quotes(line: str, fix: str, before: str, runs: set[tuple[str, ...]]) -> bool:
    """Whether a line names code that only the fix has, or words of it in a row."""
    for match in _CODE.finditer(line):
        code = next(filter(None, match.groups()))
        if code in fix and code not in before:
            return True
    words = _WORDS.findall(line)
    return any(tuple(words[at : at + _QUOTED]) in runs for at in range(len(words)))
