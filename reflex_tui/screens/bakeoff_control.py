"""Runs bakeoffs and does what the bakeoff pane's keys ask for; the pane itself only shows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from textual import work
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import OptionList

from core.errors import ReflexError
from core.plain import plain
from core.stages import PRIMARY
from reflex_tui.model.estimate import plan_to_resume
from reflex_tui.model.gate_table import demoted_report
from reflex_tui.model.live import BakeoffKeys, Live, error_words, finished_words, unfinished_words
from reflex_tui.panes.bakeoff import BakeoffPane
from reflex_tui.screens.pages import Sheet
from reflex_tui.watch.bakeoff import BakeoffRun
from reflex_tui.widgets.json_view import indented, json_text
from reflex_tui.widgets.keymap import shown_key
from reflex_tui.widgets.lines import left
from reflex_tui.widgets.section import Banner

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from typing import Any

    from textual.app import ComposeResult
    from textual.content import Content

    from core.clock import Clock
    from core.harness.bakeoff.plan import Plan
    from core.harness.bakeoff.progress import Finished
    from core.router.view import RoutingView
    from core.settings import Settings
    from reflex_tui.model.estimate import Unfinished
    from reflex_tui.model.latencies import Figures
    from reflex_tui.model.live import BannerText
    from reflex_tui.model.reports import Detail, ListedReport
    from reflex_tui.model.slash import BakeoffOptions
    from reflex_tui.watch.announcements import BakeoffEnded, BakeoffProgressed

DRAW_EVERY_S = 0.2


class BakeoffControl(Vertical):
    """Holds the pane and the run; uses the newest settings and routing view it was given."""

    class DetailRead(Message):
        """A report whole; None: it cannot be read, or it is no report of ours."""

        def __init__(
            self, path: Path, detail: Detail | None, *, opened: ListedReport | None
        ) -> None:
            super().__init__()
            self.path, self.detail, self.opened = path, detail, opened

    class RawRead(Message):
        """What is in a file that is no report of ours."""

        def __init__(self, name: str, document: Any) -> None:
            super().__init__()
            self.name, self.document = name, document

    class Compared(Message):
        """Two reports were compared, or cannot be."""

        def __init__(self, build: list[Content] | None, error: ReflexError | None) -> None:
            super().__init__()
            self.build, self.error = build, error

    def __init__(self, clock: Clock) -> None:
        super().__init__(id="bakeoff")
        self._clock = clock
        self._settings: Settings | None = None
        self._routing_view: RoutingView | None = None
        self._live_ms: dict[str, float | None] = {}
        self._live: Figures | None = None
        self._changed = False
        self._details: dict[Path, Detail] = {}
        self.run: BakeoffRun | None = None
        self.pane = BakeoffPane()

    def compose(self) -> ComposeResult:
        """The pane."""
        yield self.pane

    def on_mount(self) -> None:
        """Draw what has happened, a few times a second at most."""
        self.set_interval(DRAW_EVERY_S, self._draw)

    def on_unmount(self) -> None:
        """The application ends: the run does as well, with its report."""
        # Not by ``running``: left early, the pane has no reactives and no children to show it.
        if self.run is not None and self.run.alive:
            self.run.stop()
            self.run.join(10.0)

    @property
    def running(self) -> bool:
        """Whether a bakeoff is under way here."""
        return self.pane.running

    def asks_before(self, leave: Callable[[], None]) -> bool:
        """Whether a run is under way: then the user is asked, and ``leave`` called if so wanted.

        Called again while the question is open, the answer is yes.
        """
        from reflex_tui.screens.leave import LeaveScreen  # when it is wanted

        if self.run is None or not self.run.alive:
            return False
        for screen in self.app.screen_stack:
            if isinstance(screen, LeaveScreen):
                screen.action_leave()
                return True
        live = self.pane.live
        far = "preparing"
        if live and live.started:
            far = f"{live.done} of {live.total} trials are done"
        self.app.push_screen(LeaveScreen(self.run, far, leave))
        return True

    def take_focus(self) -> None:
        """Let the keys act on the pane."""
        self.pane.take_focus()

    def use(self, settings: Settings) -> None:
        """Use these settings from now on; a running bakeoff keeps its own."""
        self._settings = settings
        self.pane.thresholds = settings.reflex.thresholds
        self.pane.suites = settings.reflex.suites
        self.pane.enabled = settings.reflex.enabled

    def see(
        self, routing_view: RoutingView | None, figures: Sequence[Figures] | None = None
    ) -> None:
        """How the server is now, and what live calls took; either may be left out."""
        if routing_view is not None:
            self._routing_view = routing_view
            self.pane.demoted = demoted_report(routing_view.gate)
        if figures is not None:
            self._live = next((of for of in figures if of.backend == PRIMARY), None)
            self._live_ms = {
                of.backend: None if of.p50 is None or math.isinf(of.p50) else of.p50
                for of in figures
            }

    def show_reports(self, reports: tuple[ListedReport, ...]) -> None:
        """The reports there are."""
        there = {each.path for each in reports}
        self._details = {path: one for path, one in self._details.items() if path in there}
        self.pane.reports, self.pane.loaded = reports, True

    def show_unfinished(self, unfinished: Unfinished | None) -> None:
        """A run that was stopped, or that another process runs; None: neither."""
        self.pane.unfinished = unfinished
        self._say_unfinished()

    def begin(self, options: BakeoffOptions) -> None:
        """What was typed after ``/speckit.reflex bakeoff``."""
        match options.action:
            case "resume" | "stop" | "compare" as action if refused := self.pane.why_not(action):
                self.notify(refused)
            case "resume":
                self.pane.action_resume()
            case "stop":
                self.pane.action_stop()
            case "compare":
                self.pane.action_compare()
            case "report":
                self.pane.action_open()
            case _ if self.running:
                self.notify("A bakeoff is already running", severity="warning")
                self.pane.watching = True
            case _:
                self._open_dialog(options)

    def on_bakeoff_pane_new_wanted(self) -> None:
        """The start dialog, as it was left last."""
        from reflex_tui.model.slash import BakeoffOptions  # not for the first paint

        self._open_dialog(BakeoffOptions())

    def on_bakeoff_pane_again_wanted(self, message: BakeoffPane.AgainWanted) -> None:
        """The start dialog, with what the run of a report asked."""
        from reflex_tui.model.slash import BakeoffOptions  # not for the first paint

        report = message.detail.report
        self._open_dialog(
            BakeoffOptions(
                suite=report.suite.root,
                arms=",".join(report.arms),
                tasks=report.suite.glob,
                trials=str(report.settings.trials),
                candidates=str(report.settings.candidates),
            )
        )

    def on_bakeoff_pane_stop_wanted(self) -> None:
        """End the run in order."""
        if self.run is not None and self.running:
            self.run.stop()
            self.pane.stopping = True

    def on_bakeoff_pane_resume_wanted(self) -> None:
        """Resume the last interrupted run."""
        found, settings = self.pane.unfinished, self._settings
        if settings is None or found is None or self.pane.why_not("resume"):
            return
        try:
            self._start(plan_to_resume(found, settings.source.root))
        except ReflexError as error:
            self._say_error("cannot resume this run here", error)

    def on_bakeoff_pane_promote_wanted(self, message: BakeoffPane.PromoteWanted) -> None:
        """The confirmation."""
        self.promote(on=message.on)

    def promote(self, *, on: bool) -> None:
        """Show what would change, and ask."""
        from reflex_tui.screens.promote import PromoteScreen  # when it is wanted

        if self._settings is not None:
            self.app.push_screen(PromoteScreen(self._settings, on=on, live=self._live))

    def on_bakeoff_pane_compare_wanted(self, message: BakeoffPane.CompareWanted) -> None:
        """Compare them."""
        self._compare(message.report, message.baseline)

    def on_bakeoff_pane_opened(self, message: BakeoffPane.Opened) -> None:
        """Read a report whole, to be opened; ``Chosen``, which is one too, has its own."""
        message.stop()
        if (detail := self._details.get(message.report.path)) is not None:
            self._open(detail)
        else:
            self._read_detail(message.report, opened=True)

    def on_bakeoff_pane_chosen(self, message: BakeoffPane.Chosen) -> None:
        """Read a report whole, for its charts."""
        message.stop()
        report = message.report
        if (detail := self._details.get(report.path)) is not None:
            self.pane.detail = detail
        elif not report.problem:
            self._read_detail(report, opened=False)

    def on_bakeoff_pane_task_opened(self, message: BakeoffPane.TaskOpened) -> None:
        """A task of the run: attempts and diffs so far."""
        from reflex_tui.widgets.trials import task_page  # when it is wanted

        live = self.pane.live
        if live is None:
            return
        trials = {
            arm: tuple(t for t in (live.trial(message.key, arm),) if t is not None)
            for arm in live.arms
        }
        name = plain(message.key[0], 80)
        self.app.push_screen(Sheet(name, lambda width: task_page(trials, width)))

    def on_bakeoff_control_detail_read(self, message: DetailRead) -> None:
        """Show it where it is wanted."""
        if message.detail is not None:
            self._details[message.path] = message.detail
            self.pane.detail = message.detail
        if message.opened is None:
            return
        if message.detail is not None:
            self._open(message.detail)
        else:
            self._read_raw(message.opened)

    def on_bakeoff_control_raw_read(self, message: RawRead) -> None:
        """Not a report of ours: shown as it is."""
        document = message.document
        page = Sheet(message.name, lambda _: [json_text(document)], copies=indented(document))
        self.app.push_screen(page)

    def on_bakeoff_control_compared(self, message: Compared) -> None:
        """Show what changed, or why that cannot be told."""
        if message.error is not None:
            self.notify(f"{message.error.message} {message.error.remedy}", severity="warning")
            return
        lines = message.build or []
        page = Sheet("Compared", lambda width: [left(each, width) for each in lines])
        self.app.push_screen(page)

    def on_bakeoff_progressed(self, message: BakeoffProgressed) -> None:
        """The run tells how it goes."""
        live = self.pane.live
        if live is None:
            return
        first = not live.started
        live.take(message.event)
        self._changed = True
        if first or live.finished is not None:
            self._draw()
            if self._has_focus:
                self.pane.take_focus()

    def on_bakeoff_ended(self, message: BakeoffEnded) -> None:
        """The run is over: say what came of it."""
        live, stopped = self.pane.live, self.pane.stopping
        self.pane.running = self.pane.stopping = False
        finished = live.finished if live else None
        if message.error is not None:
            kept = finished is not None
            self._say_error("the bakeoff failed", message.error, kept=kept)
        elif finished is not None:
            self._say(finished_words(finished, self._keys))
        elif stopped:
            self.banner.say("▲ stopped before the first trial; no report was written")
            self.pane.live = None
        if live is not None and not live.started:
            self.pane.live = None
        if finished is not None:
            self._turn_to(finished)

    @property
    def banner(self) -> Banner:
        """What is said above the pane."""
        return self.pane.query_one(Banner)

    @property
    def _keys(self) -> BakeoffKeys:
        """By the user's own keymap."""
        return BakeoffKeys(
            *(
                shown_key(self.app, f"bakeoff.{name}", default)
                for name, default in (("new", "n"), ("resume", "r"), ("promote", "p"))
            )
        )

    @property
    def _has_focus(self) -> bool:
        focused = self.screen.focused
        return focused is None or isinstance(focused, BakeoffPane | OptionList)

    def _open_dialog(self, options: BakeoffOptions) -> None:
        from reflex_tui.screens.bakeoff_start import BakeoffStart  # the harness

        if self._settings is None or self.running:
            return
        dialog = BakeoffStart(
            self._settings, options, lambda: self._routing_view, dict(self._live_ms)
        )
        self.app.push_screen(dialog, self._started_by)

    def _started_by(self, plan: Plan | None) -> None:
        if plan is not None:
            self._start(plan)

    def _start(self, plan: Plan) -> None:
        assert self._settings is not None
        self.banner.say("")
        self.pane.live = Live(self._clock)
        self.pane.stopping, self.pane.running, self.pane.watching = False, True, True
        self.run = BakeoffRun(self._settings, plan, self.post_message, clock=self._clock)
        self.run.start()
        self.pane.take_focus()

    def _draw(self) -> None:
        live = self.pane.live
        if live is None or not (self._changed or self.running):
            return
        self._changed = False
        if self.display:
            self.pane.refresh_live()

    def _turn_to(self, finished: Finished) -> None:
        """To the reports, with the new one under the cursor: whole or partial."""
        from reflex_tui.model.reports import read_report  # it is loaded by now

        report = read_report(finished.json_path)
        if all(each.name != report.name for each in self.pane.reports):
            self.pane.reports = (report, *self.pane.reports)
        self.pane.choose(report.name)
        self.pane.watching = False
        if self._has_focus:
            self.pane.call_after_refresh(self.pane.take_focus)

    def _say(self, said: BannerText) -> None:
        self.banner.say(said.words, said.rest, tone=said.tone)

    def _say_error(self, what: str, error: ReflexError, *, kept: bool = False) -> None:
        self._say(error_words(what, error, self._keys, kept=kept))
        self.pane.show_parts()

    def _say_unfinished(self) -> None:
        found = self.pane.unfinished
        if self.running or (self.banner.words and self.pane.live is not None):
            return
        if found is not None:
            self._say(unfinished_words(found, self._keys))
        elif self.pane.live is None:  # what it said of the run that is over now, elsewhere
            self.banner.say("")

    @work(thread=True, group="detail", exclusive=True)
    def _read_detail(self, report: ListedReport, *, opened: bool) -> None:
        from reflex_tui.model.reports import read_detail  # the harness

        root = self._settings.source.root if self._settings else report.path.parent
        try:
            detail = None if report.problem else read_detail(report.path, root)
        except ReflexError:
            detail = None
        self.post_message(self.DetailRead(report.path, detail, opened=report if opened else None))

    @work(thread=True, group="detail")
    def _read_raw(self, report: ListedReport) -> None:
        self.post_message(self.RawRead(report.name, report.read()))

    @work(thread=True, group="compare", exclusive=True)
    def _compare(self, report: ListedReport, baseline: ListedReport) -> None:
        from reflex_tui.screens.comparison import compared  # the harness

        try:
            self.post_message(self.Compared(compared(report.path, baseline.path), None))
        except ReflexError as error:
            self.post_message(self.Compared(None, error))

    def _open(self, detail: Detail) -> None:
        from reflex_tui.screens.report import ReportScreen  # when it is wanted

        self.app.push_screen(ReportScreen(detail, self.pane))
