"""What a bakeoff would ask, take and cost before it starts, or why it would be refused.

Interrupted bakeoffs are found by their journals, to be resumed.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.errors import ReflexError, SandboxError
from core.figures import day_time, percent
from core.files import MOST_BYTES, open_state
from core.harness.bakeoff.arms import check_key, choose_arms
from core.harness.bakeoff.journal import journals_in
from core.harness.bakeoff.plan import Scope
from core.harness.bakeoff.preparation import PreparedRun
from core.harness.gate.criteria import GateThresholds
from core.harness.gate.power import power_of_an_equal
from core.harness.gate.statistics import LEAST_CONFIDENCE
from core.harness.report.power import power_of
from core.harness.report.storage import read
from core.harness.sandbox import Tier
from core.plain import plain
from core.router.promotion import other_suite
from core.settings.suites import counts
from core.settings.thresholds import judged
from reflex_tui.model.reports import newest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from core.harness.bakeoff.arms import Arm
    from core.harness.bakeoff.plan import Plan
    from core.harness.report.document import Report
    from core.harness.sandbox import SelfTest
    from core.patchloop.trial import Attempt
    from core.settings import Settings


UNKNOWN = "unknown yet"
_ASSUMED_SHARE = 0.9
_ENOUGH_OF_100 = 50
_MOST_READ = 5
_MOST_HEAD = 1 << 20


@dataclass(frozen=True, slots=True)
class PastRuns:
    """What earlier replies took: the newest useful report, and P50 of live calls by mode, in ms."""

    report: Report | None = None
    live_ms: Mapping[str, float | None] | None = None


@dataclass(frozen=True, slots=True)
class ArmEstimate:
    """One arm: calls at least and at most; seconds and USD a trial, None where nothing tells."""

    name: str
    model: str
    local: bool
    calls_least: int
    calls_most: int
    trial_s: float | None
    trial_usd: float | None


@dataclass(frozen=True, slots=True)
class SuitePower:
    """Of 100 first runs of a model as good as the cloud, parity clears in about ``of_100``.

    That is where the cloud solves ``cloud_percent``: in the newest report on these tasks, or as
    ``assumed``.
    """

    of_100: int
    cloud_percent: float
    assumed: bool

    @property
    def words(self) -> str:
        """Whether so many tasks can reach a verdict at all."""
        if not self.of_100:
            return "too few tasks: even a model as good as the cloud stays undecided"
        few = "few tasks: " if self.of_100 < _ENOUGH_OF_100 else ""
        return f"{few}a model as good as the cloud clears parity in {self.of_100} of 100 runs"

    @property
    def basis(self) -> str:
        """What it is taken from."""
        where = "assumed" if self.assumed else "as in the newest report on it"
        return f"cloud solves {percent(self.cloud_percent)}, {where}"

    @property
    def enough(self) -> bool:
        """Whether a verdict is likely."""
        return self.of_100 >= _ENOUGH_OF_100


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a plan comes to; ``basis`` says what the time is taken from, ``limits`` what it lacks.

    ``selected`` of the suite's ``tasks`` are run; ``left_out`` are those the suite itself cannot
    use. ``usd`` is the cloud's price in all, None where it is unknown: ``usd_why`` says why.
    ``power`` is what so many tasks can show; None where the gate asks for no bound.
    """

    suite: str
    selected: int
    tasks: int
    left_out: tuple[str, ...]
    trials: int
    arms: tuple[ArmEstimate, ...]
    seconds: float | None
    basis: str
    usd: float | None
    usd_why: str
    limits: str
    power: SuitePower | None = None

    @property
    def calls(self) -> tuple[int, int]:
        """At least, when every first attempt solves; at most, when none does."""
        return sum(a.calls_least for a in self.arms), sum(a.calls_most for a in self.arms)


def past_of(directory: Path, live_ms: Mapping[str, float | None]) -> PastRuns:
    """What is known from the newest report of this machine that saw both arms answer."""
    for path, _ in newest(directory)[:_MOST_READ]:
        with contextlib.suppress(ReflexError):
            report = read(path)
            here = "recorded" not in report.stamps
            if here and {one.arm for one in report.trials} == set(report.arms):
                return PastRuns(report, live_ms)
    return PastRuns(None, live_ms)


