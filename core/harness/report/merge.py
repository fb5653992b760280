"""Reports made of other reports: a run from its shards, and cloud trials used again.

Both refuse what does not belong together: another suite, model, prompt, or other settings.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from core.errors import ReportError
from core.harness.report.document import CLOUD
from core.harness.report.storage import build
from core.harness.sandbox.limits import Tier
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from core.harness.report.document import ArmRecord, Report, RunSettings, SandboxRecord, Stamp
    from core.patchloop.trial import Trial

_STRENGTH = {tier.value: -place for place, tier in enumerate(Tier)}
_REMEDY = "Merge the shards of one run: same suite, arms, settings and seed, --shard 1/N to N/N."
# What makes shards parts of one run; the words are for the message when one differs.
_SAME: dict[str, Callable[[Report], Any]] = {
    "suite": lambda one: one.suite.hash,
    "suite's name": lambda one: (one.suite.name, one.suite.root),
    "choice of tasks": lambda one: (one.suite.tasks, one.suite.glob),
    "prompt": lambda one: one.prompt_hash,
    "reply schema": lambda one: one.schema_hash,
    "choice of arms": lambda one: list(one.arms.items()),
    "settings": lambda one: one.settings.model_copy(update={"shard": None}),
    "thresholds": lambda one: one.thresholds,
    "reused cloud report": lambda one: one.reused_from,
    "version of this package": lambda one: one.environment.reflex_version,
}
# What limits such a trial limits it wherever it is used again.
_INHERITED: tuple[Stamp, ...] = ("demo", "scripted", "unsandboxed", "server_changed", "recorded")


@dataclass(frozen=True, slots=True)
class Reusable:
    """Trials of the cloud arm, who answered them, and the marks they bring along."""

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
    timeout_ms: float,
    settings: RunSettings,
    now: datetime,
    max_age_days: float,
    name: str = CLOUD,
) -> Reusable:
    """The trials of arm ``name`` at ``tasks`` that a run of the same arm and settings may take.

    A trial that the report lacks is left out, for the run to make. A model behind a cloud's name
    changes without notice, so trials older than a gate pass may be are not taken.

    Raises:
        ReportError: The report has none, or was made in other circumstances; says which differ.
    """
    arm = report.arms.get(name)
    if arm is None:
        raise ReportError(f"the report has no arm {plain(name, 80)!r} to reuse")
    age_days = (now - report.finished_at) / timedelta(days=1)
    if not -1 < age_days <= max_age_days:
        raise ReportError(
            f"trials of {plain(name, 80)} cannot be reused: the report is {age_days:.0f} days old, "
            f"and max_age_days is {max_age_days:g}",
            remedy="Run without --reuse-cloud.",
        )
    was, asked = report.settings, settings
    pairs: dict[str, tuple[object, object]] = {
        "suite": (report.suite.hash, suite_hash),
        "prompt": (report.prompt_hash, prompt_hash),
        "reply schema": (report.schema_hash, schema_hash),
        "endpoint": (arm.endpoint, endpoint),
        "model": (arm.model, model),
        "timeout_ms": (arm.timeout_ms, timeout_ms),
        "attempts": (was.attempts, asked.attempts),
        "edit format": (was.edit_format, asked.edit_format),
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
        if one.arm == name and one.task in wanted and one.trial < asked.trials
    )
    if not trials:
        raise ReportError(f"the report has no trial of {plain(name, 80)} at the tasks to be run")
    inherited = tuple(one for one in _INHERITED if one in report.stamps)
    return Reusable(trials, arm, inherited)


def merge(reports: Sequence[Report]) -> Report:
    """The report of the run whose shards ``reports`` are, in any order.

    It says what an unsharded run would have said. With shards missing it is marked ``partial``;
    when they ran on different hardware it is marked ``mixed_hardware`` and latency is not judged.
    The fingerprint's machine is that of the first shard, its capsule head empty unless all agree.

    Raises:
        ReportError: They are no shards, not of one run, or a shard or trial occurs twice.
    """
    if not reports:
        raise ReportError("there is nothing to merge", remedy=_REMEDY)
    shards = sorted(reports, key=lambda one: _part(one)[0])
    first = shards[0]
    for one in shards[1:]:
        differing = next((what for what, of in _SAME.items() if of(one) != of(first)), None)
        if differing:
            raise ReportError(
                f"shard {one.settings.shard} has another {differing} than shard "
                f"{first.settings.shard}",
                remedy=_REMEDY,
            )
    parts = [_part(one)[0] for one in shards]
    twice = next((part for part in parts if parts.count(part) > 1), None)
    if twice is not None:
        raise ReportError(f"shard {twice}/{_part(first)[1]} is there twice", remedy=_REMEDY)
    missing = len(parts) < _part(first)[1]
    selected = _selected(shards)
    levels = {task: level for one in shards for task, level in one.suite.levels.items()}
    tags = {task: own for one in shards for task, own in one.suite.tags.items()}
    golden = tuple(task for one in shards for task in one.suite.golden)
    return build(
        run_id=_run_id(shards),
        created_at=min(one.created_at for one in shards),
        finished_at=max(one.finished_at for one in shards),
        suite=first.suite.model_copy(
            update={"selected": selected, "levels": levels, "tags": tags, "golden": golden}
        ),
        arms=first.arms,
        settings=first.settings.model_copy(update={"shard": None}),
        thresholds=first.thresholds,
        prompt_hash=first.prompt_hash,
        schema_hash=first.schema_hash,
        sandbox=_weakest(one.sandbox for one in shards),
        environment=first.environment,
        trials=[trial for one in shards for trial in one.trials],
        latency_calls=[trial for one in shards for trial in one.latency_calls],
        stamps={
            *(stamp for one in shards for stamp in one.stamps),
            *(["partial"] if missing else []),
            *(["mixed_hardware"] if len({one.environment.hardware for one in shards}) > 1 else []),
        },
        capsule_head=first.capsule_head if len({one.capsule_head for one in shards}) == 1 else "",
        reused_from=first.reused_from,
    )


def _part(report: Report) -> tuple[int, int]:
    """Which part of how many it is.

    Raises:
        ReportError: It is none, or one beyond the last.
    """
    part, _, parts = (report.settings.shard or "").partition("/")
    if not parts or int(part) > int(parts):
        raise ReportError(
            f"the report of run {plain(report.run_id, 80)} is no shard of a run", remedy=_REMEDY
        )
    return int(part), int(parts)


def _selected(shards: Sequence[Report]) -> tuple[str, ...]:
    """All tasks in order of their ids.

    Raises:
        ReportError: A task is in two shards.
    """
    tasks = [task for one in shards for task in one.suite.selected]
    if len(set(tasks)) < len(tasks):
        twice = next(task for task in tasks if tasks.count(task) > 1)
        raise ReportError(f"task {plain(twice, 80)!r} is in two shards", remedy=_REMEDY)
    return tuple(sorted(tasks))


def _weakest(sandboxes: Iterable[SandboxRecord]) -> SandboxRecord:
    """The least of them: a run is as safe as its least safe part; an unknown tier is none."""
    return min(
        sandboxes, key=lambda one: (_STRENGTH.get(one.tier, -len(_STRENGTH)), one.escapes_held)
    )


def _run_id(shards: Sequence[Report]) -> str:
    together = "\n".join(one.run_id for one in shards)
    return f"merged-{hashlib.sha256(together.encode()).hexdigest()[:16]}"
