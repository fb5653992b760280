"""Live latency of both modes: TTFT and total from zero, P50 and P95, the limit beside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.reactive import reactive

from core.stages import Mode
from reflex_tui.panes.latencies import WINDOW_S, Figures, Series
from reflex_tui.widgets.chart import Chart
from reflex_tui.widgets.condition import BAD, MODE_STYLE, POOR
from reflex_tui.widgets.lines import LABEL, MUTED, TITLE, fitting, left, line, right, spread
from reflex_tui.widgets.section import Section
from reflex_tui.widgets.spark import ceiling
from reflex_tui.widgets.units import duration, plural

if TYPE_CHECKING:
    from textual.geometry import Size

_NUMBER = 9
_LIMIT = 10
_LEAST_TTFT_MS = 100.0
_LEAST_TOTAL_MS = 500.0
_MOST_ROWS = (5, 10)
# From this height on the charts get rows of their own; below, a line each.
_TALL = 16


class LatencySection(Section):
    """``figures`` of each mode and the reflex limit in ms; taller space makes taller charts."""

    figures: reactive[dict[Mode, Figures]] = reactive(dict, always_update=True)
    limit_ms: reactive[float] = reactive(2000.0)
    DEFAULT_CSS = """
    LatencySection { height: 1fr; min-height: 5; }
    """

    def lines(self, width: int) -> list[Content]:
        """As many lines as the widget's height allows, five at least."""
        height = self.content_size.height
        shown = self._tall if height >= _TALL else self._compact
        heading = self._heading(width - _column_names().cell_length)
        if height < _TALL:
            heading = spread(heading, _column_names(), width)
        return [heading, *shown(width, height)]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        """The least there can be; the stylesheet gives it more."""
        return 5

    def _heading(self, width: int) -> Content:
        window = f"last {WINDOW_S / 60:.0f} min"
        return fitting(
            [
                line(("LATENCY".ljust(LABEL), TITLE), (f"{window}, newest at the right", MUTED)),
                line(("LATENCY".ljust(LABEL), TITLE), (window, MUTED)),
            ],
            width,
        )

    def _compact(self, width: int, _height: int) -> list[Content]:
        lines = []
        for mode in Mode:
            figures = self.figures.get(mode, Figures())
            name = line((str(mode), f"bold {MODE_STYLE[mode]}"))
            lines.append(self._row(mode, "TTFT", figures.ttft, width, prefix=name))
            lines.append(self._row(mode, "total", figures.total, width, prefix=Content("")))
        return lines

    def _row(
        self, mode: Mode, label: str, series: Series, width: int, *, prefix: Content
    ) -> Content:
        room = width - LABEL - 6 - 2 * _NUMBER - _LIMIT
        chart = self._chart(mode, label, series).lines(max(0, room), 1)[0]
        start = line(left(prefix, LABEL), (label.ljust(6), MUTED))
        return line(start, chart, self._numbers(mode, label, series))

    def _tall(self, width: int, height: int) -> list[Content]:
        # A mode takes three lines of words and a blank one; what is left is for its two charts.
        each = (height - 1) // 2 - 4
        ttft_rows = max(1, min(_MOST_ROWS[0], each // 3))
        total_rows = max(1, min(_MOST_ROWS[1], each - ttft_rows))
        lines: list[Content] = []
        for mode in Mode:
            figures = self.figures.get(mode, Figures())
            names = _column_names()
            lines.append(spread(_calls(mode, figures, width - names.cell_length), names, width))
            lines += self._plot(mode, "TTFT", figures.ttft, width, ttft_rows)
            lines += self._plot(mode, "total", figures.total, width, total_rows)
            lines.append(Content(""))
        return lines

    def _plot(self, mode: Mode, label: str, series: Series, width: int, rows: int) -> list[Content]:
        chart = self._chart(mode, label, series)
        scale = f"0 to {duration(chart.top)}" if series.values else ""
        start = line((label.ljust(LABEL), ""), (scale, MUTED))
        return [
            spread(start, self._numbers(mode, label, series), width),
            *chart.lines(width, rows),
        ]

    def _chart(self, mode: Mode, label: str, series: Series) -> Chart:
        limit = self.limit_ms if self._is_limited(mode, label) else None
        least = limit or (_LEAST_TTFT_MS if label == "TTFT" else _LEAST_TOTAL_MS)
        top = ceiling(series.values, least=least)
        return Chart(series.values, top, MODE_STYLE[mode], limit)

    def _numbers(self, mode: Mode, label: str, series: Series) -> Content:
        limited = self._is_limited(mode, label)
        over = limited and series.p95 is not None and series.p95 >= self.limit_ms
        p95 = line((duration(series.p95), f"bold {POOR}" if over else ""))
        limit = line((f"< {duration(self.limit_ms)}" if limited else "", MUTED))
        return right(duration(series.p50), _NUMBER) + right(p95, _NUMBER) + right(limit, _LIMIT)

    def _is_limited(self, mode: Mode, label: str) -> bool:
        return mode is Mode.REFLEX and label == "total"


def _column_names() -> Content:
    names = ("P50", _NUMBER), ("P95", _NUMBER), ("limit", _LIMIT)
    return Content("").join(right(line((name, MUTED)), size) for name, size in names)


def _calls(mode: Mode, figures: Figures, width: int) -> Content:
    name = (str(mode).ljust(LABEL), f"bold {MODE_STYLE[mode]}")
    if not figures.calls:
        return line(name, ("no calls yet", MUTED))
    if not figures.failed:
        return line(name, (plural(figures.calls, "call"), MUTED))
    failed = (f"{figures.failed} of {figures.calls} failed", BAD)
    return left(line(name, failed), width)
