"""Progress events of a bakeoff; the command line and the dashboard show them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from core.harness.gate.judge import FalseAlarms, GateResult
    from core.harness.report.model import Report
    from core.patchloop.trial import Attempt, Trial


@dataclass(frozen=True, slots=True)
class Started:
    """The run starts: ``total`` trials, of which ``done`` are kept from an interrupted run.

    ``kept`` are those trials, then any reused from an earlier report. ``left_out`` says of tasks
    that cannot be run on this machine why. ``notices`` say of a local arm's server what it will
    refuse: more requests at once than it takes, prompts over its context.
    """

    run_id: str
    suite: str
    tasks: tuple[str, ...]
    arms: tuple[str, ...]
    trials: int
    seed: int
    total: int
    done: int = 0
    kept: tuple[Trial, ...] = ()
    left_out: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TrialStarted:
    """An arm starts a trial."""

    task: str
    arm: str
    trial: int


@dataclass(frozen=True, slots=True)
class AttemptEnded:
    """An arm's attempt ended."""

    task: str
    arm: str
    trial: int
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class TrialEnded:
    """An arm finished a trial.

    ``verdict_now`` is the gate over the trials so far, None until the other arm has finished the
    same trial.
    """

    trial: Trial
    done: int
    total: int
    verdict_now: GateResult | None


@dataclass(frozen=True, slots=True)
class Finished:
    """The reports are written; the last event.

    ``stopped`` says why the run ended early, and is empty for a complete one. ``recorded``
    tells whether the capsule holds a GateDecision of it, which alone the router believes;
    ``unrecorded`` says why not. ``false_alarms`` is that of an A/A run.
    """

    report: Report
    json_path: Path
    md_path: Path
    sha256: str
    stopped: str = ""
    recorded: bool = False
    unrecorded: str = ""
    false_alarms: FalseAlarms | None = None


Progress = Started | TrialStarted | AttemptEnded | TrialEnded | Finished
