"""A bakeoff report whole: an overview, and every task with its attempts and diffs."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.containers import Horizontal, VerticalScroll
from textual.screen import Screen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from core.figures import NONE, count, day_time, duration, percent, plural
from core.harness.sandbox.limits import Tier
from core.plain import plain
from core.router.lapses import mark
from core.settings.model import Thresholds
from reflex_tui.model.gate import POOR, criteria
from reflex_tui.model.reports import Won
from reflex_tui.watch.announcements import CopyWanted
from reflex_tui.widgets.gate import VERDICTS, criterion_line
from reflex_tui.widgets.key_bar import KeyBar
from reflex_tui.widgets.lines import (
    LABEL,
    MUTED,
    labelled,
    left,
    line,
    packed,
    right,
    spread,
    title,
)
from reflex_tui.widgets.refusing import RefusesKeys
from reflex_tui.widgets.report import ArmLatency, origin_lines
from reflex_tui.widgets.trials import ARM_STYLE, task_page

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.content import Content

    from core.harness.report.summary import ArmSummary
    from reflex_tui.model.reports import Detail, TaskResult
    from reflex_tui.panes.bakeoff import BakeoffPane


_NAME, _FIGURE = 24, 18
_MOST_LEFT_OUT = _MOST_KINDS = 20

_OVERVIEW = "overview"
_WIDE = 110


def overview(detail: Detail, width: int) -> list[Content]:
    """All but the tasks; the latency chart follows it."""
    verdict, gate = detail.gate.verdict.value, detail.gate
    style = VERDICTS[verdict][1]
    glyph = VERDICTS[verdict][0].split(" ")[0]
    rows = wrap(f"{glyph} {plain(gate.summary, 400)}", max(20, width))
    lines = [line((row, f"bold {style}")) for row in rows]
    if gate.decides:
        needed = wrap(f"needed for a verdict: {gate.decides}", width)
        lines += [line((row, MUTED)) for row in needed]
    for said in (gate.standing, detail.power):
        lines += [line((row, MUTED)) for row in wrap(said.words, width)] if said else []
    lines += [line(""), title("GATE")]
    table = criteria(gate.as_json(), Thresholds())
    lines += [criterion_line(each, min(width, 90)) for each in table]
    lines += [line(""), *origin_lines(detail.origins, min(width, 110))]
    lines += [*_looks(detail, width), *_kinds(detail), line(""), *_figures(detail)]
    lines += [line(""), *_about(detail, width)]
    for stamp in detail.report.stamps:
        told = wrap(f"{stamp}: {mark(stamp).consequence}", max(20, width - LABEL))
        lines += [
            line(("marked".ljust(LABEL) if not at else " " * LABEL, MUTED), (row, POOR))
            for at, row in enumerate(told)
        ]
    lines += _left_out(detail)
    return [left(each, width) for each in [*lines, line("")]]


def _looks(detail: Detail, width: int) -> list[Content]:
    """The planned looks that were taken, where there was more than the one at the end."""
    plan, looks = detail.report.plan, detail.gate.looks
    if plan is None or len(plan.looks) == 1 or not looks:
        return []
    heading = title("LOOKS", f"{len(looks)} of {len(plan.looks)} planned")
    lines = [line(""), heading]
    for number, look in enumerate(looks, 1):
        first, *rest = wrap(f"look {number}, {look.words}", max(20, width - 2))
        lines += [line((first, MUTED)), *(line((f"  {each}", MUTED)) for each in rest)]
    return lines


def _kinds(detail: Detail) -> list[Content]:
    """Parity for each tag of the tasks; a kind that clearly fails stands out."""
    if not detail.kinds:
        return []
    widest = min(_NAME, max(len(plain(one.tag, _NAME)) for one in detail.kinds))
    lines = [line(""), title("BY KIND", "a bound far under the parity: few tasks prove little")]
    for one in detail.kinds[:_MOST_KINDS]:
        bound = "" if one.bound is None else f"at least {percent(one.bound)}"
        lines.append(
            line(
                left(plain(one.tag, _NAME), widest + 2),
                (f"reflex {one.reflex}, cloud {one.cloud} at {plural(one.tasks, 'task')}", MUTED),
                f"   {percent(one.value)}   ",
                (bound, MUTED),
                ("   ▲ clearly below" if one.fails else "", POOR),
            )
        )
    rest = len(detail.kinds) - _MOST_KINDS
    return [*lines, line((f"and {rest} more", MUTED))] if rest > 0 else lines


def task_line(one: TaskResult, pair: tuple[str, str]) -> Content:
    """A task in the list: who solved it, as glyphs for both arms, and its id."""
    cells = []
    for name, style in zip(pair, ARM_STYLE, strict=True):
        won = _solved_by(one, name, pair)
        glyph = "·" if won is None else "●" if won else "✖"
        cells.append((f"{glyph} ", style if won else "$error" if won is False else MUTED))
    return line(*cells, plain(one.task, 80), ("   golden" if one.golden else "", MUTED))


def task_head(one: TaskResult, pair: tuple[str, str]) -> Content:
    """A task's own line above its attempts."""
    first, second = (plain(name, 40) for name in pair)
    told = {
        Won.FIRST_ALONE: f"solved by {first} alone",
        Won.SECOND_ALONE: f"solved by {second} alone",
        Won.BOTH: "solved by both",
        Won.NEITHER: "solved by neither",
        Won.UNTRIED: "not tried by both",
    }[one.won]
    level = "" if one.level is None else f"   level {one.level}"
    golden = "   golden: must work on reflex if it works on the cloud" if one.golden else ""
    tags = "".join(f"   {plain(tag, 40)}" for tag in one.tags)
    return line((plain(one.task, 120), "bold"), (f"   {told}{level}{tags}{golden}", MUTED))


