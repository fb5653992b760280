"""Pieces of a Markdown page: code, tables, and a chart of latencies drawn in characters.

Text from models, servers and files goes through ``code`` and ``fence``, so that nothing of theirs
is ever markup.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import TYPE_CHECKING

from core.figures import duration
from core.plain import plain, plain_block

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


WIDTH = 56
_HEIGHTS = "▁▂▃▄▅▆▇█"
_LEAST_MS = 0.1
_NAME = 12
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


def chart(arms: Mapping[str, Sequence[float]], threshold_ms: float) -> list[str]:
    """A line an arm, each as high as its own most frequent latency, and the threshold's place.

    ``arms`` holds latencies in ms, ∞ for a call without reply. Empty when there are none.
    """
    finite = [one for values in arms.values() for one in values if math.isfinite(one)]
    if not finite:
        return []
    low = max(_LEAST_MS, min(*finite, threshold_ms))
    high = max(*finite, threshold_ms, 2 * low)

    def column(value_ms: float) -> int:
        share = math.log(max(value_ms, low) / low) / math.log(high / low)
        return min(WIDTH - 1, int(share * WIDTH))

    margin = " " * (_NAME + 2)
    lines = [_marked(column(threshold_ms), f"threshold {duration(threshold_ms)}", margin)]
    for name, values in arms.items():
        bars = Counter(column(one) for one in values if math.isfinite(one))
        line = "".join(_bar(bars[place], max(bars.values(), default=1)) for place in range(WIDTH))
        lost = sum(1 for one in values if math.isinf(one))
        note = f"{lost:,} got no reply" if lost else ""
        lines.append(f"{plain(name, _NAME - 1):<{_NAME}}  {line}  {note}".rstrip())
    ends = f"{duration(low)}{duration(high):>{WIDTH - len(duration(low))}}"
    return [*lines, margin + ends]


def _bar(number: int, most: int) -> str:
    return _HEIGHTS[math.ceil(number / most * len(_HEIGHTS)) - 1] if number else " "


def _marked(place: int, words: str, margin: str) -> str:
    """``words`` beside an arrow at ``place``, on the side where there is room."""
    if place > len(words):
        return f"{margin}{words + ' ▾':>{place + 1}}"
    return f"{margin}{'':>{place}}▾ {words}"
