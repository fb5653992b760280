"""The verdict of a report, derived from its trials alone: what it says of itself does not count."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from core.harness.gate.criteria import P95_LATENCY, Criterion, GateThresholds, Verdict
from core.harness.gate.judge import GateResult, conclude, judge, solved_in_time

if TYPE_CHECKING:
    from core.harness.report.document import Report
    from core.patchloop.trial import Trial

EXIT_STATUS = {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.INCONCLUSIVE: 3}


def rederive(
    report: Report, *, thresholds: GateThresholds | None = None, timeout_ms: float | None = None
) -> GateResult:
    """Judge the report's trials, by its own thresholds and deadline (ms) unless others are given.

    Latencies of shards that ran on different hardware are no sample of anything: the latency
    criterion is then inconclusive.
    """
    candidate, baseline = report.pair
    gate = judge(
        report.trials,
        reflex=candidate,
        cloud=baseline,
        thresholds=thresholds or report.thresholds,
        timeout_ms=timeout_ms or deadline_ms(report),
        plan=report.plan,
        latency_calls=report.latency_calls,
        golden=report.suite.golden,
        trials_each=report.settings.trials,
        edit_format=report.settings.edit_format,
    )
    if "mixed_hardware" not in report.stamps:
        return gate
    judged = conclude(tuple(map(_without_latency, gate.criteria)))
    return replace(judged, looks=gate.looks, standing=gate.standing)


def deadline_ms(report: Report) -> float:
    """The time limit of the candidate arm's replies; ms."""
    arm = report.arms.get(report.pair[0])
    return arm.timeout_ms if arm else report.settings.timeout_ms


def solved(report: Report, trial: Trial) -> bool:
    """Whether a trial of the report counts as solved; the candidate arm's only when in time."""
    candidate = trial.arm == report.pair[0]
    return solved_in_time(trial, deadline_ms(report) if candidate else None)


def _without_latency(criterion: Criterion) -> Criterion:
    if criterion.name != P95_LATENCY:
        return criterion
    return replace(
        criterion,
        value=None,
        bound=None,
        state=Verdict.INCONCLUSIVE,
        note="shards ran on different hardware, so their latencies are not pooled",
        needed=None,
        remedy="run all shards on one kind of machine",
    )
