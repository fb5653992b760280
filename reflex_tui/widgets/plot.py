"""The chart of a window of time: TTFT and total of both modes, with the limit drawn through."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import work
from textual.message import Message
from textual.reactive import reactive

from reflex_tui.widgets.lines import LABEL, MUTED, TITLE, line
from reflex_tui.widgets.section import Section
from reflex_tui.widgets.units import percent

if TYPE_CHECKING:
    from textual.content import Content
    from textual.geometry import Size

    from reflex_tui.panes.window import Windowed
    from reflex_tui.widgets.plot_lines import Charts

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
        from reflex_tui.widgets.plot_lines import Charts  # noqa: PLC0415  not for the first paint

        charts = Charts(shown, self.limit_ms, width, height)
        if self._drawn is None or self._drawn.charts != charts:
            self.drawing = True
            self._draw_there(charts)

    @work(thread=True, group="plot")
    def _draw_there(self, charts: Charts) -> None:
        self.post_message(self.Drawn(charts, charts.lines()))
