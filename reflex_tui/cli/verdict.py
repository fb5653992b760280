"""A gate's verdict on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.harness.gate.criteria import Verdict
from core.harness.report.markdown import GLYPHS, bounds
from core.plain import plain
from reflex_tui.cli.output import coloured, columns

if TYPE_CHECKING:
    from core.harness.gate.judge import GateResult
    from core.harness.report.model import Report

COLOURS = {Verdict.PASS: "green", Verdict.FAIL: "red", Verdict.INCONCLUSIVE: "yellow"}


def gate_lines(gate: GateResult) -> list[str]:
    """A line a criterion: glyph, value, bound, threshold and what was seen."""
    rows = [
        (GLYPHS[one.state], one.title, *bounds(one), one.state.value, one.note)
        for one in gate.criteria
    ]
    head = ("", "criterion", "value", "bound", "threshold", "verdict", "seen")
    return columns([head, *rows], right=frozenset({2, 3, 4}))


def about(report: Report) -> str:
    """Who was on trial, against whom, at what."""
    models = [
        plain(report.arms[name].model, 80) if name in report.arms else "nobody"
        for name in report.pair
    ]
    stamps = f" [{', '.join(report.stamps)}]" if report.stamps else ""
    many = f"{len(report.suite.selected)} tasks"
    if report.subset:
        many = f"{len(report.suite.selected)} of {report.suite.tasks} tasks"
    return (
        f"{models[0]} against {models[1]}, {plain(report.suite.name, 80)}, "
        f"{many} × {report.settings.trials}{stamps}"
    )


def marked(verdict: Verdict, words: str) -> str:
    """``words`` with the verdict's glyph, in its colour where there is one."""
    return coloured(f"{GLYPHS[verdict]} {words}", COLOURS[verdict])
