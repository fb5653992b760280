"""What a bakeoff runs: which tasks of which suite, and with which settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import ConfigError
from core.fingerprint import PROMPTS, SCHEMAS, suite_root, tree_hash
from core.harness.bakeoff.interleave import share
from core.harness.patchloop.edits import EditFormat
from core.harness.report.model import RunSettings, SuiteRecord
from core.harness.suites.find import available_suites, load_suite
from core.plain import plain

if TYPE_CHECKING:
    from pathlib import Path

    from core.harness.bakeoff.arms import Arm
    from core.harness.bakeoff.plan import Plan
    from core.harness.suites.find import Suite, Task
    from core.settings import Settings


@dataclass(frozen=True, slots=True)
class Scope:
    """A plan over a suite.

    ``root`` is the suite's name, or its path as it is found again from the workspace;
    ``suite_hash`` is that of all of it, whichever ``tasks`` are selected.
    """

    plan: Plan
    settings: Settings
    suite: Suite
    tasks: tuple[Task, ...]
    root: str
    suite_hash: str
    prompt_hash: str
    schema_hash: str

    @classmethod
    def of(cls, plan: Plan, settings: Settings) -> Scope:
        """Load the suite and select from it.

        Raises:
            SuiteError: There is no such suite or task.
            ConfigError: The shard has no task.
        """
        workspace = settings.source.root
        suite = load_suite(plan.suite)
        root = _root_text(plan.suite, suite, workspace)
        return cls(
            plan=plan,
            settings=settings,
            suite=suite,
            tasks=_selected(suite, plan),
            root=root,
            suite_hash=tree_hash(suite_root(root, workspace)),
            prompt_hash=tree_hash(PROMPTS),
            schema_hash=tree_hash(SCHEMAS),
        )

    @property
    def subset(self) -> bool:
        """The plan's glob leaves tasks of the suite out; a shard of all of them is no subset."""
        return len(self.suite.select(self.plan.tasks).tasks) < len(self.suite.tasks)

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
        return self.plan.edit_format or EditFormat(self.suite.edit_format)

    def run_settings(self, on_trial: Arm, seed: int) -> RunSettings:
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
            timeout_ms=float(on_trial.backend.timeout_ms),
            request_timeout_ms=on_trial.request_timeout_ms,
            shard=f"{shard[0]}/{shard[1]}" if shard else None,
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
            left_out=tuple(plain(one, 400) for one in self.suite.left_out),
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
