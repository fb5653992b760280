"""The bakeoff pane: earlier reports with their verdicts, or how to make the first."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from core.plain import plain
from core.settings.model import Thresholds
from reflex_tui.panes.criteria import MAKE_FIRST, criteria
from reflex_tui.widgets.condition import BAD
from reflex_tui.widgets.gate import VERDICTS, criterion_line
from reflex_tui.widgets.lines import MUTED, left, line, spread, title
from reflex_tui.widgets.notice import Notice
from reflex_tui.widgets.section import Section
from reflex_tui.widgets.units import NONE, day_time, duration, percent

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from reflex_tui.panes.reports import Report

_WHEN, _VERDICT, _SUITE = 18, 16, 24


class ReportSection(Section):
    """The gate table of one report, its stamps, and where it lies."""

    report: reactive[Report | None] = reactive(None, layout=True)
    thresholds: reactive[Thresholds] = reactive(Thresholds)

    def lines(self, width: int) -> list[Content]:
        """A title, three criteria, the file."""
        if self.report is None:
            return []
        report = self.report
        if report.problem:
            return [title("REPORT", report.name), line((f"✖ {report.problem}", BAD))]
        stamps = (f"stamped {', '.join(report.stamps)}" if report.stamps else "", "$warning")
        verdict, style = VERDICTS.get(report.verdict, ("", MUTED))
        told = line((verdict.replace("open", "inconclusive"), f"bold {style}"))
        lines = [spread(title("GATE", report.suite, "   ", stamps), told, width)]
        lines += [criterion_line(each, width) for each in criteria(report.gate, self.thresholds)]
        if report.decides:
            lines.append(line(("would decide:  ", MUTED), report.decides))
        lines += [line(""), title("REPORT", (plain(report.path, 500), MUTED))]
        return [left(each, width) for each in lines]


class ReportList(OptionList):
    """The reports; says in the footer what Enter does."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Open", id="bakeoff.open"),
    ]


class BakeoffPane(Vertical, can_focus=True):
    """Shows ``reports``, newest first, by the ``thresholds`` in force."""

    reports: reactive[tuple[Report, ...]] = reactive(())
    thresholds: reactive[Thresholds] = reactive(Thresholds)

    class Opened(Message):
        """The user wants to read a whole report."""

        def __init__(self, report: Report) -> None:
            super().__init__()
            self.report = report

    def __init__(self) -> None:
        super().__init__(id="bakeoff")

    def compose(self) -> ComposeResult:
        """The list above, the chosen report below; or the notice."""
        yield Static(id="report-header")
        yield ReportList(id="reports", markup=False, compact=True)
        yield ReportSection()
        yield Notice()

    def on_mount(self) -> None:
        """Say what there is."""
        self._show()

    def on_resize(self, event: events.Resize) -> None:
        """Fit the columns."""
        self.query_one("#report-header", Static).update(left(_header(), max(0, event.size.width)))

    def watch_reports(self) -> None:
        """Show the new list, staying at the report that was chosen."""
        if self.is_mounted:
            self._show()

    def watch_thresholds(self, thresholds: Thresholds) -> None:
        """Pass the thresholds on."""
        if self.is_mounted:
            self.query_one(ReportSection).thresholds = thresholds
            self._show()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Show the report under the cursor."""
        event.stop()
        if event.option_index < len(self.reports):
            self.query_one(ReportSection).report = self.reports[event.option_index]

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Read the whole report."""
        event.stop()
        if event.option_index < len(self.reports):
            self.post_message(self.Opened(self.reports[event.option_index]))

    def take_focus(self) -> None:
        """Let the keys act on the list."""
        listed = self.query_one(ReportList)
        (listed if listed.display else self).focus()

    def _show(self) -> None:
        listed = self.query_one(ReportList)
        before = listed.highlighted
        chosen = None
        if before is not None and before < listed.option_count:
            chosen = listed.get_option_at_index(before).id
        listed.set_options(Option(_report_line(each), id=each.name) for each in self.reports)
        names = [each.name for each in self.reports]
        if names:
            listed.highlighted = names.index(chosen) if chosen in names else 0
        for each in (listed, self.query_one("#report-header"), self.query_one(ReportSection)):
            each.display = bool(names)
        notice = self.query_one(Notice)
        notice.display = not names
        notice.show(*no_bakeoff(self.thresholds))


def _header() -> Content:
    names = ("WHEN", _WHEN), ("VERDICT", _VERDICT), ("SUITE", _SUITE)
    columns = Content("").join(left(name, size) for name, size in names)
    return line(columns, "ARMS").stylize(MUTED)


def _report_line(report: Report) -> Content:
    when = left(day_time(report.at) if report.at else NONE, _WHEN)
    if report.problem:
        return line(when, (f"✖ {report.problem}", BAD), (f"   {report.name}", MUTED))
    glyph, style = VERDICTS.get(report.verdict, ("", MUTED))
    word = glyph.split(" ")[0] + " " + (report.verdict or "unknown")
    return line(
        when,
        left(line((word, style)), _VERDICT),
        left(report.suite or NONE, _SUITE),
        (" / ".join(report.arms) or NONE, ""),
    )


def no_bakeoff(thresholds: Thresholds) -> tuple[str, str, tuple[str, ...]]:
    """What a bakeoff is, what it has to show, and how to make the first."""
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
            "Make the first:",
            "",
            f"$ {MAKE_FIRST}",
            "",
            "Its report appears here when it ends.",
        ),
    )
