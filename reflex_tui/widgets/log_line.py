"""One row of the routing log as a line: what became of the call first, and why never cut short."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.figures import NONE, clock_time, count, duration
from core.stages import Mode, Reason
from reflex_tui.model.gate import BAD, GOOD, MODE_STYLE, POOR
from reflex_tui.model.rows import Row, RowOutcome
from reflex_tui.widgets.lines import MUTED, Piece, cells, fit, left_pieces, right_pieces

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from reflex_tui.model.log_columns import LogColumns

_MODES = {str(mode): MODE_STYLE[mode] for mode in Mode}
_EVENT_GLYPH = "◆"
_SIGNS = {
    RowOutcome.ANSWERED: ("✓ ", GOOD),
    RowOutcome.FAILED: ("✖ ", BAD),
    RowOutcome.PENDING: ("… ", MUTED),
    RowOutcome.UNKNOWN: ("? ", POOR),
}
# Whose detail says more than they do.
_VAGUE = frozenset({Reason.THRESHOLDS_NOT_MET, Reason.SERVER_UNHEALTHY, Reason.NEEDS_CLOUD})


def log_line(row: Row, columns: LogColumns, now: datetime, patience_s: float) -> list[Piece]:
    """The row's line in these columns, as of ``now``."""
    if not row.is_decision:
        return _event_line(row, columns, now)
    outcome = row.outcome(now, patience_s)
    with_outcome = columns.width("outcome") > 0
    pieces: list[Piece] = []
    for column, width in columns.columns:
        match column.name:
            case "time":
                pieces.append((_time(row, width, now), MUTED))
            case "outcome":
                pieces += left_pieces([_SIGNS[outcome], _ended(row, outcome)], width)
            case "stage":
                pieces += left_pieces([(row.stage, MUTED)], width)
            case "path":
                sign = () if with_outcome else (_SIGNS[outcome],)
                pieces += [*left_pieces([*sign, *_path(row)], width - 1), (" ", "")]
            case "why":
                told = _why(row, outcome, width - 1, alone=not with_outcome)
                pieces += [*left_pieces(told, width - 1), (" ", "")]
            case "model" | "session" as name:
                pieces += [*left_pieces([(getattr(row, name), MUTED)], width - 1), (" ", "")]
            case name:
                pieces += right_pieces(_figure(row, name, outcome), width)
    return pieces


def _time(row: Row, width: int, now: datetime) -> str:
    told = clock_time(row.at, now)
    if len(told) >= width:
        today, dot, _ = told.partition(".")
        told = today if dot else f"{row.at.astimezone():%m-%d %H:%M}"
    return fit(told, width)


def _ended(row: Row, outcome: RowOutcome) -> Piece:
    match outcome:
        case RowOutcome.ANSWERED:
            return "answered", MUTED
        case RowOutcome.FAILED:
            return (row.last.error if row.last else "") or "failed", BAD
        case RowOutcome.PENDING:
            return "waiting", MUTED
        case RowOutcome.UNKNOWN:
            return "outcome_unknown", POOR


def _path(row: Row) -> Iterable[Piece]:
    """Each backend in its mode's colour, with how often it was asked."""
    for number, part in enumerate(row.parts):
        if number:
            yield " → ", MUTED
        times = f"×{part.attempts}" if part.attempts > 1 else ""
        yield f"{part.backend or part.mode}{times}", _MODES.get(part.mode, "")


def _why(row: Row, outcome: RowOutcome, room: int, *, alone: bool) -> list[Piece]:
    """The longest of some ways to say it that fits; ``alone`` says how it ended as well."""
    detail = f" ({row.detail})" if row.detail else ""
    ways: tuple[str, ...]
    before = next((part.errors[-1] for part in reversed(row.parts[:-1]) if part.errors), "")
    if before:
        detail = "" if row.detail == before else detail
        ways = (f"{before}, then {row.text}{detail}", f"{before}, then {row.text}")
        ways = (*ways, f"{before}, then fallback", f"after {before}")
    elif row.detail and row.text in _VAGUE:
        ways = (f"{row.text}{detail}", row.detail)
    else:
        ways = (f"{row.text}{detail}", row.text)
    ended: list[Piece] = []
    if alone and outcome in {RowOutcome.FAILED, RowOutcome.UNKNOWN}:
        ended = [_ended(row, outcome)]
        room -= cells(ended[0][0])
        ways = (*(f" · {way}" for way in ways), "")
    found = next((way for way in ways if cells(way) <= room), ways[-1])
    return [*ended, (found, MUTED if row.fallback or ended else "")]


def _figure(row: Row, name: str, outcome: RowOutcome) -> Piece:
    end = row.last
    match name:
        case "waited":
            if outcome is RowOutcome.PENDING:
                return "…", MUTED
            return _dim(duration(row.waited_ms))
        case "ttft":
            return _dim(duration(end.ttft_ms if end else None))
        case "tokens":
            return _dim(count(end.tokens if end else None))
        case _:
            return row.call_id[:4], MUTED


def _event_line(row: Row, columns: LogColumns, now: datetime) -> list[Piece]:
    """Another event: its sentence stands where a call has its path, and goes on to the end."""
    before = 0
    for column, width in columns.columns[1:]:
        if column.name == "path":
            break
        before += width
    (_, time), *rest = columns.columns
    room = sum(width for _, width in rest) - before
    told = [(f"{_EVENT_GLYPH} {row.title}  ", POOR), (row.text, "")]
    return [(_time(row, time, now), MUTED), (" " * before, ""), *left_pieces(told, room)]


def _dim(text: str) -> Piece:
    return text, MUTED if text == NONE else ""
