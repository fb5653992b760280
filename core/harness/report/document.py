"""What a bakeoff report holds; the field descriptions are its reference and its JSON Schema."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

from core.harness.gate.criteria import GateThresholds, Verdict
from core.harness.gate.looks import GatePlan  # noqa: TC001  pydantic reads it
from core.patchloop.trial import Trial  # noqa: TC001  pydantic reads it
from core.stages import EDIT_FORMATS

if TYPE_CHECKING:
    from datetime import datetime

REFLEX = "reflex"
CLOUD = "cloud"

Stamp = Literal[
    "demo",
    "scripted",
    "unsandboxed",
    "reused_cloud",
    "partial",
    "subset",
    "server_changed",
    "aa",
    "mixed_hardware",
    "loosened",
    "other_suite",
    "recorded",
]
STAMPS: tuple[Stamp, ...] = get_args(Stamp)
_GATE = frozenset({"verdict", "criteria", "misses", "decides", "summary"})
# Of later versions; older reports lack them.
_GATE_MORE = frozenset({"looks", "standing"})
_VERDICTS = [one.value for one in Verdict]


def _utc(moment: datetime) -> datetime:
    """As it is, when it is in UTC.

    Raises:
        ValueError: It is in another zone.
    """
    if moment.utcoffset():
        raise ValueError("must be in UTC")
    return moment


def _in_range(limits: GateThresholds) -> GateThresholds:
    """The gate's arithmetic holds for these only.

    Raises:
        ValueError: One of the five is out of its range.
    """
    percents = (limits.success_parity_percent, limits.json_schema_compliance_percent)
    if not 0 < limits.p95_latency_ms < float("inf"):
        raise ValueError("p95_latency_ms must be above 0")
    if not all(0 <= one <= 100 for one in percents):  # noqa: PLR2004  percent
        raise ValueError("a percentage must be from 0 to 100")
    if not 0 <= limits.confidence < 1:
        raise ValueError("confidence must be from 0 up to, but not including, 1")
    if limits.golden_regressions_allowed < 0:
        raise ValueError("golden_regressions_allowed must not be below 0")
    return limits


def _judged(gate: dict[str, Any]) -> dict[str, Any]:
    """What ``GateResult.as_json`` makes.

    Raises:
        ValueError: It is something else.
    """
    if set(gate) - _GATE_MORE != _GATE or gate["verdict"] not in _VERDICTS:
        raise ValueError("must be a verdict with criteria, misses, decides and summary")
    return gate


Name = Annotated[str, Field(min_length=1, max_length=256)]
Text = Annotated[str, Field(max_length=4096)]
Moment = Annotated[AwareDatetime, AfterValidator(_utc)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Price = Annotated[float, Field(ge=0)] | None
Milliseconds = Annotated[float, Field(gt=0)]
Gate = Annotated[
    dict[str, Any],
    AfterValidator(_judged),
    WithJsonSchema(
        {
            "type": "object",
            "additionalProperties": False,
            "required": sorted(_GATE),
            "properties": {name: {} for name in sorted(_GATE | _GATE_MORE)}
            | {"verdict": {"enum": _VERDICTS}},
        }
    ),
]


class ReportPart(BaseModel):
    """A part of the report: read strictly, never changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class ArmRecord(ReportPart):
    """Who answered: one arm's server, model and prices."""

    name: Name = Field(description="reflex, cloud, or another backend's name.")
    backend: Name = Field(description="The backend of the configuration that the arm used.")
    endpoint: Text = Field(description="The backend's base URL.")
    model: Text = Field(description="The model asked for.")
    label: Text = Field(description="What a person should call it, such as a stand-in's name.")
    server_identity: Text = Field(description="The engine and version that served it.")
    price_input_per_million: Price = Field(default=None, description="USD; null when not given.")
    price_output_per_million: Price = Field(default=None, description="USD; null when not given.")
    timeout_ms: Milliseconds = Field(description="The backend's configured deadline; ms.")


class SuiteRecord(ReportPart):
    """What was asked."""

    name: Name = Field(description="The suite's name.")
    version: Text = Field(description="The suite's version.")
    hash: Text = Field(description="sha256 of the suite's content.")
    root: Text = Field(description="As given: a built-in name, or a path from the workspace.")
    tasks: Count = Field(description="How many tasks the suite has.")
    glob: Text = Field(default="*", description="What the tasks were chosen by.")
    selected: tuple[Name, ...] = Field(description="Ids of the tasks that were to be run.")
    levels: dict[Name, int] = Field(default={}, description="Difficulty of each task, from 0 to 3.")
    golden: tuple[Name, ...] = Field(
        default=(), description="Tasks that must work on reflex whenever they work on the cloud."
    )
    tags: dict[Name, tuple[Name, ...]] = Field(
        default={}, description="Each task's tags, such as language:python or kind:off-by-one."
    )
    left_out: tuple[Text, ...] = Field(
        default=(), description="Tasks of a public suite that cannot be used, each with why."
    )


