"""An earlier report's cloud trials, where they may stand in for new ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import ReportError
from core.harness.report.model import CLOUD
from core.plain import plain

if TYPE_CHECKING:
    from core.harness.gate.trial import Trial
    from core.harness.report.model import ArmRecord, Report, RunSettings, Stamp

# What such a trial was worth, it is worth wherever it is used again.
_INHERITED: tuple[Stamp, ...] = ("demo", "scripted", "unsandboxed", "server_changed")


@dataclass(frozen=True, slots=True)
class Reusable:
    """Trials of the cloud arm, who answered them, and the stamps they bring along."""

    trials: tuple[Trial, ...]
    arm: ArmRecord
    stamps: tuple[Stamp, ...]


def reusable_cloud_trials(
    report: Report,
    *,
    suite_hash: str,
    tasks: tuple[str, ...],
    prompt_hash: str,
    schema_hash: str,
    endpoint: str,
    model: str,
    settings: RunSettings,
    name: str = CLOUD,
) -> Reusable:
    """The trials of arm ``name`` at ``tasks`` that a run of the same arm and settings may take.

    A trial that the report lacks is left out, for the run to make.

    Raises:
        ReportError: The report has none, or was made in other circumstances; says which differ.
    """
    arm = report.arms.get(name)
    if arm is None:
        raise ReportError(f"the report has no arm {plain(name, 80)!r} to reuse")
    was, now = report.settings, settings
    pairs: dict[str, tuple[object, object]] = {
        "suite": (report.suite.hash, suite_hash),
        "prompt": (report.prompt_hash, prompt_hash),
        "reply schema": (report.schema_hash, schema_hash),
        "endpoint": (arm.endpoint, endpoint),
        "model": (arm.model, model),
        "attempts": (was.attempts, now.attempts),
        "edit format": (was.edit_format, now.edit_format),
    }
    differing = [
        f"{what} was {plain(before, 80)} and is {plain(after, 80)}"
        for what, (before, after) in pairs.items()
        if before != after
    ]
    if differing:
        raise ReportError(
            f"trials of {plain(name, 80)} cannot be reused: {'; '.join(differing)}",
            remedy="Run without --reuse-cloud, or with the settings of that report.",
        )
    wanted = set(tasks)
    trials = tuple(
        one
        for one in report.trials
        if one.arm == name and one.task in wanted and one.trial < now.trials
    )
    if not trials:
        raise ReportError(f"the report has no trial of {plain(name, 80)} at the tasks to be run")
    inherited = tuple(one for one in _INHERITED if one in report.stamps)
    return Reusable(trials, arm, inherited)