def estimate(settings: Settings, plan: Plan, past: PastRuns, self_test: SelfTest) -> Estimate:
    """What ``plan`` would come to; reads the suite, asks nobody.

    Raises:
        ConfigError: The plan cannot be run as configured: no such arm, no key for the cloud.
        SuiteError: There is no such suite or task.
        SandboxError: No sandbox passes its self-test.
    """
    scope = Scope.of(plan, settings)
    arms = choose_arms(settings, plan.arms, aa=plan.aa)
    for arm in arms.values():
        check_key(arm, settings)
    if self_test.tier is Tier.NONE:
        raise SandboxError(
            f"model-written code would run without a sandbox: {self_test.reason}",
            remedy="Install bubblewrap. Without one, from the command line alone: "
            "--allow-unsandboxed; such a run is marked and cannot enable reflex.",
        )
    prepared = PreparedRun(scope, arms, tuple(arms), self_test, None)
    each = tuple(_arm(one, scope, past) for one in arms.values())
    number = len(scope.tasks) * plan.trials
    usd, usd_why = _usd(settings, each, number)
    return Estimate(
        suite=scope.suite.name,
        selected=len(scope.tasks),
        tasks=len(scope.suite.tasks),
        left_out=scope.suite.left_out,
        trials=plan.trials,
        arms=each,
        seconds=_seconds(each, number, plan.concurrency),
        basis=_basis(each, past),
        usd=usd,
        usd_why=usd_why,
        limits=prepared.no_decision_because() or _other_suite(scope),
        power=_power(scope, past),
    )


def _other_suite(scope: Scope) -> str:
    reflex = scope.settings.reflex
    if counts(scope.root, reflex.suites):
        return ""
    return other_suite(scope.root, reflex).beforehand


def _power(scope: Scope, past: PastRuns) -> SuitePower | None:
    thresholds = GateThresholds(**judged(scope.settings.reflex.thresholds))
    if thresholds.confidence < LEAST_CONFIDENCE or not scope.tasks:
        return None
    known = power_of(past.report) if past.report else None
    same = past.report is not None and past.report.suite.hash == scope.suite_hash
    share = known.cloud_percent / 100 if known and same else _ASSUMED_SHARE
    found = power_of_an_equal(len(scope.tasks), round(share, 2), thresholds)
    return SuitePower(round(100 * found), 100 * share, assumed=not (known and same))


def _arm(arm: Arm, scope: Scope, past: PastRuns) -> ArmEstimate:
    asked = scope.candidates if arm.local else 1
    least = len(scope.tasks) * scope.plan.trials * asked
    return ArmEstimate(
        arm.name,
        arm.backend.model,
        arm.local,
        least,
        least * scope.attempts,
        _trial_s(arm, past),
        None if arm.local else _trial_usd(arm, past.report, scope.settings),
    )


def _reported(arm: Arm, report: Report | None) -> list[tuple[Attempt, ...]]:
    """The attempts of each trial that the report has of the arm's model."""
    if report is None:
        return []
    names = {name for name, one in report.arms.items() if one.model == arm.backend.model}
    return [one.attempts for one in report.trials if one.arm in names]


def _trial_s(arm: Arm, past: PastRuns) -> float | None:
    trials = _reported(arm, past.report)
    if trials and past.report is not None:
        took = [min(a.latency_ms, arm.request_timeout_ms) for one in trials for a in one]
        return sum(took) / len(trials) / 1000 + _beside_s(past.report)
    live_ms = (past.live_ms or {}).get(arm.backend.mode)
    return None if live_ms is None else live_ms / 1000


def _beside_s(report: Report) -> float:
    """What a trial took beside the model's replies: tests and lint, above all."""
    if report.partial or report.reused_from or report.settings.concurrency > 1:
        return 0.0
    replies_ms = sum(
        one.latency_ms
        for trial in report.trials
        for one in trial.attempts
        if math.isfinite(one.latency_ms)
    )
    wall_s = (report.finished_at - report.created_at).total_seconds()
    return max(0.0, wall_s - replies_ms / 1000) / max(1, len(report.trials))


def _seconds(arms: tuple[ArmEstimate, ...], number: int, at_once: int) -> float | None:
    if any(one.trial_s is None for one in arms):
        return None
    return sum(one.trial_s or 0.0 for one in arms) * number / at_once


def _basis(arms: tuple[ArmEstimate, ...], past: PastRuns) -> str:
    if past.report is not None:
        known = {one.model for one in past.report.arms.values()}
        if all(one.model in known for one in arms):
            return f"from the report of {day_time(past.report.finished_at)}"
    if any(one.trial_s is None for one in arms):
        unknown = ", ".join(dict.fromkeys(one.name for one in arms if one.trial_s is None))
        return f"no earlier reply of {unknown} to estimate from"
    return "from the latest calls; retries and tests come on top"