def _solved_by(one: TaskResult, name: str, pair: tuple[str, str]) -> bool | None:
    if not one.trials.get(name):
        return None
    alone = Won.FIRST_ALONE if name == pair[0] else Won.SECOND_ALONE
    if one.won is Won.UNTRIED:
        return any(trial.solved for trial in one.trials[name])
    return one.won in {Won.BOTH, alone}


def _figures(detail: Detail) -> list[Content]:
    arms = list(zip(detail.figures.values(), ARM_STYLE, strict=False))
    names = (right(line((plain(arm.arm, 16), f"bold {style}")), _FIGURE) for arm, style in arms)
    lines = [line(left(title("ARMS"), _NAME), *names)]
    for label in dict.fromkeys(name for arm, _ in arms for name in _column(arm)):
        cells = [_column(arm).get(label, NONE) for arm, _ in arms]
        if any(cell != NONE for cell in cells):
            lines.append(line(left(label, _NAME), *(right(cell, _FIGURE) for cell in cells)))
    return lines


def _column(one: ArmSummary) -> dict[str, str]:
    rate = NONE if one.tokens_per_s is None else f"{one.tokens_per_s:.0f} tok/s"
    figures = {
        "solved": f"{one.solved} of {one.trials}",
        "  at the first attempt": f"{one.solved_first} of {one.trials}",
        "TTFT, P50": duration(one.ttft_p50_ms),
        "TTFT, P95": duration(one.ttft_p95_ms),
        "total, P50": duration(one.total_p50_ms),
        "total, P95": duration(one.total_p95_ms),
        one.compliance_title: percent(one.compliance_percent),
        "rate, median": rate,
        "calls": count(one.calls),
        "prompt tokens": count(one.prompt_tokens),
        "completion tokens": count(one.completion_tokens),
        "cost": NONE if one.cost_usd is None else f"${one.cost_usd:,.4f}",
    }
    if len(one.by_format) > 1:
        figures |= {
            f"solved as {name}": f"{won} of {asked}" for name, (won, asked) in one.by_format.items()
        }
    failed = {f"failed: {kind}": count(number) for kind, number in one.failures.items()}
    return figures | failed


