"""The chosen report on the bakeoff pane: gate table, stamps, and the tasks only one arm solved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.reactive import reactive

from core.plain import plain
from core.settings.model import Thresholds
from reflex_tui.panes.criteria import criteria
from reflex_tui.widgets.condition import BAD
from reflex_tui.widgets.gate import VERDICTS, criterion_line
from reflex_tui.widgets.hanging import hanging
from reflex_tui.widgets.lines import LABEL, MUTED, left, line, spread, title
from reflex_tui.widgets.section import Section
from reflex_tui.widgets.trial_grid import ARM_STYLE

if TYPE_CHECKING:
    from textual.content import Content

    from reflex_tui.panes.report_detail import Detail
    from reflex_tui.panes.reports import Report

_DECIDES = 15


class ReportSection(Section):
    """The gate table of one report, its stamps, and where it lies."""

    report: reactive[Report | None] = reactive(None, layout=True)
    thresholds: reactive[Thresholds] = reactive(Thresholds)

    def lines(self, width: int) -> list[Content]:
        """A title, three criteria, what would decide it, the file."""
        if self.report is None:
            return []
        report = self.report
        if report.problem:
            return [title("REPORT", report.name), line((f"✖ {report.problem}", BAD))]
        verdict, style = VERDICTS.get(report.verdict, ("", MUTED))
        told = line((verdict.replace("open", "inconclusive"), f"bold {style}"))
        lines = [spread(title("GATE", report.suite), told, width)]
        if report.stamps:
            stamped = line(("stamped ", MUTED), (", ".join(report.stamps), "$warning"))
            lines += hanging(line(" " * LABEL), stamped, width)
        lines += [criterion_line(each, width) for each in criteria(report.gate, self.thresholds)]
        if report.decides:
            label = line(("would decide:".ljust(_DECIDES), MUTED))
            lines += hanging(label, line(plain(report.decides, 600)), width)
        if self.screen.has_class("-tall"):
            where = line((plain(report.path, 500), MUTED))
            lines += [line(""), *hanging(title("REPORT"), where, width)]
        return [left(each, width) for each in lines]


class AloneSection(Section):
    """The tasks that only one arm solved, a line an arm; Enter on the report shows the diffs."""

    detail: reactive[Detail | None] = reactive(None, layout=True)

    def lines(self, width: int) -> list[Content]:
        """A title and a line for each arm that solved something alone."""
        if self.detail is None:
            return []
        names = self.detail.report.pair
        told = "tasks that only one arm solved; Enter shows the diffs"
        lines = [title("ONLY ONE", (told, MUTED))]
        for name, style, won in zip(names, ARM_STYLE, ("first", "second"), strict=True):
            tasks = [one.task for one in self.detail.alone if one.won == won]
            named = ", ".join(plain(task, 80) for task in tasks) or "none"
            count = f"{len(tasks)} alone".ljust(9)
            label = (plain(name, LABEL - 1).ljust(LABEL), f"bold {style}")
            lines += hanging(line(label, count), line((named, "" if tasks else MUTED)), width)
        return [left(each, width) for each in lines]
