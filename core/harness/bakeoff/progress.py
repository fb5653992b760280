"""Progress events of a bakeoff; the command line and the dashboard show them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from core.harness.gate.judge import FalseAlarms, GateResult
    from core.harness.gate.looks import Look
    from core.harness.report.document import Report
    from core.patchloop.trial import Attempt, Trial
    from core.router.lapses import OtherSuite


@dataclass(frozen=True, slots=True)
class Started:
    """The run starts: ``total`` trials, of which ``done`` are kept from an interrupted run.

    ``kept`` are those trials, then any reused from an earlier report. ``left_out`` says of tasks
    that cannot be run on this machine why. ``notices`` say of a local arm's server what it will
    refuse: more requests at once than it takes, prompts over its context. ``looks`` says after how
    many tasks it is looked at, and ``taken`` are those that the kept trials allow. ``run`` says
    which run of its fingerprint this is; 0 when it is not counted.
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
    looks: tuple[int, ...] = ()
    taken: tuple[Look, ...] = ()
    run: int = 0


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
class LookTaken:
    """A planned look, the ``number``-th of ``of``; ``ends`` says that the run need not go on."""

    number: int
    of: int
    look: Look
    ends: bool

    @property
    def words(self) -> str:
        """What it found, and whether the run ends with it."""
        ends = "; the other tasks are not needed" if self.ends and self.number < self.of else ""
        return f"look {self.number} of {self.of}, {self.look.words}{ends}"


@dataclass(frozen=True, slots=True)
class LatencyCall:
    """A call for latency alone ended: the ``calls``-th first call, of at most ``most``."""

    calls: int
    most: int
    slow: int

    @property
    def words(self) -> str:
        """How far these calls are."""
        return (
            f"call for latency: {self.calls} of at most {self.most} first calls, "
            f"{self.slow} too slow"
        )


@dataclass(frozen=True, slots=True)
class Finished:
    """The reports are written; the last event.

    ``stopped`` says why the run ended early, and is empty for a complete one. ``recorded``
    tells whether the capsule holds a GateDecision of it, which alone the router believes;
    ``unrecorded`` says why not. ``false_alarms`` is that of an A/A run. ``other_suite`` is set
    where a pass on its suite does not count.
    """

    report: Report
    json_path: Path
    md_path: Path
    sha256: str
    stopped: str = ""
    recorded: bool = False
    unrecorded: str = ""
    false_alarms: FalseAlarms | None = None
    other_suite: OtherSuite | None = None


Progress = Started | TrialStarted | AttemptEnded | TrialEnded | LookTaken | LatencyCall | Finished