class Environment(ReportPart):
    """Where it ran; the host's name is hashed."""

    python: Text = Field(description="The interpreter's version.")
    platform: Text = Field(description="Operating system and architecture.")
    cpu: Text = Field(description="The processor's name.")
    cpus: Count = Field(description="How many processors.")
    memory_mb: Count = Field(description="Main memory; MiB.")
    reflex_version: Text = Field(description="The version of this package.")
    hostname_hash: Text = Field(description="Tells two hosts apart without naming either.")

    @property
    def hardware(self) -> tuple[str, str, int, int]:
        """What must agree before latencies may be pooled; memory in whole GiB."""
        return self.platform, self.cpu, self.cpus, round(self.memory_mb / 1024)


class RunSettings(ReportPart):
    """How it was run."""

    attempts: Positive = Field(description="Attempts per trial.")
    trials: Positive = Field(description="Trials per task, by each arm.")
    candidates: Positive = Field(description="Replies the reflex arm asks for at once.")
    json_schema: bool = Field(
        default=True, description="The reflex server was held to the schema, not only checked."
    )
    edit_format: Name = Field(description=f"One of {', '.join(EDIT_FORMATS)}.")
    concurrency: Positive = Field(description="Trials run in parallel.")
    seed: int = Field(description="Of the random order.")
    timeout_ms: Milliseconds = Field(description="A later reflex reply counts as failed; ms.")
    request_timeout_ms: Milliseconds = Field(description="When a request times out; ms.")
    shard: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,4}/[1-9][0-9]{0,4}$")] | None = Field(
        default=None, description="I/N when this is one part of N, else null."
    )
    early_stop: bool = Field(default=False, description="A planned look that decides ends the run.")


class SandboxRecord(ReportPart):
    """What enclosed the code that models wrote."""

    tier: Name = Field(description="bubblewrap, namespaces, sandbox_exec or none.")
    escapes_held: Count = Field(description="How many escape attempts of the self-test it blocked.")
    reason: Text = Field(default="", description="Why no better tier was used.")


class Report(ReportPart):
    """One bakeoff, whole or partial."""

    schema_version: Literal[1] = Field(description="Of this format.")
    created_at: Moment = Field(description="When the run began, in UTC.")
    finished_at: Moment = Field(description="When it ended, in UTC.")
    run_id: Name = Field(description="The run's id in the capsule.")
    partial: bool = Field(
        default=False, description="Trials are missing: stopped, or shards not there."
    )
    stamps: tuple[Stamp, ...] = Field(
        default=(), description="Marks that limit what it counts for."
    )
    suite: SuiteRecord
    arms: dict[Name, ArmRecord] = Field(
        min_length=1, description="The candidate arm, then the baseline."
    )
    settings: RunSettings
    thresholds: Annotated[GateThresholds, AfterValidator(_in_range)] = Field(
        description="What the stored verdict was judged by."
    )
    prompt_hash: Text = Field(description="sha256 of the patch loop's prompts.")
    schema_hash: Text = Field(default="", description="sha256 of the JSON schemas of edit replies.")
    sandbox: SandboxRecord
    environment: Environment
    trials: tuple[Trial, ...] = Field(description="Everything that was observed.")
    latency_calls: tuple[Trial, ...] = Field(
        default=(), description="First calls of the candidate for their latency alone; not tested."
    )
    plan: GatePlan | None = Field(
        default=None,
        description="The order of the tasks, the planned looks, and which run of its fingerprint "
        "it is; null for merged runs: one look at the end.",
    )
    gate: Gate = Field(description="The verdict as judged then; derived from the trials.")
    capsule_head: Text = Field(default="", description="Hash of the capsule's newest record.")
    reused_from: Text | None = Field(
        default=None, description="sha256 of the report that the cloud trials come from."
    )

    @property
    def subset(self) -> bool:
        """Only some of the suite's tasks were chosen; shards of all of them are none."""
        part = self.partial or self.settings.shard is not None
        fewer = len(self.suite.selected) < self.suite.tasks
        return "subset" in self.stamps or (fewer and not part)

    @property
    def pair(self) -> tuple[str, str]:
        """Names of the candidate arm, which comes first, and of the baseline arm."""
        first, second, *_ = [*self.arms, CLOUD if REFLEX in self.arms else REFLEX]
        return first, second

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if any(name != arm.name for name, arm in self.arms.items()):
            raise ValueError("an arm is filed under another's name")
        if self.partial != ("partial" in self.stamps):
            raise ValueError("partial and its stamp disagree")
        selected = set(self.suite.selected)
        if len(selected) != len(self.suite.selected):
            raise ValueError("a task is selected twice")
        made = (*self.trials, *self.latency_calls)
        if any(one.arm not in self.arms or one.task not in selected for one in made):
            raise ValueError("a trial is of an arm or a task that is not among those run")
        if any(one.solved and not one.attempts for one in self.trials):
            raise ValueError("a trial is solved without an attempt")
        seen = Counter((one.task, one.arm, one.trial) for one in self.trials)
        if seen and max(seen.values()) > 1:
            raise ValueError("a trial occurs twice")
        return self

    @model_validator(mode="after")
    def _plan_is_of_its_tasks(self) -> Self:
        selected = set(self.suite.selected)
        if not set(self.suite.golden) <= selected:
            raise ValueError("a golden task is not among those run")
        if self.plan is None:
            return self
        if set(self.plan.order) != selected or len(self.plan.order) != len(selected):
            raise ValueError("the planned order is not of the tasks that were to be run")
        if any(one > len(selected) for one in self.plan.looks):
            raise ValueError("a look is planned after more tasks than there are")
        return self
