"""The bakeoff pane's lines: a report, a task of the run, and what a bakeoff is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.plain import plain
from reflex_tui.panes.criteria import MAKE_FIRST
from reflex_tui.widgets.condition import BAD
from reflex_tui.widgets.gate import VERDICTS
from reflex_tui.widgets.lines import MUTED, left, line
from reflex_tui.widgets.trial_grid import ARM_STYLE
from reflex_tui.widgets.trial_text import cell_text
from reflex_tui.widgets.units import NONE, day_time, duration, percent

if TYPE_CHECKING:
    from textual.content import Content

    from core.settings.model import Thresholds
    from reflex_tui.panes.live import Go, Live
    from reflex_tui.panes.reports import Report

_WHEN, _VERDICT, _SUITE, _ARMS = 18, 16, 21, 18
# Narrower than this there are no arms, which are nearly always the same two.
_LEAST_FOR_ARMS = 100
_LEAST_CELL = 25


def report_header(width: int) -> Content:
    """Names of the columns of ``report_line``."""
    arms = [("ARMS", _ARMS)] * (width >= _LEAST_FOR_ARMS)
    names = ("WHEN", _WHEN), ("VERDICT", _VERDICT), ("SUITE", _SUITE), *arms, ("STAMPS", 6)
    return line(*(left(name, size) for name, size in names)).stylize(MUTED)


def report_line(report: Report, width: int, *, marked: bool = False) -> Content:
    """A report in columns; ``marked`` is the one that others are held against."""
    when = left(day_time(report.at) if report.at else NONE, _WHEN)
    if report.problem:
        return line(when, (f"✖ {report.problem}", BAD), (f"   {report.name}", MUTED))
    glyph, style = VERDICTS.get(report.verdict, ("", MUTED))
    word = glyph.split(" ")[0] + " " + (report.verdict or "unknown")
    stamps = ", ".join(report.stamps)
    mark = "◆ baseline  " if width >= _LEAST_FOR_ARMS or not stamps else "◆ "
    return line(
        when,
        left(line((word, style)), _VERDICT),
        left(report.suite or NONE, _SUITE - 1) + " ",
        left(" / ".join(report.arms) or NONE, _ARMS if width >= _LEAST_FOR_ARMS else 0),
        (mark if marked else "", "$reflex"),
        (stamps, "$warning"),
    )


def _columns(width: int, arms: int) -> tuple[int, int]:
    """Cells for the task's name and for each arm."""
    cell = max(_LEAST_CELL, min(44, width * 2 // (3 * max(1, arms))))
    return max(8, width - arms * cell), cell


def going_header(live: Live, width: int) -> Content:
    """Names of the columns of ``going_line``."""
    name, cell = _columns(width, len(live.arms))
    arms = (
        left(line((plain(arm, 40), f"bold {style}")), cell)
        for arm, style in zip(live.arms, ARM_STYLE, strict=False)
    )
    return line(left(line(("TASK", MUTED)), name), *arms)


def going_line(live: Live, go: Go, width: int) -> Content:
    """A task of the run, and where each arm stands with it."""
    name, cell = _columns(width, len(live.arms))
    task = plain(go[0], 120) + (f" #{go[1] + 1}" if live.trials > 1 else "")
    cells = (left(cell_text(live, go, arm, cell - 1), cell - 1) + " " for arm in live.arms)
    return line(left(task, name - 1), " ", *cells)


def no_bakeoff(thresholds: Thresholds, key: str) -> tuple[str, str, tuple[str, ...]]:
    """What a bakeoff is, what it has to show, and how to make the first; ``key`` begins it."""
    sure = f", {percent(100 * thresholds.confidence)} sure" if thresholds.confidence else ""
    latency = duration(thresholds.p95_latency_ms)
    parity = percent(thresholds.success_parity_percent)
    compliance = percent(thresholds.json_schema_compliance_percent)
    what = (
        "A bakeoff gives the same repair tasks to reflex and to the cloud. Until reflex has passed "
        "one, every Implement call goes to the cloud. It passes when"
    )
    return (
        "No bakeoff yet",
        "muted",
        (
            what,
            "",
            f"  P95 latency       is under {latency}{sure}",
            f"  success parity    is at least {parity} of the cloud's{sure}",
            f"  JSON compliance   is at least {compliance}",
            "",
            f"Press {key} to run the first here: it says what it asks and costs before it begins.",
            "Or in a shell; its report appears here as well:",
            "",
            f"$ {MAKE_FIRST}",
        ),
    )
