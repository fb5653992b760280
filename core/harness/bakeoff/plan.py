"""What a bakeoff runs: the user's plan, the tasks it selects, and their order.

The order of the tasks is random, and the same for the same seed. They are run in stages, one for
each planned look, reflex first: a cloud call costs money, and often reflex's results already say
that it cannot matter. Drift between the arms is held to one stage.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING

from core.errors import ConfigError
from core.fingerprint import PROMPTS, tree_hash
from core.harness.commands.toolchain import with_tools
from core.harness.report.document import RunSettings, SuiteRecord
from core.harness.suites.loading import available_suites, load_suite
from core.patchloop.auto import refuse_unfit
from core.patchloop.formats import EditFormat
from core.plain import plain
from core.router.edit_schemas import edit_schemas_hash
from core.stages import CLOUD, PRIMARY

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from core.harness.bakeoff.arms import Arm
    from core.harness.gate.looks import GatePlan
    from core.harness.suites.loading import Suite, Task
    from core.settings import Settings


MOST_SEED = (1 << 31) - 1
DEFAULT_SUITE = "reflex_patchloop_v1"
_MOST_TRIALS = 100
_MOST_ATTEMPTS = 20
_MOST_AT_ONCE = 64
_MOST_LATENCY_CALLS = 2000


@dataclass(frozen=True, slots=True)
class Slot:
    """One trial to make: ``trial`` counts from 0, ``seed`` is for the requests' sampling.

    With ``first_call`` it is one call for its latency alone: the reply is not tested.
    """

    task: str
    arm: str
    trial: int
    seed: int
    first_call: bool = False


def task_order(tasks: Sequence[str], seed: int) -> list[str]:
    """The random order of the tasks."""
    order = sorted(tasks)
    Random(seed).shuffle(order)  # noqa: S311  no secret
    return order


def stages(plan: GatePlan, arms: Sequence[str], seed: int) -> list[list[Slot]]:
    """Every task, arm and trial once: for each look the first arm's trials, then the second's.

    Within a stage the order is random. A slot's own seed depends on the run's, the task and the
    trial alone, not on which other tasks are run.
    """
    order = Random(f"{seed}:stages")  # noqa: S311  no secret
    made: list[list[Slot]] = []
    for begin, end in pairwise((0, *plan.looks)):
        blocks = [(task, trial) for task in plan.order[begin:end] for trial in range(plan.trials)]
        order.shuffle(blocks)
        made += [
            [Slot(task, arm, trial, slot_seed(seed, task, trial)) for task, trial in blocks]
            for arm in arms
        ]
    return made


def slot_seed(seed: int, task: str, trial: int) -> int:
    """The seed of a trial's requests."""
    return Random(f"{seed}:{task}:{trial}").randint(0, MOST_SEED)  # noqa: S311  no secret


def share(tasks: Sequence[str], part: int, parts: int) -> list[str]:
    """The tasks of shard ``part`` (from 1) of ``parts``: every task is in exactly one."""
    return sorted(tasks)[part - 1 :: parts]


@dataclass(frozen=True, slots=True)
class Plan:
    """A bakeoff as the user wants it; None takes the suite's or the configuration's own.

    ``arms`` are the candidate and the baseline; with ``aa`` the cloud is compared with itself.
    ``tasks`` is a glob on task ids, ``shard`` (I, N) one part of N. ``suite`` is a
    built-in name or a path. ``executor`` says whose processes make the trials, such as
    ``dask://HOST:PORT``, and ``concurrency`` then counts for each worker; None: this one. ``out``
    is where reports and journals go, by default ``.speckit/eval``. ``reuse_cloud`` is a report
    whose second arm's trials are taken over. Without ``early_stop`` all tasks are run even when an
    earlier look has decided. ``latency_calls`` is how many first calls of the candidate there may
    be in all, so that latency can be judged; None takes what a good server needs, 0 adds none.
    """

    suite: str = DEFAULT_SUITE
    arms: tuple[str, ...] = (PRIMARY, CLOUD)
    trials: int = 1
    tasks: str = "*"
    attempts: int | None = None
    candidates: int | None = None
    edit_format: EditFormat | None = None
    concurrency: int = 1
    executor: str | None = None
    seed: int | None = None
    shard: tuple[int, int] | None = None
    reuse_cloud: Path | None = None
    out: Path | None = None
    allow_unsandboxed: bool = False
    aa: bool = False
    resume: bool = False
    early_stop: bool = True
    latency_calls: int | None = None

    def __post_init__(self) -> None:
        _within("trials", self.trials, _MOST_TRIALS)
        _within("concurrency", self.concurrency, _MOST_AT_ONCE)
        if self.attempts is not None:
            _within("attempts", self.attempts, _MOST_ATTEMPTS)
        if self.candidates is not None:
            _within("candidates", self.candidates, _MOST_AT_ONCE)
        if self.latency_calls:
            _within("latency calls", self.latency_calls, _MOST_LATENCY_CALLS)
        if self.shard and not 1 <= self.shard[0] <= self.shard[1]:
            raise ConfigError(f"invalid shard {self.shard[0]}/{self.shard[1]}")
        if self.aa and self.reuse_cloud:
            raise ConfigError("an A/A run asks the cloud twice: it cannot reuse a report")


