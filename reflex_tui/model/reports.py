"""Bakeoff reports: the list of them, and one whole with what a person wants to see of it.

A report that cannot be read is listed with the reason.
"""

from __future__ import annotations

import fnmatch
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from json import JSONDecodeError
from typing import TYPE_CHECKING, Any

from core.errors import SuiteError, UnsafeFile
from core.files import names_in, read_state
from core.harness import bounded_json
from core.harness.report.derived import rederive, solved
from core.harness.report.origins import by_origin
from core.harness.report.power import power_of
from core.harness.report.storage import MAX_BYTES, PATTERN, order_made, read
from core.harness.report.summary import summaries
from core.harness.report.tags import parity_by_tag
from core.harness.suites.loading import available_suites, load_suite
from core.plain import plain
from core.stages import CLOUD
from reflex_tui.model.gate import figures_of
from reflex_tui.model.rows import number, parse_time, word

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from core.harness.gate.judge import GateResult
    from core.harness.report.document import Report
    from core.harness.report.origins import OriginShare
    from core.harness.report.power import EqualPower
    from core.harness.report.summary import ArmSummary
    from core.harness.report.tags import TagParity
    from core.patchloop.trial import Trial


MOST = 200
_GATE = ("verdict", "misses", "criteria", "metrics")
_STEM = "reflex-bakeoff-%Y%m%dT%H%M%SZ"

Stamp = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class ListedReport:
    """One report; ``problem`` says why it cannot be read, and then the rest is empty.

    ``gate`` is what the gate table is drawn from; ``decides`` is what an inconclusive one lacks.
    Of the candidate there are its ``model`` and how many ``tasks`` it tried and ``solved``.
    ``suite_root`` is where the suite lies: a name for one that ships, else a path.
    """

    path: Path
    at: datetime | None = None
    verdict: str = ""
    suite: str = ""
    arms: tuple[str, ...] = ()
    stamps: tuple[str, ...] = ()
    gate: dict[str, Any] | None = None
    decides: str = ""
    problem: str = ""
    model: str = ""
    solved: int | None = None
    tasks: int | None = None
    suite_root: str = ""

    @property
    def name(self) -> str:
        """The file's name."""
        return plain(self.path.name, 120)

    def read(self) -> Any:
        """The whole document, or what is wrong with it."""
        if self.problem:
            return {"problem": self.problem}
        try:
            return bounded_json.loads(read_state(self.path, limit=MAX_BYTES))
        except (OSError, ValueError) as error:
            return {"problem": plain(error, 200)}


def newest(directory: Path) -> list[tuple[Path, Stamp]]:
    """The newest reports' files, newest first by name, with what tells that one has changed."""
    found = []
    try:
        names = fnmatch.filter(names_in(directory), PATTERN)
    except OSError:
        return []
    for path in map(directory.joinpath, sorted(names, key=order_made, reverse=True)[:MOST]):
        try:
            status = path.lstat()
        except OSError:
            continue
        found.append((path, (path.name, status.st_mtime_ns, status.st_size)))
    return found


def read_report(path: Path) -> ListedReport:
    """The report in ``path``; never raises."""
    at = _time_in_name(path)
    try:
        document = bounded_json.loads(read_state(path, limit=MAX_BYTES))
    except UnsafeFile as error:
        return ListedReport(path, at, problem=error.message)
    except OSError as error:
        return ListedReport(path, at, problem=error.strerror or "cannot be read")
    except (JSONDecodeError, UnicodeDecodeError):
        return ListedReport(path, at, problem="not JSON")
    except ValueError as error:
        return ListedReport(path, at, problem=plain(error, 100))
    if not isinstance(document, dict):
        return ListedReport(path, at, problem="not a report")
    gate = document.get("gate")
    gate = gate if isinstance(gate, dict) else document
    ended = document.get("finished_at") or document.get("created_at")
    return ListedReport(
        path,
        at if ended is None else parse_time(ended),
        verdict=word(document, "verdict") or word(gate, "verdict"),
        suite=_suite(document),
        suite_root=_suite(document, "root"),
        arms=_names(document.get("arms")),
        stamps=_names(document.get("stamps")),
        gate={key: gate.get(key) for key in _GATE},
        decides=word(gate, "decides"),
        **_candidate(document),
    )


