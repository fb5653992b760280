"""The messages between a bakeoff and its workers: plain JSON, without secrets.

API keys are not sent: a worker reads its own environment.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from core.harness.bakeoff.conclusion import environment
from core.harness.bakeoff.plan import (
    Plan,
    Slot,
)
from core.harness.report.document import Environment  # noqa: TC001  likewise
from core.patchloop.formats import EditFormat
from core.settings import Cloud, Reflex, Settings, Source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.harness.bakeoff.preparation import PreparedRun
    from core.settings.policy import PolicySnapshot

# All else must be the same wherever a trial is made.
_MAY_DIFFER = frozenset({"suite", "reused_report"})


class _Plain(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WorkerSettings(_Plain):
    """What all trials of a run have in common, wherever they are made.

    ``about`` is what their outcome depends on, as the run's journal has it. ``named`` are the keys
    of the configuration that its file sets.
    """

    version: str
    run_id: str
    policy_hash: str
    plan: dict[str, Any]
    asked: tuple[str, ...]
    reflex: Reflex
    cloud: Cloud
    named: tuple[tuple[str, ...], ...]
    about: dict[str, Any]
    pauses_s: tuple[float, ...]

    def settings(self, root: Path) -> Settings:
        """The configuration, in a workspace at ``root``; only the worker's user can trust it."""
        source = Source(None, root, trusted=False)
        return Settings(self.reflex, self.cloud, source, dict.fromkeys(self.named, 0))

    def planned(self) -> Plan:
        """The plan as far as it concerns a trial."""
        given = self.plan
        return Plan(
            **{
                **given,
                "arms": tuple(given["arms"]),
                "edit_format": EditFormat(given["edit_format"]),
            }
        )


class Order(_Plain):
    """One trial to make; without a ``slot`` only the question whether one could be made."""

    terms: WorkerSettings
    slot: Slot | None = None


class Refusal(_Plain):
    """Why a worker cannot go on; ``usage`` says that something is set up wrongly."""

    message: str
    remedy: str
    usage: bool


class WorkerAnswer(_Plain):
    """A worker's answer to an order: a trial with the evidence of its calls, or a refusal."""

    host: str
    machine: Environment
    trial: dict[str, Any] | None = None
    events: tuple[dict[str, Any], ...] = ()
    refusal: Refusal | None = None


def worker_settings(
    prepared: PreparedRun, policy: PolicySnapshot, pauses_s: Sequence[float], run_id: str
) -> WorkerSettings:
    """A run's settings for its workers; ``run_id`` is empty when they are only asked to agree."""
    scope = prepared.scope
    settings, plan = scope.settings, scope.plan
    named_path = scope.root.startswith(("/", "./"))
    return WorkerSettings(
        version=environment().reflex_version,
        run_id=run_id,
        policy_hash=policy.policy_hash,
        plan={
            "suite": str(Path(plan.suite).absolute()) if named_path else plan.suite,
            "arms": list(plan.arms),
            "trials": plan.trials,
            "tasks": plan.tasks,
            "attempts": scope.attempts,
            "candidates": scope.candidates,
            "edit_format": scope.edit_format.value,
            "concurrency": plan.concurrency,
            "executor": plan.executor,
            "shard": plan.shard,
            "allow_unsandboxed": plan.allow_unsandboxed,
            "aa": plan.aa,
        },
        asked=prepared.asked,
        reflex=settings.reflex,
        cloud=settings.cloud,
        named=tuple(settings.lines),
        about=trial_conditions(prepared),
        pauses_s=tuple(pauses_s),
    )


def trial_conditions(prepared: PreparedRun) -> dict[str, Any]:
    """What a trial's outcome depends on, wherever it is made."""
    return {name: value for name, value in prepared.conditions().items() if name not in _MAY_DIFFER}
