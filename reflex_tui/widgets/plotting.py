"""A latency chart as styled lines, drawn by plotext and coloured by the theme: pure.

Plotext writes ANSI colours. Each thing drawn is given a code of its own, which is then read back
as a style, so that a chart has the theme's colours, the terminal's own, or none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.content import Content
from textual_plotext.plot import Plot

from core.stages import Mode
from reflex_tui.widgets.condition import BAD, MODE_STYLE
from reflex_tui.widgets.lines import MUTED
from reflex_tui.widgets.spark import ceiling
from reflex_tui.widgets.units import duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MARKERS = {Mode.REFLEX: "braille", Mode.CLOUD: "•"}
TAILS = {Mode.REFLEX: "▴", Mode.CLOUD: "▵"}
_LIMIT, _FAILED = 3, 9
_MODES = {Mode.REFLEX: 6, Mode.CLOUD: 4}
_STYLES = {
    **{code: MODE_STYLE[mode] for mode, code in _MODES.items()},
    _LIMIT: "$warning",
    _FAILED: f"bold {BAD}",
}
_ESCAPE = re.compile(r"\x1b\[([0-9;]*)m")
_FOREGROUND = re.compile(r"38;5;(\d+)")
# A line goes on over so many slices without calls; over more it would tell of what nobody saw.
_BRIDGED = 2
# From this height on there is room for the tail and for more labels.
_ROOMY = 10
_TAIL = 1.1  # a P95 nearer to the P50 would only hide it


@dataclass(frozen=True, slots=True)
class Point:
    """A slice of the chart: typical and tail latency in ms, None where no call was answered."""

    slice: int
    p50: float | None
    p95: float | None
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Plotted:
    """What is drawn: points by mode over ``slices``, the limit in ms, names for both ends."""

    points: Mapping[Mode, Sequence[Point]]
    slices: int
    limit: float | None
    ticks: Sequence[tuple[float, str]]
    least: float


def plot(plotted: Plotted, width: int, height: int) -> list[Content]:
    """``height`` lines of ``width`` cells, axes included."""
    drawn = Plot()
    drawn.plotsize(width, height)
    # As textual-plotext does: plotsize alone goes by the terminal that the process has.
    drawn._set_size(width, height)  # noqa: SLF001
    drawn.theme("clear")
    drawn.frame(frame=False)
    values = [
        value
        for points in plotted.points.values()
        for point in points
        for value in (point.p50, point.p95)
    ]
    top = ceiling(values, least=plotted.least)
    drawn.ylim(0, top)
    drawn.xlim(0, plotted.slices - 1)
    roomy = height >= _ROOMY
    steps = 4 if roomy else 2
    levels = [top * step / steps for step in range(steps + 1)]
    drawn.yticks(levels, [duration(level).rjust(7) if level else "0".rjust(7) for level in levels])
    drawn.xticks([at for at, _ in plotted.ticks], [name for _, name in plotted.ticks])
    if plotted.limit is not None and plotted.limit <= top:
        drawn.plot([0, plotted.slices - 1], [plotted.limit] * 2, marker="╌", color=_LIMIT)
    for mode in (Mode.CLOUD, Mode.REFLEX):
        _draw(drawn, mode, plotted.points.get(mode, ()), tails=roomy)
    lines = [_styled(line) for line in drawn.build().splitlines()]
    return [line.truncate(width, pad=True) for line in lines[:height]]


def _draw(drawn: Plot, mode: Mode, points: Sequence[Point], *, tails: bool) -> None:
    color = _MODES[mode]
    for run in _runs(points):
        xs, typical = [at for at, _, _ in run], [p50 for _, p50, _ in run]
        if len(run) == 1:
            drawn.scatter(xs, typical, marker=MARKERS[mode], color=color)
        else:
            drawn.plot(xs, typical, marker=MARKERS[mode], color=color)
        if tails and (slower := [(at, p95) for at, p50, p95 in run if p95 > _TAIL * p50]):
            at, p95 = zip(*slower, strict=True)
            drawn.scatter(list(at), list(p95), marker=TAILS[mode], color=color)
    if failed := [point.slice for point in points if point.failed]:
        drawn.scatter(failed, [0.0] * len(failed), marker="×", color=_FAILED)


def _runs(points: Sequence[Point]) -> Iterator[list[tuple[int, float, float]]]:
    run: list[tuple[int, float, float]] = []
    for point in points:
        if point.p50 is None or point.p95 is None:
            continue
        if run and point.slice - run[-1][0] > _BRIDGED + 1:
            yield run
            run = []
        run.append((point.slice, point.p50, point.p95))
    if run:
        yield run


def _styled(line: str) -> Content:
    pieces: list[tuple[str, str]] = []
    style, start = MUTED, 0
    for escape in _ESCAPE.finditer(line):
        pieces.append((line[start : escape.start()], style))
        found = _FOREGROUND.search(escape[1])
        style = _STYLES.get(int(found[1]), MUTED) if found else MUTED
        start = escape.end()
    pieces.append((line[start:], style))
    return Content.assemble(*pieces)