def _candidate(document: dict[str, Any]) -> dict[str, Any]:
    """The model of the first arm that is no cloud, and its tasks with at least one solved trial."""
    arms, trials = document.get("arms"), document.get("trials")
    name = next((arm for arm in arms if arm != CLOUD), None) if isinstance(arms, dict) else None
    if name is None or not isinstance(trials, list):
        return {}
    mine = [each for each in trials if isinstance(each, dict) and each.get("arm") == name]
    solved = {str(each.get("task")) for each in mine if each.get("solved") is True}
    of = arms[name] if isinstance(arms, dict) else {}
    return {
        "model": word(of, "model") if isinstance(of, dict) else "",
        "solved": len(solved),
        "tasks": len({str(each.get("task")) for each in mine}),
    }


@dataclass(frozen=True, slots=True)
class Measured:
    """A report's figures: percentages, and the P95 in ms (∞: calls without a reply)."""

    parity: float | None
    parity_bound: float | None
    p95: float | None
    json: float | None


def measured(report: ListedReport) -> Measured:
    """The gate's figures of a report, whatever else its gate has."""
    found = figures_of(report.gate or {})
    parity = found.get("success_parity", {})
    p95 = found.get("p95_latency", {})
    endless = number(p95, "value") is None and p95.get("state") == "fail"
    return Measured(
        number(parity, "value"),
        number(parity, "bound"),
        math.inf if endless else number(p95, "value"),
        number(found.get("json_compliance", {}), "value"),
    )


def _suite(document: dict[str, Any], key: str = "name") -> str:
    suite = document.get("suite")
    return word(suite, key) if isinstance(suite, dict) else word(document, "suite")


def _names(value: object) -> tuple[str, ...]:
    """Names from a list of names, a list of objects with ``name``, or an object by name."""
    if isinstance(value, dict):
        value = list(value)
    if not isinstance(value, list):
        return ()
    names = (each.get("name") if isinstance(each, dict) else each for each in value[:16])
    return tuple(plain(name, 40) for name in names)


def _time_in_name(path: Path) -> datetime | None:
    try:
        return datetime.strptime(path.stem, _STEM).replace(tzinfo=UTC)
    except ValueError:
        return None


class Won(StrEnum):
    """Who solved a task at least once; in the order a reader wants them."""

    SECOND_ALONE = "second"
    FIRST_ALONE = "first"
    NEITHER = "neither"
    BOTH = "both"
    UNTRIED = "untried"


@dataclass(frozen=True, slots=True)
class TaskResult:
    """One task: who won, and every trial by arm, in order; its tags, and whether it is golden."""

    task: str
    level: int | None
    won: Won
    trials: Mapping[str, tuple[Trial, ...]]
    tags: tuple[str, ...] = ()
    golden: bool = False

    @property
    def alone(self) -> bool:
        """Only one arm solved it, though both tried."""
        return self.won in {Won.FIRST_ALONE, Won.SECOND_ALONE}


@dataclass(frozen=True, slots=True)
class Detail:
    """``gate`` is derived from the trials; ``latencies`` are by arm, in ms, ∞ without reply.

    ``power`` is what a model as good as the cloud would get; None where it cannot be said.
    ``kinds`` is parity for each tag of the tasks, ``origins`` what was solved by their origin.
    """

    path: Path
    report: Report
    gate: GateResult
    figures: Mapping[str, ArmSummary]
    latencies: Mapping[str, tuple[float, ...]]
    tasks: tuple[TaskResult, ...]
    left_out: tuple[str, ...]
    power: EqualPower | None = None
    kinds: tuple[TagParity, ...] = ()
    origins: tuple[OriginShare, ...] = ()

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
        power=power_of(report),
        kinds=parity_by_tag(report),
        origins=by_origin(report),
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
            report.suite.tags.get(task, ()),
            task in report.suite.golden,
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
