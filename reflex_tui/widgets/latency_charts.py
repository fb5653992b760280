"""Live latencies above the chart of a window of time, as both the health and routing pane have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.reactive import reactive

from reflex_tui.messages import WindowWanted
from reflex_tui.panes.window import DEFAULT, WINDOWS
from reflex_tui.widgets.ground import Area
from reflex_tui.widgets.latency import LatencySection
from reflex_tui.widgets.plot import PlotSection

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from core.stages import Mode
    from reflex_tui.panes.latencies import Figures
    from reflex_tui.panes.window import Window, Windowed


class LatencyCharts(Area):
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
