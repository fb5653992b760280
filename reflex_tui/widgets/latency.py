"""Live latency of both modes: TTFT and total from zero, P50 and P95, the limit beside."""

from __future__ import annotations

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

_NUMBER = 9
_LIMIT = 10
_LEAST_TTFT_MS = 100.0
_LEAST_TOTAL_MS = 500.0


class LatencySection(Section):
    """``figures`` of each mode and the reflex limit in ms."""

    figures: reactive[dict[Mode, Figures]] = reactive(dict, always_update=True)
    limit_ms: reactive[float] = reactive(2000.0)

    def lines(self, width: int) -> list[Content]:
        """A heading, and for each mode a line of TTFT and one of the total."""
        heading = self._heading(width - _column_names().cell_length)
        lines = [spread(heading, _column_names(), width)]
        for mode in Mode:
            figures = self.figures.get(mode, Figures())
            name = line((str(mode), f"bold {MODE_STYLE[mode]}"))
            lines.append(self._row(mode, "TTFT", figures.ttft, width, prefix=name))
            lines.append(self._row(mode, "total", figures.total, width, prefix=_calls(figures)))
        return lines

    def _heading(self, width: int) -> Content:
        window = f"last {WINDOW_S / 60:.0f} min"
        return fitting(
            [
                line(("LATENCY".ljust(LABEL), TITLE), (f"{window}, newest at the right", MUTED)),
                line(("LATENCY".ljust(LABEL), TITLE), (window, MUTED)),
            ],
            width,
        )

    def _row(
        self, mode: Mode, label: str, series: Series, width: int, *, prefix: Content
    ) -> Content:
        room = width - LABEL - 6 - 2 * _NUMBER - _LIMIT
        chart = self._chart(mode, label, series).lines(max(0, room), 1)[0]
        start = line(left(prefix, LABEL), (label.ljust(6), MUTED))
        return line(start, chart, self._numbers(mode, label, series))

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


def _calls(figures: Figures) -> Content:
    """How many calls there were, or how many of them failed: in the label's few cells."""
    if figures.failed:
        return line((f"{figures.failed} failed", BAD))
    return line((plural(figures.calls, "call") if figures.calls else "no calls", MUTED))
