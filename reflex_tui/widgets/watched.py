"""Live calls against what the pass promised: a line of bars that fill up to the limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.reactive import reactive

from reflex_tui.model.gate import BAD, GOOD, POOR
from reflex_tui.model.watched import watched_rows
from reflex_tui.widgets.lines import MUTED, fitting, line, title
from reflex_tui.widgets.section import Section

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from textual.content import Content

    from core.router.view import RoutingView
    from reflex_tui.model.watched import WatchedRow

_BAR, _GAP = 10, "   "
_WORRYING = 0.5


class WatchedSection(Section):
    """How near each promise is to being broken; not there while no call was counted."""

    DEFAULT_CSS = """
    WatchedSection { display: none; }
    WatchedSection.-counted { display: block; margin-bottom: 1; }
    """
    routing_view: reactive[RoutingView | None] = reactive(None, layout=True)

    def watch_routing_view(self, routing_view: RoutingView | None) -> None:
        """There is nothing to see before the first call."""
        self.set_class(
            routing_view is not None and bool(watched_rows(routing_view.gate)), "-counted"
        )

    def lines(self, width: int) -> list[Content]:
        """One line, as much of it as fits; the promise nearest to its limit is the last to go."""
        rows = watched_rows(self.routing_view.gate) if self.routing_view else ()
        if not rows:
            return []
        worst = max(rows, key=lambda row: row.level)
        return [
            fitting(
                [
                    _told(rows, lambda row: row.told),
                    _told(rows, lambda row: row.counted),
                    _told(rows, lambda row: row.short),
                    _told(rows),
                    _told([worst], lambda row: row.counted),
                    _told([worst], lambda row: row.short),
                ],
                width,
            )
        ]


def _told(rows: Iterable[WatchedRow], words: Callable[[WatchedRow], str] | None = None) -> Content:
    parts = [
        line(
            f"{row.name} ",
            evidence_bar(row),
            f" {row.percent}",
            (f" ({words(row)})" if words else "", MUTED),
        )
        for row in rows
    ]
    shown = title("LIVE")
    for place, part in enumerate(parts):
        shown = shown + line(_GAP if place else "") + part
    return shown


def evidence_bar(row: WatchedRow) -> Content:
    """Filled up to the evidence; a stroke marks the limit, at which the pass is taken away."""
    full = min(_BAR, round(_BAR * row.level))
    style = BAD if row.level >= 1 else POOR if row.level >= _WORRYING else GOOD
    return line(("━" * full, style), ("─" * (_BAR - full), "$rule"), ("│", "bold $foreground"))
