"""The charts of a window of time: total above TTFT, with a heading, a legend and the limit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.content import Content
from textual.reactive import reactive

from core.figures import percent
from core.stages import Mode
from reflex_tui.model.gate import MODE_STYLE
from reflex_tui.widgets.chart import MARKS, TAILS, Plotted, Point, plot
from reflex_tui.widgets.lines import MUTED, fitting, left, line, spread, title
from reflex_tui.widgets.section import Section

if TYPE_CHECKING:
    from textual.geometry import Size

    from reflex_tui.model.latencies import Windowed

_LEAST_CHART_ROWS = 5
_LEAST_TTFT_MS = 100.0
_ABOVE_LIMIT = 1.05
_MOST_ROWS = 24  # a chart of more rows tells no more
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
            (last / 2, f"{_half(window.seconds)} ago"),
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
        name = title(measure.upper(), (f"last {self.shown.window.name}", MUTED))
        if not legend:
            return name
        modes = [
            piece for mode in Mode for piece in ((f"{MARKS[mode]} ", MODE_STYLE[mode]), f"{mode}  ")
        ]
        tails = ("".join(TAILS.values()), MUTED)
        wide = line(*modes, "P50   ", tails, " P95   ", ("╌ ", "$warning"), "limit")
        short = line(*modes, tails, " P95")
        room = self.width - name.cell_length - 2
        return spread(name, fitting([wide, short], room), self.width)


def _half(seconds: int) -> str:
    if seconds <= 60:  # noqa: PLR2004
        return f"{seconds // 2} s"
    return f"{seconds / 120:g} min" if seconds < 7200 else f"{seconds // 7200} h"  # noqa: PLR2004


class PlotSection(Section):
    """``shown`` is the window's slices; total above TTFT, and total alone where room is short.

    ``share`` (0 to 1) is how much of the evidence has been read while nothing can be shown yet.
    """

    DEFAULT_CSS = """
    PlotSection { height: 1fr; }
    """
    shown: reactive[Windowed | None] = reactive(None)
    share: reactive[float] = reactive(0.0)
    limit_ms: reactive[float] = reactive(2000.0)

    def lines(self, width: int) -> list[Content]:
        """As many lines as there is height."""
        height = self.content_size.height
        if height < 1:
            return []
        if self.shown is None:
            read = f", {percent(round(100 * self.share))}" if self.share else ""
            return [left(title("CHART", (f"◌ reading the evidence{read} …", MUTED)), width)]
        if not any(self.shown.slices.values()):
            said = f"no calls in the last {self.shown.window.name}"
            return [title("CHART", (said, MUTED))]
        return Charts(self.shown, self.limit_ms, width, height).lines()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        """The least there can be; the stylesheet gives it more."""
        return _LEAST_CHART_ROWS
