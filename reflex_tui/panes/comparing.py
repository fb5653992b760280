"""Two reports side by side: what each arm did then and now, and what is worse beyond chance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.harness.report.compare import compare
from core.harness.report.files import read
from core.harness.report.summary import summaries
from core.plain import plain
from reflex_tui.widgets.condition import BAD, GOOD
from reflex_tui.widgets.lines import MUTED, left, line, right, title
from reflex_tui.widgets.trial_grid import ARM_STYLE, latency
from reflex_tui.widgets.units import day_time, percent

if TYPE_CHECKING:
    from pathlib import Path

    from textual.content import Content

    from core.harness.report.compare import Comparison
    from core.harness.report.model import Report
    from core.harness.report.summary import ArmSummary

_NAME, _FIGURE = 28, 14
_MOST_NAMED = 6


def compared(path: Path, baseline_path: Path) -> list[Content]:
    """The page for the report at ``path``, held against the one at ``baseline_path``.

    Raises:
        ReportError: One cannot be read, or they are of different suites.
    """
    report, baseline = read(path), read(baseline_path)
    comparison = compare(report, baseline)
    lines = [
        title("NOW", day_time(report.finished_at), (f"   {path.name}", MUTED)),
        title("BEFORE", day_time(baseline.finished_at), (f"   {baseline_path.name}", MUTED)),
        line(""),
        *_judgement(comparison),
        line(""),
        *_table(report, baseline),
        *_tasks("solved no more", comparison.success.fell, BAD),
        *_tasks("solved only now", comparison.success.rose, GOOD),
    ]
    notes = [line(("note      ", MUTED), plain(one, 300)) for one in comparison.notes]
    return [*lines, line(""), *notes] if notes else lines


def _judgement(comparison: Comparison) -> list[Content]:
    if not comparison.regressed:
        return [line(("✓ no worse than before, beyond what chance would do", f"bold {GOOD}"))]
    return [line((f"✖ {plain(one, 400)}", f"bold {BAD}")) for one in comparison.reasons]


def _table(report: Report, baseline: Report) -> list[Content]:
    now, before = summaries(report), summaries(baseline)
    head = line(left("", _NAME), right("before", _FIGURE), right("now", _FIGURE)).stylize(MUTED)
    lines = [head]
    for (arm, figures), style in zip(now.items(), ARM_STYLE, strict=False):
        earlier = before.get(arm)
        for label, text in _FIGURES.items():
            name = line((plain(arm, 12).ljust(10), f"bold {style}"), (label, ""))
            was = text(earlier) if earlier else "–"
            cells = right(was, _FIGURE), right(text(figures), _FIGURE)
            lines.append(line(left(name, _NAME), *cells))
    return lines


def _solved(one: ArmSummary) -> str:
    return percent(one.solved_percent)


def _p50(one: ArmSummary) -> str:
    return latency(one.total_p50_ms)


def _p95(one: ArmSummary) -> str:
    return latency(one.total_p95_ms)


def _compliance(one: ArmSummary) -> str:
    return percent(one.compliance_percent)


_FIGURES = {
    "solved": _solved,
    "P50": _p50,
    "P95": _p95,
    "JSON compliance": _compliance,
}


def _tasks(words: str, tasks: tuple[str, ...], style: str) -> list[Content]:
    if not tasks:
        return []
    named = ", ".join(plain(one, 80) for one in tasks[:_MOST_NAMED])
    more = f" and {len(tasks) - _MOST_NAMED} more" if len(tasks) > _MOST_NAMED else ""
    return [line(""), line((f"{len(tasks)} {words}:  ", style), named + more)]