def _within(name: str, value: int, most: int) -> None:
    if not 1 <= value <= most:
        raise ConfigError(f"{name} must be from 1 to {most}, not {value}")


@dataclass(frozen=True, slots=True)
class Scope:
    """A plan over a suite.

    ``root`` is the suite's name, or its path as it is found again from the workspace;
    ``suite_hash`` is that of all of it, whichever ``tasks`` are selected. ``unusable`` says of
    those that are left out because a program is not installed here what to install.
    """

    plan: Plan
    settings: Settings
    suite: Suite
    tasks: tuple[Task, ...]
    root: str
    suite_hash: str
    prompt_hash: str
    schema_hash: str
    unusable: tuple[str, ...] = ()

    @classmethod
    def of(cls, plan: Plan, settings: Settings) -> Scope:
        """Load the suite and select from it.

        Raises:
            SuiteError: There is no such suite or task, or no task can be run on this machine.
            ConfigError: The shard has no task, or a task cannot be edited in the format.
        """
        workspace = settings.source.root
        suite = load_suite(plan.suite, workspace)
        root = _root_text(plan.suite, suite, workspace)
        tasks, unusable = with_tools(_selected(suite, plan), workspace)
        scope = cls(
            plan=plan,
            settings=settings,
            suite=suite,
            tasks=tasks,
            root=root,
            suite_hash=suite.hash,
            prompt_hash=tree_hash(PROMPTS),
            schema_hash=edit_schemas_hash(),
            unusable=unusable,
        )
        for task in tasks:
            refuse_unfit(
                scope.edit_format,
                {path: task.workspace.get(path, "") for path in task.editable},
                named=f"no editable file of the task {plain(task.id, 80)}",
            )
        return scope

    @property
    def subset(self) -> bool:
        """The plan's glob or this machine leaves tasks out; a shard of all of them is no subset."""
        chosen = self.suite.select(self.plan.tasks).tasks
        return bool(self.unusable) or len(chosen) < len(self.suite.tasks)

    @property
    def golden(self) -> tuple[str, ...]:
        """The tasks that must work, among those selected."""
        return tuple(task.id for task in self.tasks if task.golden)

    @property
    def stops_early(self) -> bool:
        """Whether a look may end the run; the looks at a shard, or at A/A, decide nothing."""
        return self.plan.early_stop and not self.plan.shard and not self.plan.aa

    @property
    def attempts(self) -> int:
        """Attempts an arm has at a task."""
        return self.plan.attempts or self.suite.attempts

    @property
    def candidates(self) -> int:
        """Replies a local arm is asked for at once; a cloud's are paid for, so it gets one."""
        return self.plan.candidates or self.settings.reflex.candidates

    @property
    def edit_format(self) -> EditFormat:
        """How edits are written."""
        return self.plan.edit_format or self.configured_format

    @property
    def configured_format(self) -> EditFormat:
        """How edits are written where the plan does not say: the user's word before the suite's."""
        configured = EditFormat(self.settings.reflex.edit_format)
        own = EditFormat(self.suite.edit_format)
        return own if configured is EditFormat.AUTO else configured

    def run_settings(self, candidate: Arm, seed: int) -> RunSettings:
        """The settings as the report has them."""
        shard = self.plan.shard
        return RunSettings(
            attempts=self.attempts,
            trials=self.plan.trials,
            candidates=self.candidates,
            json_schema=self.settings.reflex.json_schema,
            edit_format=self.edit_format.value,
            concurrency=self.plan.concurrency,
            seed=seed,
            timeout_ms=float(candidate.backend.timeout_ms),
            request_timeout_ms=candidate.request_timeout_ms,
            shard=f"{shard[0]}/{shard[1]}" if shard else None,
            early_stop=self.stops_early,
        )

    def suite_record(self) -> SuiteRecord:
        """The suite as the report has it."""
        return SuiteRecord(
            name=self.suite.name,
            version=self.suite.version,
            hash=self.suite_hash,
            root=self.root,
            tasks=len(self.suite.tasks),
            glob=self.plan.tasks,
            selected=tuple(task.id for task in self.tasks),
            levels={task.id: task.level for task in self.tasks},
            golden=self.golden,
            tags={task.id: task.labels for task in self.tasks},
            left_out=tuple(plain(one, 400) for one in (*self.suite.left_out, *self.unusable)),
        )


def eval_directory(plan: Plan, settings: Settings) -> Path:
    """Where reports and journals lie."""
    return plan.out or settings.state_dir / "eval"


def _selected(suite: Suite, plan: Plan) -> tuple[Task, ...]:
    selected = {task.id: task for task in suite.select(plan.tasks).tasks}
    if plan.shard is None:
        return tuple(selected.values())
    part = share(list(selected), *plan.shard)
    if not part:
        number, parts = plan.shard
        raise ConfigError(
            f"shard {number}/{parts} has no task: only {len(selected)} are selected",
            remedy=f"Use at most {len(selected)} shards.",
        )
    return tuple(selected[name] for name in part)


def _root_text(given: str, suite: Suite, workspace: Path) -> str:
    """How the router finds the suite again: a built-in's name, else a path with a slash in it."""
    if given in available_suites():
        return given
    path = suite.root.resolve()
    if not path.is_relative_to(workspace.resolve()):
        return str(path)
    return f"./{path.relative_to(workspace.resolve()).as_posix()}"
