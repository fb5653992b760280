"""The report of a whole run, made of the reports of its shards."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from core.errors import ReportError
from core.harness.report.files import build
from core.harness.sandbox.limits import Tier
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from core.harness.report.model import Report, SandboxRecord

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


def merge(reports: Sequence[Report]) -> Report:
    """The report of the run whose shards ``reports`` are, in any order.

    It says what an unsharded run would have said. With shards missing it is stamped ``partial``;
    when they ran on different hardware it is stamped ``mixed_hardware`` and latency is not judged.
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
    return build(
        run_id=_run_id(shards),
        created_at=min(one.created_at for one in shards),
        finished_at=max(one.finished_at for one in shards),
        suite=first.suite.model_copy(update={"selected": selected, "levels": levels}),
        arms=first.arms,
        settings=first.settings.model_copy(update={"shard": None}),
        thresholds=first.thresholds,
        prompt_hash=first.prompt_hash,
        schema_hash=first.schema_hash,
        sandbox=_weakest(one.sandbox for one in shards),
        environment=first.environment,
        trials=[trial for one in shards for trial in one.trials],
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
