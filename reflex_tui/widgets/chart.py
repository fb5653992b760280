"""A scatter of calls as styled lines, drawn by plotext: a dot a call, at the height of its latency.

Heights are on a logarithmic scale with round ticks, the limit always one of them. Where several
calls lie close together, shading reaches from their P50 to their P95; where there are none, there
is nothing. Failed calls are counted in a lane below: a call without an answer has no height.

Without colour the modes can be told apart by their dots. Plotext has one figure per process, hence
the lock and the clearing, and writes ANSI colours: each thing drawn gets a code of its own, which
is read back as a style of the theme.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import count
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from textual.content import Content

from core.figures import duration, nearest_rank
from core.stages import Mode
from reflex_tui.model.gate import BAD, MODE_STYLE, POOR
from reflex_tui.widgets.lines import MUTED, joined

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MARKS = {Mode.REFLEX: "•", Mode.CLOUD: "◦"}
BAND = "░"
FAILED_LANE = "failed"
_CODES = {Mode.CLOUD: 1, Mode.REFLEX: 2}  # in the order of drawing
_LIMIT, _FAILED, _SILENT = 3, 4, 5
_BANDS = {Mode.CLOUD: 6, Mode.REFLEX: 7}
_STYLES = (
    {_LIMIT: POOR, _FAILED: BAD, _SILENT: "$rule"}
    | {code: MODE_STYLE[mode] for mode, code in _CODES.items()}
    | {code: f"{MODE_STYLE[mode]} 25%" for mode, code in _BANDS.items()}
)
_ESCAPE = re.compile(r"\x1b\[(?:38;5;(\d+)|0)m")
_FIGURE = Lock()
_LABEL = 8
_STEPS = (1, 2, 5)
# Of fewer calls than this a P95 is only the slowest.
_LEAST_IN_BAND = 4
_BANDS_ACROSS = 12
_LEAST_MS = 1.0


class Dot(NamedTuple):
    """A call: when it ended, 0 (the left end) to 1, and what it took in ms; None: it failed."""

    at: float
    ms: float | None


@dataclass(frozen=True, slots=True)
class Plotted:
    """What is drawn: dots by mode, the limit in ms, names of points in time (0 to 1)."""

    dots: Mapping[Mode, Sequence[Dot]]
    limit: float | None
    names: Sequence[tuple[float, str]]


def plot(plotted: Plotted, width: int, height: int) -> list[Content]:
    """``height`` lines of ``width`` cells, axes included; failures take a line where any are."""
    import plotext as figure  # not for the first paint: it takes a tenth of a second

    failed = [dot for dots in plotted.dots.values() for dot in dots if dot.ms is None]
    rows, columns = height - 1 - bool(failed), width - _LABEL - 1
    if rows < 2 or columns < 2:  # noqa: PLR2004  nothing can be drawn
        return [Content(" " * width)] * height
    answered = {
        mode: [(_column(at, columns), max(ms, _LEAST_MS)) for at, ms in dots if ms is not None]
        for mode, dots in plotted.dots.items()
    }
    heights = [ms for dots in answered.values() for _, ms in dots]
    ends = [min(heights), max(heights)] if heights else []
    levels = ticks([*ends, *([plotted.limit] if plotted.limit else [])], rows // 2)
    low, top = math.log10(levels[0]), math.log10(levels[-1])
    step = (top - low) / (rows - 1)
    lane = low - step
    bands = {mode: _band(answered.get(mode, ()), columns, low, step) for mode in Mode}
    names = {math.log10(level): duration(level) for level in levels}
    with _FIGURE:
        figure.clear_figure()
        figure.limit_size(width=False, height=False)  # not by the process's own terminal
        figure.plot_size(width, height - 1)
        figure.theme("clear")
        figure.frame(frame=False)
        figure.yaxes(left=True)
        figure.xlim(0, columns - 1)
        figure.xticks([])
        figure.ylim(lane if failed else low, top)
        for mode, code in _BANDS.items():
            cells = sorted(bands[mode])
            ys = [low + row * step for _, row in cells]
            figure.scatter([x for x, _ in cells], ys, marker=BAND, color=code)
        if failed:
            names[lane] = FAILED_LANE
            figure.plot([0, columns - 1], [lane, lane], marker="·", color=_SILENT)
            for at, sign in _counted(_column(dot.at, columns) for dot in failed).items():
                figure.scatter([at], [lane], marker=sign, color=_FAILED)
        if (limit := plotted.limit) is not None:
            height_of = math.log10(limit)
            names.pop(height_of, None)  # to be the last
            names[height_of] = duration(limit)
            figure.plot([0, columns - 1], [height_of, height_of], marker="╌", color=_LIMIT)
        # Plotext picks at random among ticks in one row, so a row gets one, the last.
        bottom = lane if failed else low
        by_row = {round((at - bottom) / step): at for at in names}
        figure.yticks(list(by_row.values()), [names[at].rjust(_LABEL) for at in by_row.values()])
        for mode, code in _CODES.items():
            dots = answered.get(mode, ())
            # A cell once, however many calls lie in it: plotext takes its time over each.
            cells = sorted({(x, round((math.log10(ms) - low) / step)) for x, ms in dots})
            ys = [low + row * step for _, row in cells]
            figure.scatter([x for x, _ in cells], ys, marker=MARKS[mode], color=code)
        lines = figure.build().splitlines()
    styles = {FAILED_LANE: BAD} | ({duration(limit): POOR} if limit is not None else {})
    below = Content.styled(_below(plotted.names, width), MUTED)
    tints = [_tints(bands, rows - 1 - number) for number in range(len(lines))]
    return [*(_styled(*each, styles) for each in zip(lines, tints, strict=True)), below]


def ticks(values: Iterable[float], most: int) -> list[float]:
    """Round values, ascending: the first under all of ``values``, the last over all of them.

    At most ``most`` + 2, by steps of 1, 2, 5, 10 or of 1, 10, 100.
    """
    known = [max(value, _LEAST_MS) for value in values] or [100.0]
    lowest, highest = min(known), max(known)
    for steps in (_STEPS, (1, 3), (1,)):
        first, last = math.floor(math.log10(lowest)), math.ceil(math.log10(highest)) + 1
        series = [step * 10.0**power for power in range(first - 1, last + 1) for step in steps]
        below = [value for value in series if value <= lowest * 1.0001]
        above = [value for value in series if value >= highest * 0.9999]
        between = [value for value in series if below[-1] < value < above[0]]
        found = sorted({below[-1], *between, above[0]})
        if len(found) <= max(2, most):
            break
    return found if len(found) > 1 else [found[0], found[0] * 10]


def _column(at: float, columns: int) -> int:
    return min(columns - 1, max(0, round(at * (columns - 1))))


def _counted(failed: Iterable[int]) -> dict[int, str]:
    """What the lane shows in which column: failures in columns side by side are one number.

    A digit each would be read as one: two beside each other as eleven. ``+`` where it has no room.
    """
    calls = Counter(failed)
    signs: dict[int, str] = {}
    for first in sorted(each for each in calls if each - 1 not in calls):
        last = next(each for each in count(first) if each + 1 not in calls)
        told, room = str(sum(calls[each] for each in range(first, last + 1))), last + 1 - first
        shown = (told if len(told) <= room else "+").ljust(room, "×")
        signs |= dict(enumerate(shown, first))
    return signs


def _band(
    dots: Sequence[tuple[int, float]], columns: int, low: float, step: float
) -> set[tuple[int, int]]:
    """The cells (column, row from below) between P50 and P95 of those that lie close together."""
    wide = max(1, columns // _BANDS_ACROSS)
    near: dict[int, list[float]] = defaultdict(list)
    for column, ms in dots:
        near[column // wide].append(ms)
    cells: set[tuple[int, int]] = set()
    for group, values in near.items():
        if len(values) < _LEAST_IN_BAND:
            continue
        p50, p95 = nearest_rank(values, 50), nearest_rank(values, 95)
        assert p50 is not None and p95 is not None  # noqa: PT018  there are values
        first, last = (round((math.log10(ms) - low) / step) for ms in (p50, p95))
        cells |= {
            (column, row)
            for column in range(group * wide, min(columns, (group + 1) * wide))
            for row in range(max(0, first), last + 1)
        }
    return cells


def _below(names: Sequence[tuple[float, str]], width: int) -> str:
    """The names of points in time, each below its place, none cut; one without room is left out."""
    cells = " " * width
    for at, name in names:
        middle = _LABEL + 1 + round(at * (width - _LABEL - 2))
        start = max(_LABEL + 1, min(middle - len(name) // 2, width - len(name)))
        end = start + len(name)
        if end <= width and not cells[start - 1 : end + 1].strip():
            cells = cells[:start] + name + cells[end:]
    return cells


def _tints(bands: Mapping[Mode, set[tuple[int, int]]], row: int) -> dict[int, str]:
    """The background of each column of a row that a band goes through."""
    return {
        column: f" on {MODE_STYLE[mode]} 18%"
        for mode in _CODES
        for column, at in bands[mode]
        if at == row
    }


def _styled(row: str, tints: Mapping[int, str], styles: Mapping[str, str]) -> Content:
    """A row of the figure: a label of eight cells, the axis, and what is drawn."""
    start, *parts = _ESCAPE.split(row)
    label, rest = start[:_LABEL], start[_LABEL:]
    drawn = [
        (text, _STYLES[int(code)] if code else "$rule")
        for code, text in zip([None, *parts[::2]], [rest, *parts[1::2]], strict=True)
    ]
    cells = [(cell, style) for text, style in drawn for cell in text]
    tinted = [
        (cell, style + tints.get(column, ""))
        for column, (cell, style) in enumerate(cells, -1)  # the axis is before the first column
    ]
    pieces = [(label, styles.get(label.strip(), MUTED)), *tinted]
    return Content.assemble(*joined(pieces))
