"""The chart of a window of time: TTFT and total of both modes, with the limit drawn through."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.reactive import reactive

from core.stages import Mode
from reflex_tui.widgets.condition import BAD, MODE_STYLE
from reflex_tui.widgets.lines import LABEL, MUTED, TITLE, fitting, line, spread
from reflex_tui.widgets.section import Section
from reflex_tui.widgets.units import duration, percent

if TYPE_CHECKING:
    from textual.geometry import Size

    from reflex_tui.windows import Windowed

_LEAST_ROWS = 5
_LEAST_TTFT_MS, _LEAST_TOTAL_MS = 100.0, 500.0
_SIGNS = {Mode.REFLEX: "⠒⠒", Mode.CLOUD: "••"}
_ABOVE_LIMIT = 1.25
_MOST_ROWS = 24  # a chart of more rows costs time and tells no more
_MEASURES = ("total", "TTFT")


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
            return [line(("CHART".ljust(LABEL), TITLE), (f"◌ reading the evidence{read} …", MUTED))]
        if not any(self.shown.slices.values()):
            name = self.shown.window.name
            said = f"no calls in the last {name}"
            return [line(("CHART".ljust(LABEL), TITLE), (said, MUTED))]
        charts = 2 if height >= 2 * (_LEAST_ROWS + 1) + 1 else 1
        each = (height - (charts - 1)) // charts
        lines: list[Content] = []
        for number, measure in enumerate(_MEASURES[:charts]):
            lines += [Content("")] * (number > 0)
            lines += self._chart(measure, width, each, legend=number == 0)
        return lines

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        """The least there can be; the stylesheet gives it more."""
        return _LEAST_ROWS

    def _chart(self, measure: str, width: int, height: int, *, legend: bool) -> list[Content]:
        # Imported by the watching thread before it has anything to show.
        from reflex_tui.widgets.plotting import Plotted, Point, plot  # noqa: PLC0415

        assert self.shown is not None
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
        heading = self._heading(measure, width, legend=legend)
        return (
            [heading, *plot(plotted, width, min(height - 1, _MOST_ROWS))]
            if height > 1
            else [heading]
        )

    def _heading(self, measure: str, width: int, *, legend: bool) -> Content:
        assert self.shown is not None
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
        room = width - name.cell_length - 3
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
            width,
        )


def _half(seconds: int) -> str:
    if seconds <= 60:  # noqa: PLR2004
        return f"{seconds // 2} s"
    return f"{seconds / 120:g} min" if seconds < 7200 else f"{seconds // 7200} h"  # noqa: PLR2004
