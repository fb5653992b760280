"""The lines of a window's charts: total above TTFT, headings with a legend. Pure, and slow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.content import Content

from core.stages import Mode
from reflex_tui.widgets.condition import BAD, MODE_STYLE
from reflex_tui.widgets.lines import LABEL, MUTED, TITLE, fitting, line, spread
from reflex_tui.widgets.units import duration

if TYPE_CHECKING:
    from reflex_tui.panes.window import Windowed

_LEAST_ROWS = 5
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
        charts = 2 if self.height >= 2 * (_LEAST_ROWS + 1) + 1 else 1
        each = (self.height - (charts - 1)) // charts
        lines: list[Content] = []
        for number, measure in enumerate(_MEASURES[:charts]):
            lines += [Content("")] * (number > 0)
            lines += self._chart(measure, each, legend=number == 0)
        return lines

    def _chart(self, measure: str, height: int, *, legend: bool) -> list[Content]:
        # Here, in the thread that draws: plotext takes a tenth of a second to load.
        from reflex_tui.widgets.plotting import Plotted, Point, plot  # noqa: PLC0415

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
