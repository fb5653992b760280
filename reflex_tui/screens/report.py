"""A bakeoff report whole: an overview, and every task with its attempts and diffs."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.containers import Horizontal, VerticalScroll
from textual.screen import Screen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from core.plain import plain
from reflex_tui.messages import CopyWanted
from reflex_tui.screens.report_lines import overview, task_head, task_line
from reflex_tui.widgets.arm_latency import ArmLatency
from reflex_tui.widgets.gate import VERDICTS
from reflex_tui.widgets.key_bar import KeyBar
from reflex_tui.widgets.lines import MUTED, left, line, spread
from reflex_tui.widgets.trial_text import task_page
from reflex_tui.widgets.units import day_time

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.content import Content

    from reflex_tui.panes.report_detail import Detail

_OVERVIEW = "overview"
_WIDE = 110


class ReportScreen(Screen[None]):
    """Shows ``detail``: what was chosen in the list stands beside it, or below on a narrow one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "close", "Back", id="report.close"),
        Binding("tab", "app.focus_next", "List / text", id="report.focus"),
        Binding("c", "copy", "Copy", id="report.copy"),
        Binding("o", "only", "Only one arm / all", id="report.only"),
    ]

    def __init__(self, detail: Detail) -> None:
        super().__init__()
        self._detail = detail
        self._only = bool(detail.alone)
        self._text: list[Content] = []

    def compose(self) -> ComposeResult:
        """Heading, the list, what is chosen, the keys."""
        yield Static(id="whole-head")
        with Horizontal(id="whole"):
            yield OptionList(id="whole-list", markup=False, compact=True)
            with VerticalScroll(id="whole-scroll"):
                yield Static(id="whole-text", markup=False)
                yield ArmLatency()
        yield KeyBar()

    def on_mount(self) -> None:
        """Begin with the overview."""
        report = self._detail.report
        chart = self.query_one(ArmLatency)
        chart.limit_ms = report.thresholds.p95_latency_ms
        chart.latencies = self._detail.latencies
        chart.rows = 4
        self._fill_list()
        self.query_one("#whole-list").focus()

    def on_resize(self) -> None:
        """Beside each other or one above the other."""
        self.query_one("#whole").set_class(self.size.width >= _WIDE, "-wide")
        self._show_head()
        self.call_after_refresh(self._show)

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Show what is chosen."""
        event.stop()
        self._show()
        self.query_one("#whole-scroll").scroll_home(animate=False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Both lists are worth a key only where they differ."""
        return 0 < len(self._detail.alone) < len(self._detail.tasks) if action == "only" else True

    def action_close(self) -> None:
        """Back to the pane."""
        self.dismiss()

    def action_only(self) -> None:
        """Only the tasks that one arm solved, or all of them."""
        self._only = not self._only
        self._fill_list()

    def action_copy(self) -> None:
        """Put what is shown on the clipboard."""
        text = "\n".join(each.plain.rstrip() for each in self._text)
        self.post_message(CopyWanted(text, self._chosen or _OVERVIEW))

    @property
    def _chosen(self) -> str:
        """The task's id; empty for the overview."""
        listed = self.query_one(OptionList)
        if listed.highlighted is None or listed.highlighted == 0:
            return ""
        return str(listed.get_option_at_index(listed.highlighted).id).removeprefix("task/")

    def _fill_list(self) -> None:
        listed = self.query_one(OptionList)
        detail = self._detail
        tasks = detail.alone if self._only else detail.tasks
        signs = (f"   below: {' and '.join(plain(each, 20) for each in detail.report.pair)}", MUTED)
        options = [Option(line(("Overview", "bold"), signs), id=_OVERVIEW)]
        options += [
            Option(task_line(one, detail.report.pair), id=f"task/{one.task}") for one in tasks
        ]
        listed.set_options(options)
        listed.highlighted = 0

    def _show_head(self) -> None:
        report, gate = self._detail.report, self._detail.gate
        glyph, style = VERDICTS[gate.verdict.value]
        word = f"{glyph.split(' ')[0]} {gate.verdict.value}"
        when = line((f"   {day_time(report.finished_at)}", MUTED))
        name = line(("Bakeoff ", "bold"), (plain(report.suite.name, 60), "bold $reflex"), when)
        stamps = (f"   stamped {', '.join(report.stamps)}" if report.stamps else "", "$warning")
        width = max(0, self.size.width - 4)
        head = spread(line(name, stamps), line((word, f"bold {style}")), width, gap=2)
        self.query_one("#whole-head", Static).update(head)

    def _show(self) -> None:
        width = max(20, self.query_one("#whole-scroll").scrollable_content_region.width - 1)
        task = self._chosen
        chart = self.query_one(ArmLatency)
        chart.display = not task
        if task:
            found = next(one for one in self._detail.tasks if one.task == task)
            head = task_head(found, self._detail.report.pair)
            self._text = [head, line(""), *task_page(found.trials, width)]
        else:
            self._text = overview(self._detail, width)
        text = line("\n").join(left(each, width) for each in self._text)
        self.query_one("#whole-text", Static).update(text)
