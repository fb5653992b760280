"""Strings that mean harm to a terminal or to who reads it, and what must not come of them."""

from __future__ import annotations

import random
import unicodedata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

# Where markup is read, this is not to be seen any more.
MARK = "[bold red]MARK[/]"

_PIECES = (
    "\x1b[2J\x1b[H",
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x1b]52;c;cm0gLXJmIH4=\x07",
    "\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\",
    "\x1b[6n",
    "\x1b[?1049h",
    "\x1bP+q544e\x1b\\",
    "\x1b_Gf=100;AAAA\x1b\\",
    "\x9b2J",
    "\x9d52;c;eA==\x9c",
    "\x90q\x9c",
    "\x00",
    "\x07",
    "\x08\x08\x08",
    "\x0b\x0c",
    "\x0e\x0f",
    "\x7f",
    "\x85",
    "\r",
    "\r\n",
    "\n",
    "\t",
    "\u2028\u2029",
    "\u202eexe.txt\u202c",
    "\u2066\u2067\u2069",
    "\u200e\u200f\u061c",
    "\u200b\u200c\u200d\u2060\ufeff",
    "\u00ad",
    "\U000e0041\U000e007f",
    "\ufff9\ufffa\ufffb",
    "\ud800",
    "\udfff",
    "\ue000\U000f0000",
    "\uffff",
    "Z" + "\u0301" * 40,
    "ｗｉｄｅ字",
    "👩\u200d👩\u200d👧",
    "مرحبا שלום",
    MARK,
    "[@click=app.quit]quit[/]",
    "[@click=screen.dismiss()]x[/]",
    "[link=http://evil.example]x[/link]",
    "[/]",
    "[/nothing]",
    "[",
    "]",
    "\\[bold]",
    "[$primary on red]x",
    "[red",
    "${HOME} $(id) `id` ; rm -rf ~ #",
    "'\"\\",
    "%s %d {0} {x!r} {{",
    "<script>alert(1)</script>",
    "::error::x",
    "##[error]x",
    "<!--",
    "| --- |",
    "```",
    "--config=/etc/passwd",
    "../../../etc/passwd",
    "\\u001b[2J",
    "NaN",
    "",
    " ",
    "null",
)
_HARMFUL = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def hostile_strings(count: int, seed: int = 0) -> list[str]:
    """``count`` of them: each piece by itself, then mixtures, some very long."""
    chance = random.Random(seed)
    found = list(_PIECES)
    while len(found) < count:
        text = "".join(chance.choices(_PIECES, k=chance.randint(2, 6)))
        if not len(found) % 97:
            text *= chance.choice((50, 300))
        found.append(text)
    return found[:count]


def harm(text: str) -> str:
    """What in a text that was shown must not have got there; empty when nothing did."""
    bad = {char for char in text if char != "\n" and unicodedata.category(char) in _HARMFUL}
    return ", ".join(f"U+{ord(char):04X}" for char in sorted(bad))


def hostile_values(strings: Iterable[str]) -> list[Any]:
    """The strings, and values of every other kind where a string or a number belongs."""
    deep: Any = "deep"
    for _ in range(400):
        deep = [deep]
    return [
        *strings,
        None,
        True,
        -1,
        0.5,
        10**400,
        -(10**30),
        float("nan"),
        float("inf"),
        1e308,
        [],
        {},
        [[]],
        ["\x1b[2J", {"\x1b[2J": "\u202e"}],
        {"\x1b[2J": ["\u202e"]},
        deep,
    ]
