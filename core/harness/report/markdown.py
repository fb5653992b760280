"""A bakeoff report for a person: the verdict first, then what it rests on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from core.figures import count, duration, percent
from core.harness.gate.criteria import SUCCESS_PARITY, Criterion, Verdict
from core.harness.gate.judge import GateResult, false_alarm_rate
from core.harness.report.derived import rederive
from core.harness.report.markdown_evidence import (
    failures,
    fingerprint,
    formats,
    left_out,
    one_arm_only,
    reproduce,
    tasks,
)
from core.harness.report.neutral import chart, code, fence, table
from core.harness.report.origins import by_origin
from core.harness.report.power import power_of
from core.harness.report.summary import ArmSummary, summaries
from core.harness.report.tags import parity_by_tag
from core.router.lapses import mark

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.harness.report.document import Report

GLYPHS = {Verdict.PASS: "✓", Verdict.FAIL: "✖", Verdict.INCONCLUSIVE: "◐"}


def render(
    report: Report,
    gate: GateResult | None = None,
    *,
    headline: str = "",
    notices: Sequence[str] = (),
    diffs: bool = True,
) -> str:
    """The report as Markdown (GitHub's), derived from its trials; ends with a line feed.

    ``gate`` is the verdict to show where it is not by the report's own thresholds, ``headline``
    what stands for its summary; ``notices`` are further lines of Markdown beside the verdict.
    """
    gate = gate or rederive(report)
    figures = summaries(report)
    lines = [
        *_head(report, headline or f"{GLYPHS[gate.verdict]} {gate.summary}", notices),
        *_gate(gate),
        *_power(report),
        *_origins(report),
        *_tags(report, gate),
        *_arms(report, figures),
        *formats(figures),
        *_latency(report, gate),
        *failures(figures),
        *one_arm_only(report, diffs=diffs),
        *tasks(report),
        *left_out(report),
        *_candidates(figures),
        *_false_alarms(report, gate),
        *reproduce(report),
        *fingerprint(report, figures),
    ]
    return "\n".join(lines).rstrip("\n") + "\n"


def bounds(one: Criterion) -> tuple[str, str, str]:
    """Value, bound and threshold of a criterion as a person reads them."""
    if one.unit == "tasks":
        return "–" if one.value is None else f"{one.value:g}", "–", f"≤ {one.threshold:g}"
    if one.unit == "ms":
        bound = "–" if one.bound in {None, math.inf} else f"≤ {duration(one.bound)}"
        return duration(one.value), bound, f"< {duration(one.threshold)}"
    bound = "–" if one.bound is None else f"≥ {percent(one.bound)}"
    return percent(one.value), bound, f"≥ {percent(one.threshold)}"


def _head(report: Report, headline: str, notices: Sequence[str]) -> list[str]:
    candidate, baseline = (report.arms.get(name) for name in report.pair)
    number = len(report.suite.selected)
    many = "one task" if number == 1 else f"{number} tasks"
    if number < report.suite.tasks:
        many += f" of {report.suite.tasks}"
    trials = "one trial" if report.settings.trials == 1 else f"{report.settings.trials} trials"
    who = (
        f"Candidate {code(candidate.model if candidate else 'nobody')}, baseline "
        f"{code(baseline.model if baseline else 'nobody')}, suite {code(report.suite.name)}: "
        f"{many}, {trials} each, {report.finished_at:%Y-%m-%d %H:%M} UTC."
    )
    limits = [f"**{stamp}**: {mark(stamp).consequence}." for stamp in report.stamps]
    quoted = "\n>\n".join(f"> {line}" for line in [*limits, *notices])
    lines = [f"# {headline}", "", who, ""]
    return [*lines, quoted, ""] if quoted else lines


def _gate(gate: GateResult) -> list[str]:
    rows = [
        (GLYPHS[one.state], one.title, *bounds(one), one.state.value, one.note)
        for one in gate.criteria
    ]
    head = ("", "criterion", "value", "bound", "threshold", "verdict", "observed")
    lines = ["## Gate", "", *table(head, rows, "clrrrll"), ""]
    if gate.decides:
        lines += [f"Needed for a verdict: {gate.decides}.", ""]
    if gate.standing:
        lines += [gate.standing.words, ""]
    return [*lines, *_looks(gate)]


def _looks(gate: GateResult) -> list[str]:
    """What each planned look found, where there was more than the one at the end."""
    if len(gate.looks) < 2 and not any(one.outcome == "futile" for one in gate.looks):  # noqa: PLR2004
        return []
    words = {"pass": "clears", "futile": "too far below the threshold", "open": "undecided"}
    rows = [
        (
            str(number),
            str(one.tasks),
            str(one.reflex),
            "not asked" if one.cloud is None else str(one.cloud),
            percent(one.value),
            percent(one.bound),
            words[one.outcome],
        )
        for number, one in enumerate(gate.looks, 1)
    ]
    head = ("look", "tasks", "reflex", "cloud", "parity", "bound", "")
    return ["Looks at success parity:", "", *table(head, rows, "rrrrrrl"), ""]


def _power(report: Report) -> list[str]:
    power = power_of(report)
    return [power.words, ""] if power else []


def _origins(report: Report) -> list[str]:
    """Where the tasks come from, and what was solved of each: a pooled figure says too little."""
    rows = [
        (one.name, str(one.tasks), *(f"{won} of {made}" for won, made in one.arms.values()))
        for one in by_origin(report)
    ]
    head = ("tasks from", "tasks", *(f"{code(name)} solved" for name in report.pair))
    return ["## By origin", "", *table(head, rows, "lrrr"), ""]


def _tags(report: Report, gate: GateResult) -> list[str]:
    found = parity_by_tag(report)
    if not found:
        return []
    lines = ["## By kind", ""]
    failing = [code(one.tag) for one in found if one.fails]
    passed = any(one.name == SUCCESS_PARITY and one.state is Verdict.PASS for one in gate.criteria)
    if failing and passed:
        lines += [f"> ▲ All tasks together pass, but it clearly fails at {', '.join(failing)}.", ""]
    rows = [
        (
            code(one.tag),
            str(one.tasks),
            str(one.reflex),
            str(one.cloud),
            percent(one.value),
            "–" if one.bound is None else f"≥ {percent(one.bound)}",
            "clearly below" if one.fails else "",
        )
        for one in found
    ]
    head = ("tag", "tasks", "reflex", "cloud", "parity", "bound", "")
    lines += [*table(head, rows, "lrrrrrl"), ""]
    return [*lines, "A bound far under the parity says that so few tasks prove little.", ""]


def _arms(report: Report, figures: dict[str, ArmSummary]) -> list[str]:
    candidate = report.pair[0]
    names = [code(one) + (" (candidate)" if one == candidate else "") for one in report.arms]
    rows: list[list[str]] = [
        ["model", *(code(one.model) for one in report.arms.values())],
        ["served by", *(code(one.label or one.server_identity) for one in report.arms.values())],
    ]
    columns = [_column(one) for one in figures.values()]
    labels = dict.fromkeys(label for column in columns for label in column)
    rows += [[label, *(column.get(label, "–") for column in columns)] for label in labels]
    shown = [row for row in rows if any(cell != "–" for cell in row[1:])]
    return ["## Arms", "", *table(["", *names], shown, "l" + "r" * len(names)), ""]


def _column(one: ArmSummary) -> dict[str, str]:
    """An arm's figures by their labels."""
    column = {
        "solved": _share(one.solved, one.trials, one.solved_percent),
        "solved at first attempt": _share(one.solved_first, one.trials, one.solved_first_percent),
    }
    for level, at in one.by_level.items():
        column[f"solved at level {level}"] = _share(
            at.solved, at.trials, 100 * at.solved / at.trials
        )
        column[f"level {level}: tokens, time per trial, P50"] = (
            f"{'–' if at.tokens is None else f'{at.tokens:,.0f}'}, {duration(at.took_ms)}"
        )
    for rung, (won, asked) in one.by_rung.items():
        column[f"solved at {rung}, of those asked so"] = _share(won, asked, 100 * won / asked)
    rate = "–" if one.tokens_per_s is None else f"{one.tokens_per_s:.0f}"
    return column | {
        "TTFT, P50 / P95": f"{duration(one.ttft_p50_ms)} / {duration(one.ttft_p95_ms)}",
        "total, P50 / P95": f"{duration(one.total_p50_ms)} / {duration(one.total_p95_ms)}",
        one.compliance_title: _share(one.compliant, one.replies, one.compliance_percent),
        "solutions that lint accepts": percent(one.lint_percent),
        "lines changed, median": "–" if one.lines_changed is None else f"{one.lines_changed:g}",
        "code fences taken off": f"{one.fences_stripped:,}" if one.fences_stripped else "–",
        "tokens/s, median": rate,
        "prompt tokens": count(one.prompt_tokens),
        "prompt tokens from cache": count(one.cached_tokens),
        "completion tokens": count(one.completion_tokens),
        "cost": "–" if one.cost_usd is None else f"{one.cost_usd:,.4f} USD",
    }


def _latency(report: Report, gate: GateResult) -> list[str]:
    arms = {
        name: [
            attempt.answered_ms
            for one in report.trials
            if one.arm == name
            for attempt in one.attempts
        ]
        for name in report.arms
    }
    drawn = chart(arms, gate.criteria[0].threshold)
    if not drawn:
        return []
    words = (
        "How often each latency was observed, request to last byte, on a logarithmic axis. A "
        f"candidate's request timed out after {duration(report.settings.request_timeout_ms)}."
    )
    return ["## Latency", "", words, "", *fence("\n".join(drawn), "text"), ""]


def _candidates(figures: dict[str, ArmSummary]) -> list[str]:
    lines: list[str] = []
    for one in figures.values():
        gain = one.gain
        if gain is None:
            continue
        first = str(gain.first_solved)
        if gain.first_unknown:
            first += f" (and up to {gain.first_unknown} more, cancelled when another had passed)"
        rows = [
            ["first attempts solved", first, f"{gain.any_solved} of {gain.attempts}"],
            ["completion tokens", count(gain.tokens_first), count(gain.tokens_all)],
            ["latency, P50", duration(gain.first_p50_ms), duration(gain.winner_p50_ms)],
        ]
        head = [code(one.arm), "first reply alone", f"any of {gain.candidates}"]
        lines += [*table(head, rows, "lrr"), ""]
    return ["## Gain from parallel replies", "", *lines] if lines else []


def _false_alarms(report: Report, gate: GateResult) -> list[str]:
    if "aa" not in report.stamps:
        return []
    first, second = report.pair
    seen = false_alarm_rate(report.trials, first=first, second=second, thresholds=report.thresholds)
    words = (
        f"Both arms are the same model, and parity came to {gate.criteria[1].state.value}. When "
        f"the results of its {seen.tasks} tasks are shuffled between both arms {seen.rounds:,} "
        f"times, the gate fails {percent(100 * seen.failed)} of them and leaves "
        f"{percent(100 * seen.inconclusive)} undecided."
    )
    return ["## False alarms", "", words, ""]


def _share(part: int, whole: int, share: float | None) -> str:
    return f"{part:,} of {whole:,} ({percent(share)})" if whole else "–"
