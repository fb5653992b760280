"""The chart of a window of time: TTFT and total of both modes, with the limit drawn through.

A latency chart as styled lines, drawn by plotext and coloured by the theme: pure.

Plotext writes ANSI colours. Each thing drawn is given a code of its own, which is then read back
as a style, so that a chart has the theme's colours, the terminal's own, or none.

The lines of a window's charts: total above TTFT, headings with a legend. Pure, and slow.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual import work
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual_plotext.plot import Plot

from core.figures import duration, percent
from core.stages import Mode
from reflex_tui.model.gate import BAD, MODE_STYLE
from reflex_tui.widgets.lines import LABEL, MUTED, TITLE, ceiling, fitting, line, spread
from reflex_tui.widgets.section import Section

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from textual.geometry import Size

    from reflex_tui.model.latencies import Windowed


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


_LEAST_CHART_ROWS = 5
_LEAST_TTFT_MS = 100.0
_SIGNS = {Mode.REFLEX: "⠒⠒", Mode.CLOUD: "••"}
_ABOVE_LIMIT = 1.25
_MOST_ROWS = 24  # a chart of more rows costs time and tells no more
_MEASURES = ("total", "TTFT")


@dataclass(frozen=True, slots=True)
class Charts:
    """What is to be drawn, and in how many cells; ``limit_ms`` is the threshold's line."""

    shown: Windowed
    limit_ms: float
    width: int
    height: int

    def lines(self) -> list[Content]:
        """``height`` lines; TTFT is left out where there is no room for both."""
        charts = 2 if self.height >= 2 * (_LEAST_CHART_ROWS + 1) + 1 else 1
        each = (self.height - (charts - 1)) // charts
        lines: list[Content] = []
        for number, measure in enumerate(_MEASURES[:charts]):
            lines += [Content("")] * (number > 0)
            lines += self._chart(measure, each, legend=number == 0)
        return lines

    def _chart(self, measure: str, height: int, *, legend: bool) -> list[Content]:
        # Here, in the thread that draws: plotext takes a tenth of a second to load.

        window, is_total = self.shown.window, measure == "total"
        points = {
            mode: [
                Point(
                    each.number,
                    each.p50 if is_total else each.ttft_p50,
                    each.p95 if is_total else each.ttft_p95,
                    each.failed if is_total else 0,
                )
                for each in slices
            ]
            for mode, slices in self.shown.slices.items()
        }
        last = window.slices - 1
        ticks = [
            (0, f"{window.name} ago"),
            (last // 2, f"{_half(window.seconds)} ago"),
            (last, "now"),
        ]
        plotted = Plotted(
            points,
            window.slices,
            self.limit_ms if is_total else None,
            ticks,
            self.limit_ms * _ABOVE_LIMIT if is_total else _LEAST_TTFT_MS,
        )
        heading = self._heading(measure, legend=legend)
        if height <= 1:
            return [heading]
        return [heading, *plot(plotted, self.width, min(height - 1, _MOST_ROWS))]

    def _heading(self, measure: str, *, legend: bool) -> Content:
        name = line(
            (measure.upper().ljust(LABEL), TITLE), (f"last {self.shown.window.name}", MUTED)
        )
        if not legend:
            return name
        modes = [
            piece
            for mode in Mode
            for piece in ((f"{_SIGNS[mode]} ", MODE_STYLE[mode]), f"{mode} P50   ")
        ]
        short = [
            piece
            for mode in Mode
            for piece in ((f"{_SIGNS[mode][0]} ", MODE_STYLE[mode]), f"{mode}  ")
        ]
        limit = (("╌╌ ", "$warning"), f"limit {duration(self.limit_ms)}")
        room = self.width - name.cell_length - 3
        return spread(
            name,
            fitting(
                [
                    line(*modes, ("▴▵ ", MUTED), "P95   ", ("× ", BAD), "failed   ", *limit),
                    line(*modes, ("▴▵ ", MUTED), "P95   ", *limit),
                    line(*modes, *limit),
                    line(*short, ("╌ ", "$warning"), "limit"),
                    line(""),
                ],
                room,
            ),
            self.width,
        )


def _half(seconds: int) -> str:
    if seconds <= 60:  # noqa: PLR2004
        return f"{seconds // 2} s"
    return f"{seconds / 120:g} min" if seconds < 7200 else f"{seconds // 7200} h"  # noqa: PLR2004


_LEAST_ROWS = 5


class PlotSection(Section):
    """``shown`` is the window's slices; total above TTFT, and total alone where room is short.

    ``share`` (0 to 1) is how much of the evidence has been read while nothing can be shown yet.
    A chart takes tens of milliseconds, so a thread draws it, one at a time, while it is in sight;
    the last one stays. ``drawing`` is whether the thread is at it.
    """

    DEFAULT_CSS = """
    PlotSection { height: 1fr; }
    """
    shown: reactive[Windowed | None] = reactive(None)
    share: reactive[float] = reactive(0.0)
    limit_ms: reactive[float] = reactive(2000.0)

    class Drawn(Message):
        """A chart is drawn."""

        def __init__(self, charts: Charts, lines: list[Content]) -> None:
            super().__init__()
            self.charts, self.lines = charts, lines

    def __init__(self) -> None:
        super().__init__()
        self._drawn: PlotSection.Drawn | None = None
        self.drawing = False

    def lines(self, width: int) -> list[Content]:
        """As many lines as there is height."""
        if self.content_size.height < 1:
            return []
        if self.shown is None:
            read = f", {percent(round(100 * self.share))}" if self.share else ""
            return [line(("CHART".ljust(LABEL), TITLE), (f"◌ reading the evidence{read} …", MUTED))]
        if not any(self.shown.slices.values()):
            name = self.shown.window.name
            said = f"no calls in the last {name}"
            return [line(("CHART".ljust(LABEL), TITLE), (said, MUTED))]
        drawn, window = self._drawn, self.shown.window
        if drawn is None or (drawn.charts.width, drawn.charts.shown.window) != (width, window):
            return [line(("CHART".ljust(LABEL), TITLE), ("◌ drawing …", MUTED))]
        return drawn.lines[: self.content_size.height]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        """The least there can be; the stylesheet gives it more."""
        return _LEAST_ROWS

    def watch_shown(self) -> None:
        """Other slices: another chart."""
        self._draw()

    def watch_limit_ms(self) -> None:
        """The threshold's line goes elsewhere."""
        self._draw()

    def on_resize(self) -> None:
        """Another size: drawn for it; out of sight there is none."""
        self._draw()

    def on_plot_section_drawn(self, message: Drawn) -> None:
        """Show it, and go on with what was asked for meanwhile."""
        self._drawn, self.drawing = message, False
        self.refresh()
        self._draw()

    def _draw(self) -> None:
        width, height = self.content_size
        shown = self.shown
        if self.drawing or not width * height:
            return
        if shown is None or not any(shown.slices.values()):
            return

        charts = Charts(shown, self.limit_ms, width, height)
        if self._drawn is None or self._drawn.charts != charts:
            self.drawing = True
            self._draw_there(charts)

    @work(thread=True, group="plot")
    def _draw_there(self, charts: Charts) -> None:
        self.post_message(self.Drawn(charts, charts.lines()))
