"""A latency chart as styled lines: braille dots over round ticks, the failures in a lane below.

A cell holds two dots beside each other and four above each other. Without colour both modes can
still be told apart: reflex is drawn in dots, the cloud in bullets.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING

from textual.content import Content

from core.figures import duration
from core.stages import Mode
from reflex_tui.model.gate import BAD, MODE_STYLE, POOR
from reflex_tui.widgets.lines import MUTED, joined

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from reflex_tui.widgets.lines import Piece

MARKS = {Mode.REFLEX: "⠒", Mode.CLOUD: "•"}
TAILS = {Mode.REFLEX: "▴", Mode.CLOUD: "▵"}
# Unicode numbers the dots of a braille cell so, by row and column.
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_BRAILLE = 0x2800
_LABEL = 8
# From this height on there is room for the tail and for more ticks.
_ROOMY = 10
_TAIL = 1.1  # a P95 nearer to the P50 would only hide it
_STEPS = (1.0, 2.0, 5.0)
_MOST_DIGIT = 9


@dataclass(frozen=True, slots=True)
class Point:
    """A slice of the chart: typical and tail latency in ms, None where no call was answered."""

    slice: int
    p50: float | None
    p95: float | None
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Plotted:
    """What is drawn: points by mode over ``slices``, the limit in ms, names for both ends.

    ``least`` is the least latency in ms that the axis reaches to.
    """

    points: Mapping[Mode, Sequence[Point]]
    slices: int
    limit: float | None
    ticks: Sequence[tuple[float, str]]
    least: float


def plot(plotted: Plotted, width: int, height: int) -> list[Content]:
    """``height`` lines of ``width`` cells, axes included; failures take a line where any are."""
    failed = _failed(plotted)
    rows, columns = height - 1 - bool(failed), width - _LABEL - 1
    if rows < 1 or columns < 2:  # noqa: PLR2004  nothing can be drawn
        return [Content(" " * width)] * height
    roomy = height >= _ROOMY
    levels = ticks(_highest(plotted), 5 if roomy else 3)
    canvas = _Canvas(columns, rows, plotted.slices, levels[-1])
    if plotted.limit is not None:
        canvas.rule(plotted.limit)
    for mode in (Mode.CLOUD, Mode.REFLEX):
        _draw(canvas, mode, plotted.points.get(mode, ()), tails=roomy)
    labels = {canvas.row(level): (duration(level) if level else "0", MUTED) for level in levels}
    if plotted.limit is not None:
        labels[canvas.row(plotted.limit)] = duration(plotted.limit), POOR
    lines = []
    for row in range(rows):
        text, style = labels.get(row, ("", MUTED))
        mark = "┤" if text else "│"
        lines.append(_line([(text.rjust(_LABEL), style), (mark, "$rule"), *canvas.pieces(row)]))
    if failed:
        lines.append(_line([("failed".rjust(_LABEL + 1), BAD), *_lane(canvas, failed)]))
    return [*lines, _line([(_names(canvas, plotted.ticks), MUTED)])]


def ticks(highest: float, most: int) -> list[float]:
    """Round values from 0 to the first that ``highest`` does not exceed, ``most`` + 1 at most."""
    power = 10.0 ** (math.floor(math.log10(highest)) - 1)
    sizes = (power * scale * step for scale in (1, 10, 100) for step in _STEPS)
    step = next(size for size in sizes if math.ceil(highest / size - 1e-9) <= most)
    return [step * number for number in range(math.ceil(highest / step - 1e-9) + 1)]


@dataclass(slots=True)
class _Canvas:
    """Cells of signs and dots; ``top`` is the latency in ms at the upper edge."""

    columns: int
    rows: int
    slices: int
    top: float
    signs: dict[tuple[int, int], Piece] = field(default_factory=dict)
    dots: dict[tuple[int, int], int] = field(default_factory=dict)

    def at(self, number: float, ms: float) -> tuple[float, float]:
        """A slice and a latency in dots from the upper left corner."""
        across = number / max(1, self.slices - 1) * (2 * self.columns - 1)
        return across, (1 - min(ms, self.top) / self.top) * (4 * self.rows - 1)

    def row(self, ms: float) -> int:
        """The row that a latency lies in, from the upper edge."""
        return round(self.at(0, ms)[1]) // 4

    def column(self, number: float) -> int:
        """The column that a slice lies in."""
        return round(self.at(number, 0)[0]) // 2

    def rule(self, ms: float) -> None:
        """A line across."""
        row = self.row(ms)
        self.signs |= {(row, column): ("╌", POOR) for column in range(self.columns)}

    def sign(self, number: float, ms: float, piece: Piece) -> None:
        """A sign in the cell of a slice and a latency."""
        self.signs[self.row(ms), self.column(number)] = piece

    def dot(self, across: float, down: float) -> None:
        """A dot."""
        row, column = round(down) // 4, round(across) // 2
        bit = _DOTS[round(down) % 4][round(across) % 2]
        self.dots[row, column] = self.dots.get((row, column), 0) | bit

    def pieces(self, row: int) -> Iterator[Piece]:
        """The row's cells: dots before signs."""
        for column in range(self.columns):
            place = row, column
            if bits := self.dots.get(place):
                yield chr(_BRAILLE + bits), MODE_STYLE[Mode.REFLEX]
            else:
                yield self.signs.get(place, (" ", ""))