def _trial_usd(arm: Arm, report: Report | None, settings: Settings) -> float | None:
    price_in, price_out = (
        settings.cloud.price_input_per_million,
        settings.cloud.price_output_per_million,
    )
    attempts = [a for one in _reported(arm, report) for a in one]
    trials = len(_reported(arm, report))
    counted = [a for a in attempts if a.prompt_tokens is not None]
    if price_in is None or price_out is None or not counted:
        return None
    paid = sum(
        (a.prompt_tokens or 0) * price_in + (a.completion_tokens or 0) * price_out for a in counted
    )
    return paid / trials / 1e6


def _usd(
    settings: Settings, arms: tuple[ArmEstimate, ...], number: int
) -> tuple[float | None, str]:
    paid = [one for one in arms if not one.local]
    if not paid:
        return None, "nothing: both arms are local"
    cloud = settings.cloud
    if cloud.price_input_per_million is None or cloud.price_output_per_million is None:
        return None, f"{UNKNOWN}: [cloud] has no price_input/output_per_million"
    if any(one.trial_usd is None for one in paid):
        return None, f"{UNKNOWN}: no report counts the tokens of {paid[0].model}"
    return sum(one.trial_usd or 0.0 for one in paid) * number, ""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A run's journal: ``done`` of ``total`` trials; ``under_way`` while a process runs it.

    ``about`` is what the run is about as its journal says. It is shown and used to ask for the
    same again; whether it may be resumed is for the bakeoff itself to find out.
    """

    path: Path
    done: int
    total: int
    under_way: bool
    about: dict[str, Any]

    @property
    def suite(self) -> str:
        """The suite's name, or its path from the workspace."""
        return plain(self.about.get("suite") or "?", 80)

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms' names."""
        arms = self.about.get("arms")
        return tuple(plain(name, 40) for name in arms) if isinstance(arms, dict) else ()


def newest_unfinished(directory: Path) -> Unfinished | None:
    """The journal that was written to last; None without one that can be read."""
    try:
        found = journals_in(directory)
    except ReflexError:
        return None
    return _read(found[0]) if found else None


def _read(path: Path) -> Unfinished | None:
    try:
        with os.fdopen(open_state(path), "rb") as file:
            under_way = _is_locked(file.fileno())
            if os.fstat(file.fileno()).st_size > MOST_BYTES:
                return None
            about = json.loads(file.readline(_MOST_HEAD)).get("about")
            done = sum(line.endswith(b"\n") for line in file)
    except (OSError, ValueError, RecursionError, AttributeError):
        return None
    if not isinstance(about, dict):
        return None
    return Unfinished(path, done, _total(about), under_way, about)


def _is_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return False


def _total(about: dict[str, Any]) -> int:
    tasks, arms, trials = about.get("tasks"), about.get("arms"), about.get("trials")
    if isinstance(tasks, list) and isinstance(arms, dict) and isinstance(trials, int):
        return len(tasks) * len(arms) * trials
    return 0


def plan_to_resume(unfinished: Unfinished, workspace: Path) -> Plan:
    """The plan that resumes it, given that all its options are known.

    Raises:
        ConfigError: The journal says something that no plan can be made of.
        ReportError: It lends a report's trials, and which file that was is not known.
    """
    from core.errors import ConfigError, ReportError  # with the harness
    from core.harness.bakeoff.plan import Plan  # when it is wanted
    from core.patchloop.formats import EditFormat

    about = unfinished.about
    if about.get("reused_report"):
        raise ReportError(
            "this bakeoff takes its cloud trials from an earlier report",
            remedy="Name that report: code reflex bakeoff --resume --reuse-cloud REPORT",
        )
    suite, shard = str(about.get("suite")), about.get("shard")
    try:
        return Plan(
            suite=str((workspace / suite).resolve()) if suite.startswith("./") else suite,
            arms=tuple(about["arms"]),
            trials=int(about["trials"]),
            tasks=str(about.get("glob") or "*"),
            attempts=int(about["attempts"]),
            candidates=int(about["candidates"]),
            edit_format=EditFormat(about["edit_format"]),
            concurrency=int(about["concurrency"]),
            shard=(int(shard[0]), int(shard[1])) if shard else None,
            aa="cloud-b" in about["arms"],
            out=unfinished.path.parent,
            resume=True,
        )
    except (KeyError, TypeError, ValueError, IndexError):
        raise ConfigError(
            f"{plain(unfinished.path.name, 120)} does not say with which options it was run",
            remedy="Resume it with: code reflex bakeoff --resume, and the same options as before.",
        ) from None
