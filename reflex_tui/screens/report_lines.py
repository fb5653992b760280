"""A report in lines: the verdict, both arms' figures, what limits its worth, what was left out."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

from core.harness.report.markdown import STAMP_WORDS
from core.plain import plain
from core.settings.model import Thresholds
from reflex_tui.panes.criteria import criteria
from reflex_tui.panes.report_detail import Won
from reflex_tui.widgets.condition import POOR
from reflex_tui.widgets.gate import VERDICTS, criterion_line
from reflex_tui.widgets.lines import LABEL, MUTED, left, line, right, title
from reflex_tui.widgets.trial_grid import ARM_STYLE, latency
from reflex_tui.widgets.units import NONE, count, duration, percent, plural

if TYPE_CHECKING:
    from textual.content import Content

    from core.harness.report.summary import ArmSummary
    from reflex_tui.panes.report_detail import Detail, TaskResult

_NAME, _FIGURE = 24, 18
_MOST_LEFT_OUT = 20


def overview(detail: Detail, width: int) -> list[Content]:
    """All but the tasks; the latency chart follows it."""
    verdict, gate = detail.gate.verdict.value, detail.gate
    style = VERDICTS[verdict][1]
    glyph = VERDICTS[verdict][0].split(" ")[0]
    rows = wrap(f"{glyph} {plain(gate.summary, 400)}", max(20, width))
    lines = [line((row, f"bold {style}")) for row in rows]
    if gate.decides:
        lines += [line((row, MUTED)) for row in wrap(f"would decide it: {gate.decides}", width)]
    lines += [line(""), title("GATE")]
    table = criteria(gate.as_json(), Thresholds())
    lines += [criterion_line(each, min(width, 90)) for each in table]
    lines += [line(""), *_figures(detail)]
    lines += [line(""), *_about(detail, width)]
    for stamp in detail.report.stamps:
        told = wrap(f"{stamp}: {STAMP_WORDS[stamp]}", max(20, width - LABEL))
        lines += [
            line(("stamped".ljust(LABEL) if not at else " " * LABEL, MUTED), (row, POOR))
            for at, row in enumerate(told)
        ]
    lines += _left_out(detail)
    return [left(each, width) for each in [*lines, line("")]]


def task_line(one: TaskResult, pair: tuple[str, str]) -> Content:
    """A task in the list: who solved it, as glyphs for both arms, and its id."""
    cells = []
    for name, style in zip(pair, ARM_STYLE, strict=True):
        won = _solved_by(one, name, pair)
        glyph = "·" if won is None else "●" if won else "✖"
        cells.append((f"{glyph} ", style if won else "$error" if won is False else MUTED))
    return line(*cells, plain(one.task, 80))


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
    return line((plain(one.task, 120), "bold"), (f"   {told}{level}", MUTED))


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
        "TTFT, P50": latency(one.ttft_p50_ms),
        "TTFT, P95": latency(one.ttft_p95_ms),
        "total, P50": latency(one.total_p50_ms),
        "total, P95": latency(one.total_p95_ms),
        "JSON compliance": percent(one.compliance_percent),
        "rate, median": rate,
        "calls": count(one.calls),
        "prompt tokens": count(one.prompt_tokens),
        "completion tokens": count(one.completion_tokens),
        "cost": NONE if one.cost_usd is None else f"${one.cost_usd:,.4f}",
    }
    failed = {f"failed: {kind}": count(number) for kind, number in one.failures.items()}
    return figures | failed


def _about(detail: Detail, width: int) -> list[Content]:
    report = detail.report
    settings = report.settings
    took_s = (report.finished_at - report.created_at).total_seconds()
    lines = [
        title("RUN", f"{plural(len(report.suite.selected), 'task')} of {report.suite.tasks}")
        + line(
            f" × {plural(settings.trials, 'trial')}, {plural(settings.attempts, 'attempt')}, "
            f"{plural(settings.candidates, 'candidate')}",
            (f"   took {duration(took_s * 1000)}, seed {settings.seed}", MUTED),
        )
    ]
    for name, arm in report.arms.items():
        server = plain(arm.label or arm.server_identity, 60)
        told = f"{plain(arm.model, 80)}   {plain(arm.endpoint, 80)}   {server}"
        lines.append(line((plain(name, LABEL - 1).ljust(LABEL), MUTED), told))
    sandbox = f"{report.sandbox.tier}, held {plural(report.sandbox.escapes_held, 'attack')}"
    lines.append(line(("sandbox".ljust(LABEL), MUTED), plain(sandbox, width)))
    lines.append(line(("file".ljust(LABEL), MUTED), (plain(detail.path, 500), MUTED)))
    return lines


def _left_out(detail: Detail) -> list[Content]:
    left_out = detail.left_out
    if not left_out:
        return []
    some = left_out[:_MOST_LEFT_OUT]
    number = plural(len(left_out), "task")
    lines = [line(""), title("LEFT OUT", f"{number} that the suite itself cannot use")]
    lines += [line(" " * LABEL, (plain(one, 300), MUTED)) for one in some]
    rest = len(left_out) - len(some)
    return [*lines, line(" " * LABEL, (f"and {rest} more", MUTED))] if rest else lines
