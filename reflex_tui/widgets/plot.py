"""The charts of a window of time: total above TTFT, with a heading and a legend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.content import Content
from textual.reactive import reactive

from core.stages import Mode
from reflex_tui.model.gate import BAD, MODE_STYLE
from reflex_tui.model.latencies import WINDOWS, EndedCall, Window
from reflex_tui.widgets.chart import BAND, FAILED_LANE, MARKS, Dot, Plotted, plot
from reflex_tui.widgets.lines import MUTED, fitting, left, line, spread, title
from reflex_tui.widgets.section import UNREADABLE, Section

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.geometry import Size

_LEAST_CHART_ROWS = 10
# Drawing takes tens of milliseconds, in which no key is heard.
_DRAWN_EVERY_S = 2.0
_MOST_ROWS = 24  # a chart of more rows tells no more


@dataclass(frozen=True, slots=True)
class Charts:
    """What is to be drawn of the window that ends at ``now_s`` (s since 1970), in how many cells.

    ``limit_ms`` is the threshold's line.
    """

    calls: Sequence[EndedCall]
    window: Window
    now_s: float
    limit_ms: float
    width: int
    height: int

    def lines(self) -> list[Content]:
        """``height`` lines; TTFT is left out where there is no room for both."""
        both = self.height > 2 * _LEAST_CHART_ROWS
        if not both:
            return self._total(self.height)
        half = (self.height - 1) // 2
        rest = self.height - 1 - half
        return [*self._total(rest), Content(""), *self._ttft(half)]

    def _total(self, height: int) -> list[Content]:
        start_s, seconds = self.now_s - self.window.seconds, self.window.seconds
        dots: dict[Mode, list[Dot]] = {mode: [] for mode in Mode}
        for call in self.calls:
            ms = call.waited_ms if call.answered else None
            dots[call.mode].append(Dot((call.at - start_s) / seconds, ms))
        return self._chart(self._heading(), Plotted(dots, self.limit_ms, self._names()), height)

    def _ttft(self, height: int) -> list[Content]:
        start_s, seconds = self.now_s - self.window.seconds, self.window.seconds
        dots: dict[Mode, list[Dot]] = {mode: [] for mode in Mode}
        for call in self.calls:
            if call.ttft_ms is not None:
                dots[call.mode].append(Dot((call.at - start_s) / seconds, call.ttft_ms))
        heading = title("TTFT", ("time to the first token", MUTED))
        return self._chart(heading, Plotted(dots, None, self._names()), height)

    def _chart(self, heading: Content, plotted: Plotted, height: int) -> list[Content]:
        if height <= 1:
            return [left(heading, self.width)]
        return [heading, *plot(plotted, self.width, min(height - 1, _MOST_ROWS))]

    def _names(self) -> list[tuple[float, str]]:
        window = self.window
        second = {"s": 1, "min": 60, "h": 3600}[window.unit]
        between = [(1 - at * second / window.seconds, f"{at} {window.unit}") for at in window.ticks]
        return [(0, f"{window.words} ago"), (1, "now"), *between]

    def _heading(self) -> Content:
        name = title("LATENCY", ("a dot a call", MUTED))
        short = title("LATENCY")
        modes = [
            piece for mode in Mode for piece in ((f"{MARKS[mode]} ", MODE_STYLE[mode]), f"{mode}  ")
        ]
        band = ((f"{BAND} ", MODE_STYLE[Mode.REFLEX]), ("P50–P95", ""))
        limit = (("  ╌ ", "$warning"), "limit")
        failed = ((f"  {FAILED_LANE}", BAD), (" how many", MUTED))
        some = failed if any(not call.answered for call in self.calls) else ()
        legends = [line(*modes, *band, *limit, *some), line(*modes, *band, *limit)]
        for start in (name, short):
            for legend in legends:
                if start.cell_length + legend.cell_length + 2 <= self.width:
                    return spread(start, legend, self.width)
        return fitting([spread(short, legends[-1], self.width)], self.width)


class PlotSection(Section):
    """``calls`` of ``window``, None while they are read; total above TTFT, or total alone."""

    DEFAULT_CSS = """
    PlotSection { height: 1fr; }
    """
    calls: reactive[tuple[EndedCall, ...] | None] = reactive(None)
    window: reactive[Window] = reactive(WINDOWS[2])
    now_s: reactive[float] = reactive(0.0)
    limit_ms: reactive[float] = reactive(2000.0)
    broken: reactive[bool] = reactive(default=False)

    def show(self, calls: tuple[EndedCall, ...] | None, window: Window, now_s: float) -> None:
        """Draw these; once in a while only, where the same window has merely moved on."""
        moved_s = now_s - self.now_s
        same = window is self.window and bool(calls) == bool(self.calls)
        if same and 0 < moved_s < _DRAWN_EVERY_S:
            return
        self.set_reactive(PlotSection.window, window)
        self.set_reactive(PlotSection.now_s, now_s)
        self.set_reactive(PlotSection.calls, calls)
        self.refresh()

    def lines(self, width: int) -> list[Content]:
        """As many lines as there is height."""
        height = self.content_size.height
        if height < 1:
            return []
        if self.calls is None:
            told = UNREADABLE if self.broken else ("◌ reading the evidence …", MUTED)
            return [left(title("LATENCY", told), width)]
        if not self.calls:
            return [title("LATENCY", (f"no calls in the last {self.window.words}", MUTED))]
        return Charts(self.calls, self.window, self.now_s, self.limit_ms, width, height).lines()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        """The least there can be; the stylesheet gives it more."""
        return _LEAST_CHART_ROWS