def _about(detail: Detail, width: int) -> list[Content]:
    report = detail.report
    settings = report.settings
    took_s = (report.finished_at - report.created_at).total_seconds()
    tasks = f"{plural(len(report.suite.selected), 'task')} of {report.suite.tasks}"
    asked = (
        f"{tasks} × {plural(settings.trials, 'trial')}, {plural(settings.attempts, 'attempt')}, "
        f"{plural(settings.candidates, 'candidate')}"
    )
    took = f"took {duration(took_s * 1000)}, seed {settings.seed}"
    lines = packed(title("RUN"), [line(asked), line((took, MUTED))], width)
    for name, arm in report.arms.items():
        server = plain(arm.label or arm.server_identity, 60)
        told = [line(each) for each in (plain(arm.model, 80), plain(arm.endpoint, 80), server)]
        lines += packed(line((plain(name, LABEL - 1).ljust(LABEL), MUTED)), told, width)
    machine, memory_gb = report.environment, report.environment.memory_mb / 1024
    size = f"{plural(machine.cpus, 'CPU')}, {memory_gb:.0f} GB"
    named = [line(plain(machine.cpu, 60)), line((size, MUTED))]
    named.append(line((plain(machine.platform, 120), MUTED)))
    lines += packed(line(("machine".ljust(LABEL), MUTED)), named, width)
    boxed, held = report.sandbox.tier, plural(report.sandbox.escapes_held, "escape attempt")
    sandbox = (
        line(("none: model-written code ran with your rights", POOR))
        if boxed == Tier.NONE
        else line(f"{plain(boxed, 40)}: blocked all {held}")
    )
    lines += labelled(line(("sandbox".ljust(LABEL), MUTED)), sandbox, width)
    file = line((plain(detail.path, 500), MUTED))
    lines += labelled(line(("file".ljust(LABEL), MUTED)), file, width)
    return lines


def _left_out(detail: Detail) -> list[Content]:
    left_out = detail.left_out
    if not left_out:
        return []
    some = left_out[:_MOST_LEFT_OUT]
    number = plural(len(left_out), "task")
    lines = [line(""), title("LEFT OUT", f"{number} that cannot be used")]
    lines += [line(" " * LABEL, (plain(one, 300), MUTED)) for one in some]
    rest = len(left_out) - len(some)
    return [*lines, line(" " * LABEL, (f"and {rest} more", MUTED))] if rest else lines


class ReportScreen(RefusesKeys, Screen[None]):
    """Shows ``detail``: what was chosen in the list stands beside it, or below on a narrow one.

    What can be done with a report is done as in ``pane``, where the cursor is on this one.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "close", "Back", id="report.close"),
        Binding("tab", "app.focus_next", "List / text", id="report.focus"),
        Binding("c", "copy", "Copy", id="report.copy"),
        Binding("o", "only", "Only one arm / all", id="report.only"),
        Binding("p", "promote(True)", "Promote", id="report.promote"),
        Binding("d", "promote(False)", "Disable", id="report.disable"),
        Binding("a", "again", "Run again", id="report.again"),
        Binding("b", "compare", "Compare", id="report.compare"),
    ]

    def __init__(self, detail: Detail, pane: BakeoffPane) -> None:
        super().__init__()
        self._detail = detail
        self._pane = pane
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
        for changing in ("enabled", "running"):
            self.watch(self._pane, changing, self.refresh_bindings, init=False)

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

    def why_not(self, action: str, parameters: tuple[object, ...] = ()) -> str:
        """Both lists are worth a key only where they differ; the rest is as in the pane."""
        if action == "only":
            alone, tasks = len(self._detail.alone), len(self._detail.tasks)
            if not alone:
                return "No task was solved by one side only"
            return "" if alone < tasks else "Every task was solved by one side only"
        return self._pane.why_not(action, parameters)

    def action_promote(self, on: bool) -> None:  # noqa: FBT001  a key's parameter
        """Ask for the confirmation, over this screen."""
        self._pane.action_promote(on)

    def action_again(self) -> None:
        """Back, to the start dialog with what this run asked."""
        self.dismiss()
        self._pane.action_again()

    def action_compare(self) -> None:
        """Compare it with the marked report, or else with the one before."""
        self._pane.action_compare()

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
        word, style = VERDICTS[gate.verdict.value]
        when = line((f"   {day_time(report.finished_at)}", MUTED))
        name = line(("Bakeoff ", "bold"), (plain(report.suite.name, 60), "bold $reflex"), when)
        stamps = (f"   marked {', '.join(report.stamps)}" if report.stamps else "", "$warning")
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
