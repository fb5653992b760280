"""Two reports side by side: what each arm did then and now, and every significant regression."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from core.figures import NONE, day_time, duration, percent
from core.harness.report.compare import compare
from core.harness.report.storage import read
from core.harness.report.summary import summaries
from core.plain import plain
from reflex_tui.model.gate import BAD, GOOD, POOR
from reflex_tui.widgets.lines import MUTED, left, line, right, title
from reflex_tui.widgets.trials import ARM_STYLE

if TYPE_CHECKING:
    from pathlib import Path

    from textual.content import Content

    from core.harness.report.compare import Comparison
    from core.harness.report.document import Report
    from core.harness.report.summary import ArmSummary

_NAME, _FIGURE = 28, 14
_LEAST_CHANGE = 0.05
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
        *_task_changes("no longer solved", comparison.success.fell, BAD),
        *_task_changes("newly solved", comparison.success.rose, GOOD),
    ]
    notes = [line(("note      ", MUTED), plain(one, 300)) for one in comparison.notes]
    return [*lines, line(""), *notes] if notes else lines


def _judgement(comparison: Comparison) -> list[Content]:
    if not comparison.regressed:
        return [line(("✓ no significant regression", f"bold {GOOD}"))]
    return [line((f"✖ {plain(one, 400)}", f"bold {BAD}")) for one in comparison.reasons]


def _table(report: Report, baseline: Report) -> list[Content]:
    now, before = summaries(report), summaries(baseline)
    names = (right(name, _FIGURE) for name in ("before", "now", "change"))
    head = line(left("", _NAME), *names).stylize(MUTED)
    lines = [head]
    for (arm, figures), style in zip(now.items(), ARM_STYLE, strict=False):
        earlier = _figures(before[arm]) if arm in before else {}
        for label, figure in _figures(figures).items():
            before_it = earlier.get(label, replace(figure, value=None))
            name = line((plain(arm, 12).ljust(10), f"bold {style}"), (label, ""))
            cells = (before_it.text, figure.text, line(change(before_it, figure)))
            lines.append(line(left(name, _NAME), *(right(each, _FIGURE) for each in cells)))
    return lines


@dataclass(frozen=True, slots=True)
class ComparedFigure:
    """A figure of one arm: percent, or ``in_ms`` and then better when lower."""

    value: float | None
    in_ms: bool = False

    @property
    def text(self) -> str:
        """With its unit."""
        return duration(self.value) if self.in_ms else percent(self.value)


def _figures(one: ArmSummary) -> dict[str, ComparedFigure]:
    return {
        "solved": ComparedFigure(one.solved_percent),
        "P50": ComparedFigure(one.total_p50_ms, in_ms=True),
        "P95": ComparedFigure(one.total_p95_ms, in_ms=True),
        one.compliance_title: ComparedFigure(one.compliance_percent),
    }


def change(before: ComparedFigure, now: ComparedFigure) -> tuple[str, str]:
    """By how much, and whether for the better; percentages differ by points."""
    if before.value is None or now.value is None:
        return NONE, MUTED
    more = now.value - before.value
    if math.isnan(more) or abs(more) < _LEAST_CHANGE:  # ∞ and ∞ are the same
        return "same", MUTED
    size = duration(abs(more)) if now.in_ms else f"{abs(more):.1f} points"
    sign = "+" if more > 0 else "\N{MINUS SIGN}"
    return f"{sign}{size}", GOOD if (more < 0) is now.in_ms else POOR


def _task_changes(words: str, tasks: tuple[str, ...], style: str) -> list[Content]:
    if not tasks:
        return []
    named = ", ".join(plain(one, 80) for one in tasks[:_MOST_NAMED])
    more = f" and {len(tasks) - _MOST_NAMED} more" if len(tasks) > _MOST_NAMED else ""
    return [line(""), line((f"{len(tasks)} {words}:  ", style), named + more)]
