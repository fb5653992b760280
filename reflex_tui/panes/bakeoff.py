"""The bakeoff pane: a running bakeoff, the reports, or how to start the first one."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from core.settings.model import Thresholds
from core.settings.suites import DEFAULT_SUITES
from reflex_tui.model.first_bakeoff import no_bakeoff
from reflex_tui.widgets.keymap import shown_key
from reflex_tui.widgets.league import TrendSection, report_header, report_line
from reflex_tui.widgets.lines import left
from reflex_tui.widgets.refusing import RefusesKeys
from reflex_tui.widgets.report import (
    ArmLatency,
    OneSideSection,
    OriginSection,
    ReportSection,
)
from reflex_tui.widgets.section import Banner, Notice
from reflex_tui.widgets.trials import TrialGrid, trial_header, trial_line

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from reflex_tui.model.estimate import Unfinished
    from reflex_tui.model.gate_table import DemotedReport
    from reflex_tui.model.live import Live, TrialKey
    from reflex_tui.model.reports import Detail, ListedReport


_MOST_LISTED = 200
_TALL_ROWS = 4


class ReportList(OptionList):
    """The reports; says in the footer what Enter does."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Open", id="bakeoff.open"),
    ]


class TrialList(OptionList):
    """Trials that are running or ended last; Enter shows a task's attempts and diff."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Attempts", id="bakeoff.attempts"),
    ]


class BakeoffPane(RefusesKeys, Vertical, can_focus=True):
    """Shows ``live`` while there is a run and ``watching`` it, else ``reports``, newest first.

    ``detail`` is the chosen report whole, once it is read. ``enabled`` is whether reflex may serve
    now; None while there is no configuration. Passes on ``suites`` count, except the ``demoted``.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new", "New", id="bakeoff.new"),
        Binding("s", "stop", "Stop", id="bakeoff.stop"),
        Binding("r", "resume", "Resume", id="bakeoff.resume"),
        Binding("v", "turn", "Run / reports", id="bakeoff.turn"),
        Binding("p", "promote(True)", "Promote", id="bakeoff.promote"),
        Binding("d", "promote(False)", "Disable", id="bakeoff.disable"),
        Binding("c", "compare", "Compare", id="bakeoff.compare"),
        Binding("space", "mark", "Baseline", key_display="␣", id="bakeoff.mark"),
        Binding("a", "again", "Run again", show=False, id="bakeoff.again"),
    ]

    reports: reactive[tuple[ListedReport, ...]] = reactive((), repaint=False)
    loaded: reactive[bool] = reactive(default=False, repaint=False)
    thresholds: reactive[Thresholds] = reactive(Thresholds, repaint=False)
    detail: reactive[Detail | None] = reactive(None, repaint=False)
    live: reactive[Live | None] = reactive(None, repaint=False)
    running: reactive[bool] = reactive(default=False, repaint=False)
    stopping: reactive[bool] = reactive(default=False, repaint=False)
    watching: reactive[bool] = reactive(default=False, repaint=False)
    unfinished: reactive[Unfinished | None] = reactive(None, repaint=False)
    enabled: reactive[bool | None] = reactive(None, repaint=False)
    baseline: reactive[str] = reactive("", repaint=False)
    suites: reactive[tuple[str, ...]] = reactive(DEFAULT_SUITES, repaint=False)
    demoted: reactive[DemotedReport | None] = reactive(None, repaint=False)

    class Opened(Message):
        """The user wants to read a whole report."""

        def __init__(self, report: ListedReport) -> None:
            super().__init__()
            self.report = report

    class Chosen(Opened):
        """The cursor is on a report: its detail is wanted."""

    class TaskOpened(Message):
        """The user wants to see a task of the run."""

        def __init__(self, key: TrialKey) -> None:
            super().__init__()
            self.key = key

    class NewWanted(Message):
        """The user wants the start dialog."""

    class AgainWanted(Message):
        """The user wants what a report's run asked to be asked again."""

        def __init__(self, detail: Detail) -> None:
            super().__init__()
            self.detail = detail

    class StopWanted(Message):
        """The user wants the run to end."""

    class ResumeWanted(Message):
        """The user wants to resume the interrupted run."""

    class PromoteWanted(Message):
        """The user wants reflex to serve, or not to."""

        def __init__(self, *, on: bool) -> None:
            super().__init__()
            self.on = on

    class CompareWanted(Message):
        """The user wants a report compared with an earlier one."""

        def __init__(self, report: ListedReport, baseline: ListedReport) -> None:
            super().__init__()
            self.report, self.baseline = report, baseline

    def compose(self) -> ComposeResult:
        """What is to be said above; then the run, or the list with the chosen report."""
        yield Banner()
        with Vertical(id="run"):
            yield TrialGrid()
            yield Static(id="trials-header")
            yield TrialList(id="trials-list", markup=False, compact=True)
        with Vertical(id="reported"):
            yield Static(id="report-header")
            yield ReportList(id="reports", markup=False, compact=True)
            yield TrendSection()
            with VerticalScroll(id="report-scroll", can_focus=False):
                yield ReportSection()
                yield OriginSection()
                yield ArmLatency()
                yield OneSideSection()
        yield Notice()

    def on_mount(self) -> None:
        """Say what there is."""
        self._show_reports()
        self.show_parts()

    def on_resize(self) -> None:
        """Fit the columns."""
        width = self.size.width
        self.query_one("#report-header", Static).update(left(report_header(width), width))
        self._show_reports()
        self.query_one(ArmLatency).rows = _TALL_ROWS if self.screen.has_class("-tall") else 1
        self._show_live()

    def watch_reports(self) -> None:
        """Show the new list, staying at the report that was chosen."""
        if self.is_mounted:
            self._show_reports()
            self.show_parts()

    def watch_loaded(self) -> None:
        """The reports were looked for, and there may be none."""
        if self.is_mounted:
            self.show_parts()

    def watch_baseline(self) -> None:
        """Show the mark."""
        if self.is_mounted:
            self._show_reports()
            self.refresh_bindings()

    def watch_suites(self) -> None:
        """Other passes count now."""
        if self.is_mounted:
            self._show_reports()

    def watch_demoted(self) -> None:
        """A pass was taken away, or there is another decision since."""
        if self.is_mounted:
            self._show_reports()

    def watch_thresholds(self, thresholds: Thresholds) -> None:
        """Pass the thresholds on."""
        if self.is_mounted:
            self.query_one(ReportSection).thresholds = thresholds
            self.show_parts()

    def watch_detail(self) -> None:
        """Show the report whole."""
        if self.is_mounted:
            self._show_detail()
            self.refresh_bindings()

    def watch_live(self, live: Live | None) -> None:
        """Another run, or none."""
        if self.is_mounted:
            self.query_one(TrialGrid).live = live
            self.query_one(TrialList).clear_options()
            self.show_parts()

    def watch_watching(self) -> None:
        """Turn to the run, or to the reports."""
        if self.is_mounted:
            self.show_parts()

    def watch_running(self) -> None:
        """Begun, or over."""
        if self.is_mounted:
            self.show_parts()

    def watch_stopping(self, stopping: bool) -> None:  # noqa: FBT001  Textual calls it so
        """It was asked to stop."""
        if self.is_mounted:
            self.query_one(TrialGrid).stopping = stopping
            self.refresh_bindings()

    def watch_unfinished(self) -> None:
        """There is something to resume, or not."""
        if self.is_mounted:
            self.refresh_bindings()

    def watch_enabled(self) -> None:
        """What ``p`` does has changed."""
        if self.is_mounted:
            self.refresh_bindings()

    def refresh_live(self) -> None:
        """Draw what has happened in the run since."""
        self.query_one(TrialGrid).tick += 1
        if self.query_one("#run").display:
            self._show_live()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Show the report under the cursor."""
        event.stop()
        if isinstance(event.option_list, ReportList) and event.option_index < len(self.reports):
            report = self.reports[event.option_index]
            section = self.query_one(ReportSection)
            taken = self.demoted is not None and self.demoted.name == report.name
            section.demoted = self.demoted.why if self.demoted and taken else ""
            section.report = report
            trend = self.query_one(TrendSection)
            trend.reports, trend.report = self.reports, report
            self._show_detail()
            self.refresh_bindings()
            self.post_message(self.Chosen(report))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Read the whole report, or look at a task of the run."""
        event.stop()
        if isinstance(event.option_list, TrialList):
            task, _, number = str(event.option_id).rpartition("/")
            self.post_message(self.TaskOpened((task, int(number))))
        elif event.option_index < len(self.reports):
            self.post_message(self.Opened(self.reports[event.option_index]))

    def take_focus(self) -> None:
        """Let the keys act on the list."""
        for listed in (self.query_one(TrialList), self.query_one(ReportList)):
            if listed.option_count and listed.parent is not None and listed.parent.display:
                listed.focus()
                return
        self.focus()

    def why_not(self, action: str, parameters: tuple[object, ...] = ()) -> str:
        """Some act on a run, some on a report, and some need a configuration."""
        why = ""
        match action:
            case "new" | "again" if self.running:
                why = f"A bakeoff is running: {self._key('stop', 's')} stops it"
            case "new" | "again" | "promote" if self.enabled is None:
                why = "There is no usable configuration yet"
            case "promote" if parameters[:1] == (self.enabled,):
                why = f"Reflex is {'enabled' if self.enabled else 'disabled'} already"
            case "stop" | "resume":
                why = self._why_not_run(action)
            case "turn" if self.live is None:
                why = "No bakeoff was started in this dashboard"
            case "turn" if not self.reports:
                why = "There is no report yet"
            case "compare" | "mark" | "again":
                why = self._why_not_report(action)
        return why

    def _why_not_run(self, action: str) -> str:
        elsewhere = self.unfinished is not None and self.unfinished.under_way
        why = ""
        if action == "stop" and self.stopping:
            why = "It is stopping already"
        elif self.running:
            why = "" if action == "stop" else "A bakeoff is running"
        elif elsewhere:
            why = "The bakeoff is run by another process"
        elif action == "stop":
            why = "No bakeoff is running here"
        elif self.unfinished is None:
            why = "There is no interrupted bakeoff to resume"
        return why

    def _why_not_report(self, action: str) -> str:
        why = ""
        if self.shows_run:
            why = f"The run is shown: {self._key('turn', 'v')} goes to the reports"
        elif self.chosen is None:
            why = "There is no report yet"
        elif self.chosen.problem:
            why = "This report cannot be read"
        elif action == "mark" and len(self._readable()) == 1:
            why = "There is no other report to compare with"
        elif action == "again" and self._whole is None:
            why = "The report is still being read"
        elif action == "compare" and self._earlier() is None:
            why = "There is no earlier report of this suite to compare with"
        return why

    def _key(self, name: str, default: str) -> str:
        return shown_key(self.app, f"bakeoff.{name}", default)

    @property
    def shows_run(self) -> bool:
        """Whether the run is in sight, not the reports."""
        return self.live is not None and (self.watching or not self.reports)

    @property
    def chosen(self) -> ListedReport | None:
        """The report under the cursor."""
        at = self.query_one(ReportList).highlighted
        return self.reports[at] if at is not None and at < len(self.reports) else None

    def action_new(self) -> None:
        """Ask for the start dialog."""
        self.post_message(self.NewWanted())

    def action_again(self) -> None:
        """Ask for the start dialog with what the chosen report's run asked."""
        if (detail := self._whole) is not None:
            self.post_message(self.AgainWanted(detail))

    def action_stop(self) -> None:
        """Ask for the run's end."""
        self.post_message(self.StopWanted())

    def action_resume(self) -> None:
        """Ask to resume."""
        self.post_message(self.ResumeWanted())

    def action_turn(self) -> None:
        """From the run to the reports, or back."""
        self.watching = not self.watching
        self.call_after_refresh(self.take_focus)

    def action_promote(self, on: bool) -> None:  # noqa: FBT001  a key's parameter
        """Ask for the confirmation."""
        self.post_message(self.PromoteWanted(on=on))

    def action_mark(self) -> None:
        """Mark the chosen report as the baseline of comparisons; again: unmark it."""
        if (report := self.chosen) is not None and not report.problem:
            self.baseline = "" if self.baseline == report.name else report.name

    def action_compare(self) -> None:
        """Ask for the comparison with the marked report, or else with the one before."""
        report, earlier = self.chosen, self._earlier()
        if report is not None and earlier is not None:
            self.post_message(self.CompareWanted(report, earlier))

    def action_open(self) -> None:
        """Read the chosen report whole."""
        if (report := self.chosen) is not None:
            self.post_message(self.Opened(report))
        else:
            self.notify("There is no report yet")

    def _earlier(self) -> ListedReport | None:
        """What the selected report is compared with: the marked one, else the one before."""
        report, readable = self.chosen, self._readable()
        if report is None or report.problem:
            return None
        marked = [each for each in readable if each.name == self.baseline and each != report]
        older = readable[readable.index(report) + 1 :]
        return next(iter(marked + [each for each in older if each.suite == report.suite]), None)

    def _readable(self) -> list[ListedReport]:
        return [each for each in self.reports if not each.problem]

    def show_parts(self) -> None:
        """Only what there is."""
        run, some = self.shows_run, bool(self.reports)
        self.query_one("#run").display = run
        self.query_one("#reported").display = some and not run
        notice = self.query_one(Notice)
        notice.display = not some and not run and self.query_one(Banner).tone != "error"
        if self.loaded:
            notice.show(*no_bakeoff(self.thresholds, shown_key(self.app, "bakeoff.new", "n")))
        else:
            notice.show("◌ Looking for reports …", "muted", ())
        if run:
            self._show_live()
        self.refresh_bindings()

    def _show_reports(self) -> None:
        listed = self.query_one(ReportList)
        before = self.chosen_name
        listed.set_options(
            Option(
                report_line(
                    each,
                    self.size.width,
                    marked=each.name == self.baseline,
                    suites=self.suites,
                    demoted=self.demoted is not None and self.demoted.name == each.name,
                ),
                id=each.name,
            )
            for each in self.reports
        )
        names = [each.name for each in self.reports]
        if names:
            listed.highlighted = names.index(before) if before in names else 0

    @property
    def chosen_name(self) -> str | None:
        """The id of the option under the cursor."""
        listed = self.query_one(ReportList)
        at = listed.highlighted
        if at is None or at >= listed.option_count:
            return None
        return listed.get_option_at_index(at).id

    def choose(self, name: str) -> None:
        """Put the cursor on a report."""
        names = [each.name for each in self.reports]
        if name in names:
            self.query_one(ReportList).highlighted = names.index(name)

    def _show_detail(self) -> None:
        detail = self._whole
        chart, alone = self.query_one(ArmLatency), self.query_one(OneSideSection)
        chart.display = alone.display = detail is not None
        self.query_one(OriginSection).origins = detail.origins if detail else ()
        alone.detail = detail
        if detail is not None:
            chart.limit_ms = detail.report.thresholds.p95_latency_ms
            chart.latencies = detail.latencies

    @property
    def _whole(self) -> Detail | None:
        """The chosen report whole, once it is read."""
        report = self.query_one(ReportSection).report
        same = report is not None and self.detail is not None and self.detail.path == report.path
        return self.detail if same else None

    def _show_live(self) -> None:
        live = self.live
        if live is None or not live.started:
            return
        width = max(20, self.size.width - 5)
        self.query_one("#trials-header", Static).update(left(trial_header(live, width), width))
        listed = self.query_one(TrialList)
        at = listed.highlighted
        stay = listed.get_option_at_index(at).id if at else None
        newest = live.newest(_MOST_LISTED)
        ids = [f"{task}/{number}" for task, number in newest]
        listed.set_options(
            Option(trial_line(live, which, width), id=name)
            for which, name in zip(newest, ids, strict=True)
        )
        if ids:
            # At the top it stays at the top, so that what comes is seen.
            listed.highlighted = ids.index(stay) if stay in ids else 0
            if self.has_focus:
                listed.focus()
