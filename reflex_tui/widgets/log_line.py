"""One row of the routing log as a line, in columns that the width allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.stages import Mode
from reflex_tui.panes.rows import Outcome, Row
from reflex_tui.widgets.cells import Piece, fit, left, right
from reflex_tui.widgets.condition import BAD, MODE_STYLE, POOR
from reflex_tui.widgets.lines import MUTED
from reflex_tui.widgets.units import NONE, clock_time, count, duration

if TYPE_CHECKING:
    from datetime import datetime

_TIME, _SHORT_TIME, _STAGE, _MODE, _REASON = 14, 10, 11, 8, 28
_OUTCOME, _MOST_OUTCOME = 14, 18
_NUMBER, _TOKENS, _CALL = 9, 7, 6
_MEDIUM, _WIDE, _WIDEST = 84, 100, 140
_MODEL = 24
_MODES = {str(mode): MODE_STYLE[mode] for mode in Mode}
_EVENT_GLYPH = "◆"


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns there are at a width: time, mode, reason, latencies and call always."""

    width: int

    @property
    def time(self) -> int:
        """The time's column; without milliseconds where it is narrow."""
        return _TIME if self.width >= _WIDE else _SHORT_TIME

    @property
    def stage(self) -> int:
        """The stage's column, or 0."""
        return _STAGE if self.width >= _WIDE else 0

    @property
    def model(self) -> int:
        """The model's column, or 0."""
        return _MODEL if self.width >= _WIDEST else 0

    @property
    def tokens(self) -> int:
        """The tokens' column, or 0: where it is narrow, the whole reason tells more."""
        return _TOKENS if self.width >= _MEDIUM else 0

    @property
    def outcome(self) -> int:
        """A column for the outcome, or 0 where a bad one takes the reason's place."""
        if self._flexible < _REASON + _OUTCOME:
            return 0
        return min(_MOST_OUTCOME, self._flexible - _REASON)

    @property
    def reason(self) -> int:
        """The reason's column."""
        return self._flexible - self.outcome

    @property
    def _flexible(self) -> int:
        fixed = self.time + _MODE + 2 * _NUMBER + self.tokens + _CALL
        return max(0, self.width - fixed - self.stage - self.model)

    def header(self) -> str:
        """The columns' names."""
        names = (
            ("TIME", self.time),
            ("STAGE", self.stage),
            ("MODE", _MODE),
            ("REASON", self.reason),
            ("OUTCOME", self.outcome),
            ("MODEL", self.model),
        )
        figures = (("TTFT", _NUMBER), ("TOTAL", _NUMBER), ("TOKENS", self.tokens), ("CALL", _CALL))
        told = [fit(name, width) for name, width in names]
        return "".join((*told, *(name.rjust(width) for name, width in figures if width)))


def log_line(row: Row, columns: Columns, now: datetime, patience_s: float) -> list[Piece]:
    """The row's line; what failed says so in words where its reason or outcome stands."""
    told_time = clock_time(row.at, now)
    if columns.time == _SHORT_TIME:
        told_time = told_time.partition(".")[0]
        if len(told_time) >= _SHORT_TIME:  # of another day
            told_time = f"{row.at.astimezone():%d %H:%M}"
    time = (fit(told_time, columns.time), MUTED)
    if not row.is_decision:
        return _event_line(row, columns, time)
    outcome = row.outcome(now, patience_s)
    told = _outcome(row, outcome)
    reason = [("↳ " * row.fallback + row.text, MUTED if row.fallback else "")]
    if row.detail:
        reason.append((f" ({row.detail})", MUTED))
    if not columns.outcome and outcome in {Outcome.FAILED, Outcome.UNKNOWN}:
        reason = [told]
    end = row.last
    waiting = outcome is Outcome.PENDING
    return [
        time,
        *left([(row.stage, MUTED)], columns.stage),
        *left([(row.title, _MODES.get(row.title, ""))], _MODE),
        *left(reason, columns.reason - 1),
        (" ", ""),
        *left([told], columns.outcome),
        *left([(row.model, MUTED)], columns.model - 1),
        (" " * bool(columns.model), ""),
        *right(_dim(duration(end.ttft_ms if end else None)), _NUMBER),
        *right(("…", MUTED) if waiting else _dim(_total(row)), _NUMBER),
        *right(_dim(count(end.tokens if end else None)), columns.tokens),
        *right((row.call_id[:4], MUTED), _CALL),
    ]


def _total(row: Row) -> str:
    return duration(row.last.latency_ms if row.last else None)


def _outcome(row: Row, outcome: Outcome) -> Piece:
    times = f" ×{row.attempts}" if row.attempts > 1 else ""
    match outcome:
        case Outcome.ANSWERED:
            return f"✓ answered{times}", MUTED
        case Outcome.FAILED:
            error = row.last.error if row.last else ""
            return f"✖ {error or 'failed'}{times}", BAD
        case Outcome.PENDING:
            return "… waiting", MUTED
        case Outcome.UNKNOWN:
            return "? outcome_unknown", POOR


def _event_line(row: Row, columns: Columns, time: Piece) -> list[Piece]:
    room = columns.width - columns.time - columns.stage
    told = [(f"{_EVENT_GLYPH} {row.title}  ", POOR), (row.text, "")]
    return [time, (" " * columns.stage, ""), *left(told, room)]


def _dim(text: str) -> Piece:
    return text, MUTED if text == NONE else ""
