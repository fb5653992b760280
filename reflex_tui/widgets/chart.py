"""A latency chart as styled lines, drawn by plotext: round ticks, the failures in a lane below.

Without colour both modes can still be told apart: reflex is a line of braille dots, the cloud one
of bullets. Plotext has one figure per process, hence the lock and the clearing, and writes ANSI
colours: each thing drawn gets a code of its own, which is read back as a style of the theme.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from textual.content import Content

from core.figures import duration
from core.stages import Mode
from reflex_tui.model.gate import BAD, MODE_STYLE, POOR
from reflex_tui.widgets.lines import MUTED, joined

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MARKS = {Mode.REFLEX: "⠒", Mode.CLOUD: "•"}
TAILS = {Mode.REFLEX: "▴", Mode.CLOUD: "▵"}
_MARKERS = MARKS | {Mode.REFLEX: "braille"}
_CODES = {Mode.CLOUD: 1, Mode.REFLEX: 2}  # in the order of drawing
_LIMIT, _FAILED, _SILENT = 3, 4, 5
_STYLES = {_LIMIT: POOR, _FAILED: BAD, _SILENT: "$rule"} | {
    code: MODE_STYLE[mode] for mode, code in _CODES.items()
}
_ESCAPE = re.compile(r"\x1b\[(?:38;5;(\d+)|0)m")
_FIGURE = Lock()
_LABEL = 8
# From this height on there is room for the tail and for more ticks.
_ROOMY = 10
_TAIL = 1.1  # a P95 nearer to the P50 would only hide it
_STEPS = (1.0, 2.0, 5.0)
_MOST_DIGIT = 9
_LANE = "failed"


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
    import plotext as figure  # not for the first paint: it takes a tenth of a second

    failed = [one for points in plotted.points.values() for one in points if one.failed]
    rows, columns = height - 1 - bool(failed), width - _LABEL - 1
    if rows < 1 or columns < 2:  # noqa: PLR2004  nothing can be drawn
        return [Content(" " * width)] * height
    roomy, last = height >= _ROOMY, max(1, plotted.slices - 1)
    levels = ticks(_highest(plotted), 5 if roomy else 3)
    top = levels[-1]
    low = -top / max(1, rows - 1) if failed else 0.0  # the lane is one row below zero
    names = {level: duration(level) if level else "0" for level in levels}
    with _FIGURE:
        figure.clear_figure()
        figure.limit_size(width=False, height=False)  # not by the process's own terminal
        figure.plot_size(width, height - 1)
        figure.theme("clear")
        figure.frame(frame=False)
        figure.yaxes(left=True)
        figure.xlim(0, last)
        figure.xticks([])
        figure.ylim(low, top)
        if failed:
            names[low] = _LANE
            figure.plot([0, last], [low, low], marker="·", color=_SILENT)
            for at, calls in _by_column(failed, columns, last).items():
                sign = str(calls) if calls <= _MOST_DIGIT else "+"
                figure.scatter([at], [low], marker=sign, color=_FAILED)
        if (limit := plotted.limit) is not None:
            names.pop(limit, None)  # to be the last
            names[limit] = duration(limit)
            figure.plot([0, last], [limit, limit], marker="╌", color=_LIMIT)
        # Plotext picks at random among ticks in one row, so a row gets one, the last.
        by_row = {int((at - low) / (top - low) * (height - 2) + 0.5): at for at in names}
        figure.yticks(list(by_row.values()), [names[at].rjust(_LABEL) for at in by_row.values()])
        for mode, color in _CODES.items():
            points = plotted.points.get(mode, ())
            answered = [(p.slice, p.p50, p.p95 or 0.0) for p in points if p.p50 is not None]
            slow = {at: min(p95, top) for at, p50, p95 in answered if roomy and p95 > _TAIL * p50}
            figure.scatter(list(slow), list(slow.values()), marker=TAILS[mode], color=color)
            # No line goes across what is not a number: slices in which nobody was answered.
            known = {at: min(p50, top) for at, p50, _ in answered}
            typical = [known.get(at, math.nan) for at in range(last + 1)]
            figure.plot(range(last + 1), typical, marker=_MARKERS[mode], color=color)
        lines = figure.build().splitlines()
    styles = {_LANE: BAD} | ({names[limit]: POOR} if limit is not None else {})
    below = Content.styled(_below(plotted.ticks, width, last), MUTED)
    return [*(_styled(line, styles) for line in lines), below]


def ticks(highest: float, most: int) -> list[float]:
    """Round values from 0 to the first that ``highest`` does not exceed, ``most`` + 1 at most."""
    power = 10.0 ** (math.floor(math.log10(highest)) - 1)
    sizes = (power * scale * step for scale in (1, 10, 100) for step in _STEPS)
    step = next(size for size in sizes if math.ceil(highest / size - 1e-9) <= most)
    return [step * number for number in range(math.ceil(highest / step - 1e-9) + 1)]


def _highest(plotted: Plotted) -> float:
    points = [one for of_mode in plotted.points.values() for one in of_mode]
    known = [ms for one in points for ms in (one.p50, one.p95) if ms is not None]
    finite = [ms for ms in known if math.isfinite(ms)]
    return max([*finite, plotted.least, plotted.limit or 0.0])


def _by_column(failed: Sequence[Point], columns: int, last: int) -> Counter[float]:
    """How many calls failed by their place on the axis, of which each column has one."""
    found: Counter[float] = Counter()
    for one in failed:
        found[round(one.slice / last * (columns - 1)) * last / (columns - 1)] += one.failed
    return found


def _below(ticks: Sequence[tuple[float, str]], width: int, last: int) -> str:
    """The names of points in time, each below its place, none cut; one without room is left out."""
    cells = " " * width
    for at, name in ticks:
        middle = _LABEL + 1 + round(at / last * (width - _LABEL - 2))
        start = max(_LABEL + 1, min(middle - len(name) // 2, width - len(name)))
        end = start + len(name)
        if end <= width and not cells[start - 1 : end + 1].strip():
            cells = cells[:start] + name + cells[end:]
    return cells


def _styled(row: str, styles: Mapping[str, str]) -> Content:
    """A row of the figure: a label of eight cells, the axis, and what is drawn."""
    start, *parts = _ESCAPE.split(row)
    label, axis = start[:_LABEL], start[_LABEL:]
    drawn = [
        (text, _STYLES[int(code)] if code else "")
        for code, text in zip(parts[::2], parts[1::2], strict=True)
    ]
    pieces = [(label, styles.get(label.strip(), MUTED)), (axis, "$rule"), *drawn]
    return Content.assemble(*joined(pieces))
