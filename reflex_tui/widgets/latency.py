"""Live latency of both modes: TTFT and total from zero, P50 and P95, beside the limit.

``LatencyCharts`` puts the chart of a window of time below, for the health and the routing pane.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from textual.containers import Container
from textual.content import Content
from textual.reactive import reactive

from core.figures import duration, plural
from core.stages import Mode
from reflex_tui.model.gate import BAD, MODE_STYLE, POOR
from reflex_tui.model.latencies import DEFAULT, WINDOW_S, WINDOWS, Figures, Series
from reflex_tui.watch.messages import WindowWanted
from reflex_tui.widgets.lines import (
    LABEL,
    MUTED,
    TITLE,
    bars,
    ceiling,
    fitting,
    left,
    line,
    right,
    spread,
)
from reflex_tui.widgets.plot import PlotSection
from reflex_tui.widgets.section import Section

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from textual.app import ComposeResult

    from reflex_tui.model.latencies import Window, Windowed


FAILED = "×"
_THICKEST = 3

_NUMBER = 9
_LIMIT = 10
_LEAST_TTFT_MS = 100.0
_LEAST_TOTAL_MS = 500.0


@dataclass(frozen=True, slots=True)
class Chart:
    """What is drawn: values in ms (None: the call failed), up to ``top``, coloured ``style``.

    ``limit`` is drawn as a line where there is more than one row, and columns over it stand out.
    """

    values: Sequence[float | None]
    top: float
    style: str
    limit: float | None = None

    def lines(self, width: int, rows: int) -> list[Content]:
        """``rows`` lines of ``width`` cells, highest first; few values make thicker columns."""
        thick = 1 if rows == 1 else max(1, min(_THICKEST, width // max(1, len(self.values))))
        newest = self.values[-(width // thick) :] if width > 0 else []
        shown = [value for value in newest for _ in range(thick)]
        blank = width - len(shown)
        drawn = bars(shown, self.top, width, rows)
        at = self._limit_row(rows)
        return [
            self._styled(drawn[index], shown, blank, level=rows - 1 - index, ruled=index == at)
            for index in range(rows)
        ]

    def _limit_row(self, rows: int) -> int | None:
        if self.limit is None or rows < 2 or self.limit > self.top:  # noqa: PLR2004
            return None
        return min(rows - 1, rows - max(1, round(self.limit / self.top * rows)))

    def _styled(
        self, drawn: str, shown: Sequence[float | None], blank: int, *, level: int, ruled: bool
    ) -> Content:
        def cells() -> Iterator[tuple[str, str]]:
            for index, cell in enumerate(drawn):
                value = shown[index - blank] if index >= blank else 0.0
                if value is None and level == 0:
                    yield FAILED, "bold $error"
                elif cell != " ":
                    over = self.limit is not None and value is not None and value >= self.limit
                    yield cell, "$warning" if over else self.style
                elif ruled:
                    yield "╌", "$rule"
                elif level == 0:
                    yield "·" if index < blank else " ", "$rule"
                else:
                    yield " ", ""

        runs = groupby(cells(), key=lambda cell: cell[1])
        return Content.assemble(*(("".join(cell for cell, _ in run), style) for style, run in runs))


class LatencySection(Section):
    """``figures`` of each mode, none while the evidence is being read, and the limit in ms."""

    figures: reactive[dict[Mode, Figures]] = reactive(dict, always_update=True)
    limit_ms: reactive[float] = reactive(2000.0)

    def lines(self, width: int) -> list[Content]:
        """A heading, and for each mode a line of TTFT and one of the total."""
        heading = self._heading(width - _column_names().cell_length)
        lines = [spread(heading, _column_names(), width)]
        for mode in Mode:
            known = self.figures.get(mode)
            figures = known or Figures()
            name = line((str(mode), f"bold {MODE_STYLE[mode]}"))
            calls = line(("◌ reading", MUTED)) if known is None else _calls(figures)
            lines.append(self._row(mode, "TTFT", figures.ttft, width, prefix=name))
            lines.append(self._row(mode, "total", figures.total, width, prefix=calls))
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


class LatencyCharts(Container):
    """``figures`` of each mode now, the reflex limit in ms, and the ``window`` that is charted."""

    figures: reactive[dict[Mode, Figures]] = reactive(dict, always_update=True, repaint=False)
    limit_ms: reactive[float] = reactive(2000.0, repaint=False)
    window: reactive[Window] = reactive(DEFAULT, repaint=False)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  Textual's name
        super().__init__(id=id)
        self.live, self.plot = LatencySection(), PlotSection()

    def compose(self) -> ComposeResult:
        """Both; the stylesheet decides whether there is room for the chart."""
        yield self.live
        yield self.plot

    @property
    def offers_windows(self) -> bool:
        """Whether there is a chart in sight whose window can be turned."""
        return self.display and self.plot.display

    def show_window(self, seen: Windowed | None, share: float) -> None:
        """What the capsule's index shows, or how much of the log it has read so far (0 to 1)."""
        self.plot.share = share
        if seen is not None and seen.window is self.window:  # not a question before the last
            self.plot.shown = seen

    def turn(self) -> None:
        """Ask for the next longer window; after the longest for the shortest."""
        self.post_message(WindowWanted(WINDOWS[(WINDOWS.index(self.window) + 1) % len(WINDOWS)]))

    def watch_figures(self, figures: dict[Mode, Figures]) -> None:
        """Pass new figures on."""
        self.live.figures = figures

    def watch_limit_ms(self, limit_ms: float) -> None:
        """Pass the threshold on."""
        self.live.limit_ms = self.plot.limit_ms = limit_ms

    def watch_window(self) -> None:
        """What is charted is of another window."""
        self.plot.shown = None
