"""Success parity for each kind of task: what a pooled figure may hide."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from core.harness.gate.statistics import PairedTable, student_cdf
from core.harness.report.derived import solved

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.harness.report.document import Report

_LEAST_TASKS = 2


@dataclass(frozen=True, slots=True)
class TagParity:
    """Parity at the tasks with one tag; ``value`` and ``bound`` in percent, None without any.

    ``p_value`` is the chance of so low a parity if the truth were at the threshold; ``fails`` says
    that it clearly is below, with all tags tested at once.
    """

    tag: str
    tasks: int
    reflex: int
    cloud: int
    value: float | None
    bound: float | None
    p_value: float
    fails: bool = False

    def as_json(self) -> dict[str, Any]:
        """In RFC JSON."""
        return {
            "tag": self.tag,
            "tasks": self.tasks,
            "reflex": self.reflex,
            "cloud": self.cloud,
            "value": self.value,
            "bound": self.bound,
            "fails": self.fails,
        }


def parity_by_tag(report: Report) -> tuple[TagParity, ...]:
    """Each tag that some but not all tasks have, those that clearly fail marked (Holm, 1979)."""
    results = _results(report)
    tags = sorted({tag for task in results for tag in report.suite.tags.get(task, ())})
    found = []
    for tag in tags:
        own = [pairs for task, pairs in results.items() if tag in report.suite.tags.get(task, ())]
        if len(own) < len(results):
            found.append(_of_tag(tag, own, report))
    return holm(found, 1 - report.thresholds.confidence)


def holm(found: Sequence[TagParity], alpha: float) -> tuple[TagParity, ...]:
    """Those that fail when all are tested at once with an error of ``alpha`` in all."""
    failing: set[str] = set()
    for number, one in enumerate(sorted(found, key=lambda each: each.p_value)):
        if one.p_value > alpha / (len(found) - number):
            break
        failing.add(one.tag)
    return tuple(replace(one, fails=one.tag in failing) for one in found)


def _results(report: Report) -> dict[str, list[tuple[bool, bool]]]:
    """Both arms' results at every task that both tried, trial by trial."""
    candidate, baseline = report.pair
    arms = {
        arm: {
            (one.task, one.trial): solved(report, one)
            for one in report.trials
            if one.arm == arm and one.trial < report.settings.trials
        }
        for arm in (candidate, baseline)
    }
    tasks: dict[str, list[tuple[bool, bool]]] = {}
    for key in sorted(arms[candidate].keys() & arms[baseline].keys()):
        tasks.setdefault(key[0], []).append((arms[candidate][key], arms[baseline][key]))
    return tasks


def _of_tag(tag: str, own: Sequence[Sequence[tuple[bool, bool]]], report: Report) -> TagParity:
    table = PairedTable.of(own)
    confidence = report.thresholds.confidence
    return TagParity(
        tag=tag,
        tasks=table.tasks,
        reflex=table.a + table.b,
        cloud=table.a + table.c,
        value=None if table.ratio is None else 100 * table.ratio,
        bound=100 * table.lower_bound(confidence) if confidence > 0 else None,
        p_value=_p_value(table, report.thresholds.success_parity_percent / 100),
    )


def _p_value(table: PairedTable, wanted: float) -> float:
    """Of parity being at ``wanted`` or above; 1 where so few tasks say nothing against it."""
    if table.tasks < _LEAST_TASKS or wanted <= 0 or 2 * (table.a + table.c) < table.pairs:
        return 1.0
    score = table.score(wanted) * math.sqrt((table.tasks - 1) / table.tasks)
    return 1 - student_cdf(-score, table.tasks - 1) if score < 0 else 1.0
