"""Which regular expressions of a schema every grammar reads alike, in bounded time and memory."""

from __future__ import annotations

import re

from core.client.keywords import MOST_REPEATED

# Look-arounds are ignored or refused; back-references, word boundaries and classes by Unicode
# property are refused; an empty class is read in two ways.
_UNPORTABLE = re.compile(r"\(\?(?!:)|\\[1-9kbBpPAZzG]|\[\^?\]")
# Grammars write what a pattern says into the JSON text, where these would have to be escaped.
_ESCAPED_IN_JSON = re.compile(r'"|\\\\|\\[fnrtv]|[\x00-\x1f]')
_PART = re.compile(
    r"\\.|\[(?:\\.|[^\]\\])*\]|\((?:\?:)?|\)|\||\{(?P<least>\d+)(?:,(?P<most>\d*))?\}|.", re.DOTALL
)
# "{,5}" is a repetition to some and itself to others, and so are anchors in the middle.
_READ_APART = frozenset("{^$")
_LONGEST = 2000


def is_plain(pattern: object) -> bool:
    """Whether ``pattern`` may be sent: anchored at both ends as one, plain, and small unrolled."""
    if not isinstance(pattern, str) or len(pattern) > _LONGEST:
        return False
    if not pattern.startswith("^") or not pattern.endswith("$"):
        return False
    if _UNPORTABLE.search(pattern) or _ESCAPED_IN_JSON.search(pattern):
        return False
    escapes = len(pattern[:-1]) - len(pattern[:-1].rstrip("\\"))
    return escapes % 2 == 0 and _is_small(pattern[1:-1])


def _is_small(inner: str) -> bool:
    """Whether ``inner`` has one alternative at the top, and few parts with repetitions unrolled."""
    sizes, last = [0], 0
    for part in _PART.finditer(inner):
        text = part[0]
        if text in _READ_APART or (text in ")|" and len(sizes) == 1):
            return False  # outer alternatives have one of the two anchors each
        if text.startswith("("):
            sizes.append(0)
        elif text == ")":
            last = sizes.pop()
            sizes[-1] += last
        elif part["least"] is not None:
            times = max(int(part["least"]), int(part["most"] or 0))
            sizes[-1] += last * (times - 1)
            last *= times
        elif text == "|":
            last = 0
        elif text not in "*+?":
            last = 1
            sizes[-1] += 1
        if sizes[-1] > MOST_REPEATED:
            return False
    return len(sizes) == 1
