"""The newest decisions in brief, for the pane that is not the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.reactive import reactive

from core.stages import Mode
from reflex_tui.panes.rows import Outcome
from reflex_tui.widgets.condition import BAD, MODE_STYLE, POOR
from reflex_tui.widgets.lines import MUTED, left, line, right, title
from reflex_tui.widgets.section import Section
from reflex_tui.widgets.units import clock_time, duration

if TYPE_CHECKING:
    from datetime import datetime

    from textual.content import Content
    from textual.geometry import Size

    from reflex_tui.panes.rows import Row

KEPT = 40
_TIME, _MODE, _TOTAL = 14, 8, 9


class RecentSection(Section):
    """As many of ``rows`` (oldest first) as there is room for, newest last."""

    rows: reactive[tuple[Row, ...]] = reactive(())
    now: reactive[datetime | None] = reactive(None)
    patience_s: reactive[float] = reactive(60.0)

    def lines(self, width: int) -> list[Content]:
        """A title, and a line for each decision."""
        room = max(0, self.content_size.height - 1)
        shown = self.rows[-room:] if room else ()
        hint = "newest last" if shown else "no decision yet"
        return [title("DECISIONS", (hint, MUTED)), *(self._row(row, width) for row in shown)]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        """The title at least; the stylesheet gives it what is left."""
        return 1

    def _row(self, row: Row, width: int) -> Content:
        now = self.now or row.at
        outcome = row.outcome(now, self.patience_s)
        mode = Mode(row.title) if row.title in set(Mode) else None
        reason = line((("↳ " if row.fallback else "") + row.text, MUTED))
        end = line(duration(row.last.latency_ms if row.last else None))
        if outcome is Outcome.FAILED:
            reason = line((f"✖ {row.last.error if row.last else ''}", BAD))
        elif outcome is Outcome.PENDING:
            end = line(("…", MUTED))
        elif outcome is Outcome.UNKNOWN:
            reason = line(("? outcome_unknown", POOR))
        room = max(0, width - _TIME - _MODE - _TOTAL)
        return line(
            (left(clock_time(row.at, now), _TIME).plain, MUTED),
            (row.title[:_MODE].ljust(_MODE), MODE_STYLE[mode] if mode else ""),
            left(reason, room),
            right(end, _TOTAL),
        )
