"""Markdown made of text from models, servers and files, in which nothing of theirs is markup."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from core.plain import plain, plain_block

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_RUNS = re.compile("`+")


def code(text: object, limit: int = 200) -> str:
    """``text`` as a code span, which holds neither markup, links, mentions nor formulas.

    A pipe becomes a broken bar: renderers differ on how one is written inside a table.
    """
    shown = plain(text, limit).strip().replace("|", "\N{BROKEN BAR}")
    if not shown:
        return "–"
    mark = "`" * (_longest_run(shown) + 1)
    blank = " " if "`" in shown else ""
    return f"{mark}{blank}{shown}{blank}{mark}"


def fence(text: str, language: str = "", limit: int = 16_384) -> list[str]:
    """Lines of a code block that ``text`` cannot end, cut to ``limit`` characters."""
    shown = plain_block(text, limit).rstrip("\n")
    mark = "`" * max(3, _longest_run(shown) + 1)
    return [mark + language, *shown.split("\n"), mark]


def details(summary: str, lines: Iterable[str]) -> list[str]:
    """Lines that open on a click; ``summary`` is HTML."""
    return ["<details>", f"<summary>{summary}</summary>", "", *lines, "", "</details>", ""]


def table(head: Sequence[str], rows: Iterable[Sequence[str]], align: str) -> list[str]:
    """A table of cells that are Markdown already; ``align`` has ``l``, ``r`` or ``c`` a column."""
    marks = {"l": ":--", "r": "--:", "c": ":-:"}
    lines = [head, [marks[one] for one in align], *rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def _longest_run(text: str) -> int:
    return max(map(len, _RUNS.findall(text)), default=0)