def _draw(canvas: _Canvas, mode: Mode, points: Sequence[Point], *, tails: bool) -> None:
    style = MODE_STYLE[mode]
    answered = [(one.slice, one.p50, one.p95) for one in points if one.p50 is not None]
    for this, after in zip_longest(answered, answered[1:]):
        # No line across slices in which nobody called.
        end = after if after is not None and after[0] == this[0] + 1 else this
        for across, down in _between(canvas.at(*this[:2]), canvas.at(*end[:2])):
            if mode is Mode.REFLEX:
                canvas.dot(across, down)
            else:
                canvas.signs[round(down) // 4, round(across) // 2] = MARKS[mode], style
    for number, p50, p95 in answered:
        if tails and p95 is not None and p95 > _TAIL * p50:
            canvas.sign(number, p95, (TAILS[mode], style))


def _between(start: tuple[float, float], end: tuple[float, float]) -> Iterator[tuple[float, float]]:
    steps = max(1, math.ceil(max(abs(end[0] - start[0]), abs(end[1] - start[1]))))
    for step in range(steps + 1):
        share = step / steps
        yield start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])


def _highest(plotted: Plotted) -> float:
    points = [one for of_mode in plotted.points.values() for one in of_mode]
    known = [ms for one in points for ms in (one.p50, one.p95) if ms is not None]
    return max([*(ms for ms in known if math.isfinite(ms)), plotted.least])


def _failed(plotted: Plotted) -> Counter[int]:
    failed: Counter[int] = Counter()
    for points in plotted.points.values():
        for one in points:
            if one.failed:
                failed[one.slice] += one.failed
    return failed


def _lane(canvas: _Canvas, failed: Counter[int]) -> Iterator[Piece]:
    """How many calls failed, as a digit below their slice; a plus for more than nine."""
    numbers: Counter[int] = Counter()
    for number, calls in failed.items():
        numbers[canvas.column(number)] += calls
    for column in range(canvas.columns):
        calls = numbers[column]
        yield ("·", "$rule") if not calls else (str(calls) if calls <= _MOST_DIGIT else "+", BAD)


def _names(canvas: _Canvas, ticks: Sequence[tuple[float, str]]) -> str:
    """The names of points in time, each below its place, none cut."""
    cells = [" "] * (_LABEL + 1 + canvas.columns)
    for number, name in ticks:
        middle = _LABEL + 1 + canvas.column(number)
        start = max(_LABEL + 1, min(middle - len(name) // 2, len(cells) - len(name)))
        cells[start : start + len(name)] = name
    return "".join(cells)


def _line(pieces: Sequence[Piece]) -> Content:
    return Content.assemble(*joined(pieces))
