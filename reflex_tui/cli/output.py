"""Writing to a terminal or a pipe: JSON, colour where it is wanted, aligned columns.

A gate's verdict on a terminal.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from core.harness.gate.criteria import Verdict
from core.harness.report.markdown import GLYPHS, bounds
from core.plain import plain, plain_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from core.harness.gate.judge import GateResult
    from core.harness.report.model import Report


_ENDLESS = 1e15
_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}


def print_json(document: Any, *, indent: int | None = 2) -> None:
    """One JSON document on stdout, in ASCII, so that no control character gets through."""
    print(plain_json(document, indent=indent))


def warn(text: str) -> None:
    """A warning on stderr, where it leaves a JSON document alone; nothing for an empty one."""
    if text:
        sys.stderr.write(f"warning: {plain(text, 600)}\n")


def coloured(text: str, colour: str) -> str:
    """``text`` in a colour when stdout is a terminal that takes it."""
    wanted = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    return f"\x1b[{_CODES[colour]}m{text}\x1b[0m" if wanted else text


def columns(rows: Iterable[Sequence[object]], *, right: frozenset[int] = frozenset()) -> list[str]:
    """Rows as aligned lines, two blanks apart; columns in ``right`` are right-aligned."""
    cells = [[plain(cell) for cell in row] for row in rows]
    if not cells:
        return []
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if index in right else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]


def milliseconds(value: object) -> str:
    """``61 ms``, ``1.31 s``, or ``–`` for what is no number of milliseconds."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _ENDLESS:
        return "–"
    if value < 1:
        return f"{value:.1f} ms"
    return f"{value:.0f} ms" if value < 1000 else f"{value / 1000:.2f} s"  # noqa: PLR2004


COLOURS = {Verdict.PASS: "green", Verdict.FAIL: "red", Verdict.INCONCLUSIVE: "yellow"}


def gate_lines(gate: GateResult) -> list[str]:
    """A line a criterion: glyph, value, bound, threshold and what was observed."""
    rows = [
        (GLYPHS[one.state], one.title, *bounds(one), one.state.value, one.note)
        for one in gate.criteria
    ]
    head = ("", "criterion", "value", "bound", "threshold", "verdict", "observed")
    return columns([head, *rows], right=frozenset({2, 3, 4}))


def about(report: Report) -> str:
    """Who was on trial, against whom, at what."""
    models = [
        plain(report.arms[name].model, 80) if name in report.arms else "nobody"
        for name in report.pair
    ]
    stamps = f" [{', '.join(report.stamps)}]" if report.stamps else ""
    many = f"{len(report.suite.selected)} tasks"
    if report.subset:
        many = f"{len(report.suite.selected)} of {report.suite.tasks} tasks"
    return (
        f"{models[0]} against {models[1]}, {plain(report.suite.name, 80)}, "
        f"{many} × {report.settings.trials}{stamps}"
    )


def marked(verdict: Verdict, words: str) -> str:
    """``words`` with the verdict's glyph, in its colour where there is one."""
    return coloured(f"{GLYPHS[verdict]} {words}", COLOURS[verdict])
