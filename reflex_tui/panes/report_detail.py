"""A report whole, with what a person wants to see of it: figures, latencies, who solved what."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from core.errors import SuiteError
from core.harness.report.files import read
from core.harness.report.summary import summaries
from core.harness.report.verdict import rederive, solved
from core.harness.suites.find import available_suites, load_suite

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from core.harness.gate.judge import GateResult
    from core.harness.gate.trial import Trial
    from core.harness.report.model import Report
    from core.harness.report.summary import ArmSummary


class Won(StrEnum):
    """Who solved a task at least once; in the order a reader wants them."""

    SECOND_ALONE = "second"
    FIRST_ALONE = "first"
    NEITHER = "neither"
    BOTH = "both"
    UNTRIED = "untried"


@dataclass(frozen=True, slots=True)
class TaskResult:
    """One task: who won, and every trial by arm, in order."""

    task: str
    level: int | None
    won: Won
    trials: Mapping[str, tuple[Trial, ...]]

    @property
    def alone(self) -> bool:
        """Only one arm solved it, though both tried."""
        return self.won in {Won.FIRST_ALONE, Won.SECOND_ALONE}


@dataclass(frozen=True, slots=True)
class Detail:
    """``gate`` is derived from the trials; ``latencies`` are by arm, in ms, ∞ without reply."""

    path: Path
    report: Report
    gate: GateResult
    figures: Mapping[str, ArmSummary]
    latencies: Mapping[str, tuple[float, ...]]
    tasks: tuple[TaskResult, ...]
    left_out: tuple[str, ...]

    @property
    def alone(self) -> tuple[TaskResult, ...]:
        """The tasks that only one arm solved, those of the cloud alone first."""
        return tuple(one for one in self.tasks if one.alone)


def read_detail(path: Path, workspace: Path) -> Detail:
    """The report at ``path``; ``workspace`` is where its suite's path starts from.

    Raises:
        ReportError: It cannot be read, or is no bakeoff report.
    """
    report = read(path)
    return Detail(
        path=path,
        report=report,
        gate=rederive(report),
        figures=summaries(report),
        latencies={
            name: tuple(a.answered_ms for t in report.trials if t.arm == name for a in t.attempts)
            for name in report.arms
        },
        tasks=_tasks(report),
        left_out=_left_out(report, workspace),
    )


def _tasks(report: Report) -> tuple[TaskResult, ...]:
    by_task: dict[str, dict[str, list[Trial]]] = {task: {} for task in report.suite.selected}
    for trial in report.trials:
        by_task[trial.task].setdefault(trial.arm, []).append(trial)
    results = [
        TaskResult(
            task,
            report.suite.levels.get(task),
            _won(report, trials),
            {arm: tuple(trials.get(arm, ())) for arm in report.arms},
        )
        for task, trials in by_task.items()
    ]
    order = list(Won)
    return tuple(sorted(results, key=lambda one: (order.index(one.won), one.task)))


def _won(report: Report, trials: Mapping[str, list[Trial]]) -> Won:
    first, second = (trials.get(name, []) for name in report.pair)
    by_first = any(solved(report, one) for one in first)
    by_second = any(solved(report, one) for one in second)
    if not first or not second:
        return Won.UNTRIED
    if by_first and by_second:
        return Won.BOTH
    if by_first or by_second:
        return Won.FIRST_ALONE if by_first else Won.SECOND_ALONE
    return Won.NEITHER


def _left_out(report: Report, workspace: Path) -> tuple[str, ...]:
    """What the suite, as it is here now, leaves out; nothing when it is not here."""
    root = report.suite.root
    try:
        known = root in available_suites()
        return load_suite(root if known else workspace / root).left_out
    except SuiteError:
        return ()
