"""The events a capsule holds, one model a type; the field descriptions are the reference.

``EventLog`` adds ``seq``, ``time``, ``schema_version``, ``prev`` and ``hash`` to each.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.stages import Mode, Role, Stage

if TYPE_CHECKING:
    from collections.abc import Mapping


class Event(BaseModel):
    """What every event says."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_enum_values=False)
    event_type: ClassVar[str]

    run_id: str = Field(description="The run that wrote it: one process's or pipeline's work.")
    policy_hash: str = Field(default="", description="The PolicySnapshot the run went by.")

    def body(self) -> dict[str, Any]:
        """The event as JSON-ready values, ``event_type`` first."""
        return {"event_type": self.event_type, **self.model_dump(mode="json")}


class RoutingDecisionEvent(Event):
    """Who was chosen for an attempt, and why; durable before the call leaves."""

    event_type: ClassVar[str] = "RoutingDecision"

    role: Literal[Role.IMPLEMENTER] = Field(default=Role.IMPLEMENTER, description="Always so.")
    mode: Mode = Field(description="reflex or cloud.")
    reason: str = Field(description="The rule that decided, e.g. healthy_and_thresholds_met.")
    latency_ms: float = Field(description="What deciding took, health probe included; ms.")
    detail: str | None = Field(default=None, description="Why the gate is not met, or the cause.")
    is_fallback: bool = Field(default=False, description="True when an earlier backend failed.")
    stage: Stage = Field(description="The pipeline's stage.")
    backend: str = Field(description="The backend's name: reflex, cloud, or a configured one.")
    endpoint: str = Field(description="The backend's base URL.")
    model: str = Field(description="The model asked for.")
    failure_count: int = Field(description="Consecutive reflex failures at the time.")
    call_id: str = Field(description="The caller's request; several attempts may share it.")
    origin: str = Field(
        default="live",
        description="live, or bakeoff, shadow, replay: left out of live statistics.",
    )
    stage_rule: str | None = Field(
        default=None, description="The gateway's rule that told the stage; null: named or default."
    )
    session: str | None = Field(
        default=None, description="The agent's session as it names it; a keyed hash unless full_io."
    )
    agent: str | None = Field(
        default=None, description="Its subagent, likewise; null in the main conversation."
    )
    task_id: str | None = Field(
        default=None,
        description="Shared by the calls of one task of implement: it is held out as a whole.",
    )


class LLMCallEvent(Event):
    """One attempt (one HTTP request) and its end."""

    event_type: ClassVar[str] = "LLMCall"

    role: Literal[Role.IMPLEMENTER] = Field(default=Role.IMPLEMENTER, description="Always so.")
    mode: Mode = Field(description="reflex or cloud.")
    model: str = Field(description="The model asked for.")
    request: Any = Field(description="The request, or its keyed hash, as the capture mode says.")
    response: Any = Field(
        description="The response, or its keyed hash, as the capture mode says; of several replies "
        "the first that was whole and valid, with all of them in choices."
    )
    latency_ms: float = Field(description="Request sent to last byte; ms.")
    fallback_reason: str | None = Field(default=None, description="Why an earlier backend failed.")
    ttft_ms: float | None = Field(default=None, description="Request sent to first content; ms.")
    success: bool = Field(description="A complete and valid reply.")
    json_compliant: bool | None = Field(
        default=None,
        description="Parses and meets the schema, as does each of several; null without a schema.",
    )
    error: str | None = Field(default=None, description="The error's code when it failed.")
    error_message: str | None = Field(default=None, description="The error in words, redacted.")
    finish_reason: str | None = Field(default=None, description="As the server said.")
    prompt_tokens: int | None = Field(default=None, description="As the server counted.")
    completion_tokens: int | None = Field(default=None, description="As the server counted.")
    cached_tokens: int | None = Field(default=None, description="Prompt tokens from its cache.")
    reasoning_tokens: int | None = Field(
        default=None, description="Those of completion_tokens that were reasoning."
    )
    response_model: str | None = Field(default=None, description="The model that the server names.")
    response_id: str | None = Field(default=None, description="The reply's id, as the server said.")
    replies_asked: int | None = Field(
        default=None, description="Replies that one request asked for (n); null: one."
    )
    replies_came: int | None = Field(
        default=None,
        description="Those that ended, good or bad, before the call did; null: one was asked for, "
        "or the call broke off.",
    )
    streamed: bool | None = Field(
        default=None, description="The reply was asked for as a stream; null: it broke off."
    )
    schema_sent: str | None = Field(
        default=None,
        description="sha256 of the schema the server got, where its grammar takes less than the "
        "request's; null: the same, or none.",
    )
    waited_ms: float | None = Field(
        default=None, description="From the caller's request to this attempt's end; ms."
    )
    attempt: int = Field(description="1 for the call's first attempt at any backend.")
    stage: Stage = Field(description="The pipeline's stage.")
    backend: str = Field(description="The backend's name.")
    endpoint: str = Field(description="The backend's base URL.")
    call_id: str = Field(description="The caller's request.")
    capture_mode: str = Field(description="none, prompts_only or full_io.")
    dialect: str = Field(
        default="chat", description="The API that the agent spoke: chat, responses or messages."
    )
    api: str = Field(default="chat", description="The API that the backend was asked by.")
    session: str | None = Field(
        default=None, description="The agent's session, as in the RoutingDecision."
    )
    dropped: list[str] = Field(
        default=[],
        description="What the translation of the request left out; empty when nothing was.",
    )
    origin: str = Field(default="live", description="As in the RoutingDecision.")
    watched: int = Field(
        default=0, description="Its number among its run's calls that the monitor counts; 0: none."
    )
    seal: str = Field(
        default="", description="HMAC with the user's key over what the monitor counts of it."
    )


class CallUnansweredEvent(Event):
    """A call ended without an answer: whoever was asked failed, nobody may be, or its caller left.

    What was asked, and how each attempt ended, is in the call's other events.
    """

    event_type: ClassVar[str] = "CallUnanswered"

    call_id: str = Field(description="The caller's request.")
    stage: Stage = Field(description="The pipeline's stage.")
    error: str = Field(description="The last error's code, or no_backend, or cancelled.")
    mode: Mode | None = Field(description="Who was asked last: reflex or cloud; null: nobody.")
    backend: str | None = Field(description="The backend asked last; null: none.")
    model: str | None = Field(description="The model asked for last; null: none.")
    attempts: int = Field(description="HTTP requests in all.")
    waited_ms: float = Field(description="From the caller's request to its end; ms.")
    session: str | None = Field(
        default=None, description="The agent's session, as in the RoutingDecision."
    )
    origin: str = Field(default="live", description="As in the RoutingDecision.")


class CallOutcomeEvent(Event):
    """What became of an answer, as a check or an agent found; the newest of a call has the say."""

    event_type: ClassVar[str] = "CallOutcome"

    call_id: str = Field(description="The call that was answered.")
    ok: bool = Field(description="The answer did what it was asked for.")
    source: Literal["gateway", "command", "implement"] = Field(
        description="POST /v1/outcomes, code reflex outcome, or implement's check."
    )
    mode: Mode = Field(description="Who had answered: reflex or cloud.")
    stage: Stage = Field(description="The call's stage.")
    backend: str = Field(description="The backend that had answered.")
    endpoint: str = Field(description="Its base URL.")
    model: str = Field(description="The model that had answered.")
    origin: str = Field(default="live", description="As in the RoutingDecision.")
    answered_seq: int = Field(description="The seq of the LLMCall that answered.")
    before: bool | None = Field(
        default=None, description="What was known of it before; null: nothing."
    )
    seal: str = Field(default="", description="HMAC with the user's key over all of this.")


class ShadowComparedEvent(Event):
    """What reflex would have said to a call that the cloud answered; nobody was shown it."""

    event_type: ClassVar[str] = "ShadowCompared"

    call_id: str = Field(description="The shadow call: its RoutingDecision and LLMCall.")
    original_call_id: str = Field(description="The caller's request, answered by the cloud.")
    endpoint: str = Field(description="Reflex's base URL.")
    model: str = Field(description="Reflex's model.")
    success: bool = Field(description="A complete and valid reply came within timeout_ms.")
    agreed: bool = Field(description="It says the same as the cloud's; false without success.")
    compared: Literal["data", "text", "tool_calls"] = Field(
        description="data: the parsed objects; text: blanks aside; tool_calls: names and arguments."
    )
    latency_ms: float | None = Field(description="Request sent to last byte; null: no reply; ms.")
    ttft_ms: float | None = Field(default=None, description="Request sent to first content; ms.")
    cloud_latency_ms: float = Field(description="The same of the cloud's answer; ms.")


class ShadowCheckedEvent(Event):
    """A task that the cloud worked on and reflex too, unseen: whose patch passes the check."""

    event_type: ClassVar[str] = "ShadowChecked"

    call_id: str = Field(description="Reflex's last shadow call; empty: none ended in time.")
    original_call_id: str = Field(description="The cloud's first answer to the task.")
    answered_seq: int = Field(description="The seq of that answer's LLMCall; 0: it is not there.")
    endpoint: str = Field(description="Reflex's base URL.")
    model: str = Field(description="Reflex's model.")
    cloud_model: str = Field(description="The cloud's model.")
    solved: bool = Field(description="A patch of reflex's passes the check in the sandbox.")
    cloud_solved: bool = Field(
        description="A patch of the cloud's passes the check, in the sandbox as well."
    )
    in_time: bool = Field(
        description="False: stopped wait_s after the answer, and so counted as not solved."
    )
    attempts: int = Field(description="Reflex's attempts that ended.")
    cloud_attempts: int = Field(description="The cloud's attempts.")
    seal: str = Field(default="", description="HMAC with the user's key over all of this.")


class PolicySnapshotRefEvent(Event):
    """A run began under this snapshot, stored in ``.speckit/policies/``."""

    event_type: ClassVar[str] = "PolicySnapshotRef"

    path: str = Field(description="The snapshot's file, relative to the workspace.")


class PolicyRecapturedEvent(Event):
    """At a stage's beginning the configuration had changed: the run uses another snapshot."""

    event_type: ClassVar[str] = "PolicyRecaptured"

    stage: Stage = Field(description="The stage that begins.")
    before: str = Field(description="The policy_hash of the stages before.")
    path: str = Field(description="The new snapshot's file, relative to the workspace.")


class BreakerStateChangedEvent(Event):
    """The circuit breaker of one (endpoint, model) went from one state to another."""

    event_type: ClassVar[str] = "BreakerStateChanged"

    endpoint: str = Field(description="The backend's base URL.")
    model: str = Field(description="The model asked for.")
    before: Literal["closed", "open", "half_open"] = Field(description="The state left.")
    after: Literal["closed", "open", "half_open"] = Field(description="The state entered.")
    failure_count: int = Field(description="Consecutive failures at the time.")
    cause: str = Field(description="The error's code, or success, or recovery_due.")
    retry_in_s: float | None = Field(default=None, description="Until a probe is due; s.")


class CriterionMetric(BaseModel):
    """One criterion of a GateDecision, in its ``unit``; null is ∞ or unknown."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, allow_inf_nan=False)

    value: float | None = Field(description="As measured.")
    bound: float | None = Field(description="The worst value that the evidence leaves plausible.")
    threshold: float = Field(description="What it was judged by.")
    unit: str = Field(default="", description="ms, % or tasks.")
    note: str = Field(default="", description="What was counted, in words.")
    verdict: Literal["pass", "fail", "inconclusive"] = Field(description="Of this criterion.")


class DriftRecord(BaseModel):
    """Why a pass was taken away: what live calls showed since it was given."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, allow_inf_nan=False)

    evidence: float = Field(description="How strong the evidence is; 1 is none.")
    limit: float = Field(description="The evidence from which on the pass is taken away.")
    calls: int = Field(description="Live calls counted.")
    bad: int = Field(description="Those that were slow, invalid or wrong.")
    allowed: float | None = Field(
        description="The share that may be bad, 0 to 1; null: the pass names none."
    )
    first_seq: int = Field(description="The record with which the evidence began to rise.")
    last_seq: int = Field(description="The last record counted.")
    passed_at: str = Field(
        default="", description="When the pass that it takes away was decided; RFC 3339."
    )


class GateDecisionEvent(Event):
    """A bakeoff's verdict, or a demotion, sealed with the user's key: what the router believes."""

    event_type: ClassVar[str] = "GateDecision"

    verdict: Literal["pass", "fail", "inconclusive"] = Field(description="Only pass promotes.")
    misses: list[str] = Field(
        default_factory=list,
        description="The criteria that miss: p95_latency, success_parity, json_compliance, "
        "golden_regression; of a demotion its cause.",
    )
    cause: str = Field(
        default="",
        description="Of a demotion: drift_latency, drift_compliance or drift_outcomes.",
    )
    drift: DriftRecord | None = Field(
        default=None, description="Of a demotion: the evidence, its first and its last call."
    )
    backend: str = Field(default="reflex", description="The reflex arm's backend by name.")
    endpoint: str = Field(description="The reflex arm's base URL.")
    model: str = Field(description="The reflex arm's model.")
    server_identity: str = Field(description="The engine and version that served it.")
    suite: str = Field(description="The suite's name.")
    suite_hash: str = Field(description="sha256 of the suite's content.")
    prompt_hash: str = Field(description="sha256 of the patch loop's prompt template.")
    schema_hash: str = Field(default="", description="sha256 of the edit replies' JSON schemas.")
    json_schema: bool = Field(
        default=True, description="The server was held to the schema; false: only validated."
    )
    candidates: int = Field(default=1, description="Replies asked for at once.")
    edit_format: str = Field(default="auto", description="How edits were written.")
    thresholds: dict[str, float] = Field(description="The thresholds it was judged by.")
    metrics: dict[str, CriterionMetric] = Field(
        default_factory=dict,
        description="By criterion: value, bound, threshold, unit, note and verdict.",
    )
    solved_percent: dict[str, float] = Field(
        default_factory=dict, description="By arm: the trials whose task it solved; percent."
    )
    report_path: str = Field(default="", description="The JSON report, relative to the workspace.")
    report_sha256: str = Field(default="", description="The report's sha256.")
    stamps: list[str] = Field(
        default_factory=list,
        description="The report's marks, which limit what it can enable: demo, scripted, "
        "unsandboxed, reused_cloud, server_changed, mixed_hardware.",
    )
    fingerprint: str = Field(
        default="", description="sha256 of model, server, suite, prompts, thresholds and cloud."
    )
    run: int = Field(default=0, description="Which run of this fingerprint it is, from 1.")
    promoted_by: str = Field(
        default="", description="What cleared success parity: planned, evidence, or nothing."
    )
    decided_at: str = Field(default="", description="When it was decided; RFC 3339, sealed.")
    number: int = Field(
        default=0, description="Its number among this workspace's decisions, from 1 on."
    )
    previous: str = Field(default="", description="The seal of the decision before it.")
    seal: str = Field(description="HMAC with the user's key over all of this and the workspace.")


def criterion_metrics(body: Mapping[str, Any]) -> dict[str, CriterionMetric]:
    """The metrics of a GateDecision that anybody may have written; without those malformed."""
    found: dict[str, CriterionMetric] = {}
    given = body.get("metrics")
    for name, entry in given.items() if isinstance(given, dict) else ():
        with suppress(ValidationError):
            found[str(name)] = CriterionMetric.model_validate(entry)
    return found


class BakeoffStartedEvent(Event):
    """A bakeoff began."""

    event_type: ClassVar[str] = "BakeoffStarted"

    suite: str = Field(description="The suite's name.")
    suite_hash: str = Field(description="sha256 of the suite's content.")
    arms: list[str] = Field(description="The backends compared.")
    tasks: int = Field(description="How many tasks.")
    trials: int = Field(description="How many trials of each.")
    seed: int = Field(description="The seed of the random order.")
    fingerprint: str = Field(
        default="", description="What its runs are counted by; empty when it cannot promote."
    )
    seal: str = Field(default="", description="HMAC with the user's key, where it is counted.")


class BakeoffFinishedEvent(Event):
    """A bakeoff ended, whole or stopped."""

    event_type: ClassVar[str] = "BakeoffFinished"

    report_path: str = Field(description="The JSON report, relative to the workspace.")
    report_sha256: str = Field(description="The report's sha256.")
    partial: bool = Field(description="True when it was stopped before its end.")
    fingerprint: str = Field(
        default="", description="What its runs are counted by; empty when it cannot promote."
    )
    trials: int = Field(default=0, description="Trials finished; a run without any is no run.")
    evidence: float = Field(
        default=0.0, description="What this run's bets on success parity came to, unweighted."
    )
    against: float = Field(
        default=0.0, description="What this run's bets against reflex came to, unweighted."
    )
    slow: int = Field(default=0, description="First calls at or over the latency threshold.")
    calls: int = Field(default=0, description="First calls in all.")
    seal: str = Field(default="", description="HMAC with the user's key, where it is counted.")


class EnableForcedEvent(Event):
    """``enable --force`` is about to switch reflex on without a valid gate pass."""

    event_type: ClassVar[str] = "EnableForced"

    detail: str = Field(description="Why there is no valid pass: no_bakeoff, stale, …")
    endpoint: str = Field(description="Reflex's base URL.")
    model: str = Field(description="Reflex's model.")


class FailedAttemptRecord(BaseModel):
    """One attempt that failed: how the task was asked, and what went wrong first."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    rung: str = Field(description="rewrite, mask, search, feedback or variant.")
    failure: str = Field(description="transport, timeout, format, apply, compile, unchanged, test.")
    lines_changed: int | None = Field(default=None, description="Added plus removed; null: none.")
    edit_format: str = Field(
        default="", description="How edits were asked for: code, function …; empty in old records."
    )


class BackendGivenUpEvent(Event):
    """A backend has failed an ``implement`` task as often as it may; the next one is asked.

    What was asked and answered is in the run's LLMCalls, as far as ``capture_mode`` keeps it.
    """

    event_type: ClassVar[str] = "BackendGivenUp"

    backend: str = Field(description="The backend's name.")
    attempts: list[FailedAttemptRecord] = Field(description="Its attempts at this task, in order.")


class PatchAppliedEvent(Event):
    """An edit was written to the user's files by ``implement``."""

    event_type: ClassVar[str] = "PatchApplied"

    call_id: str = Field(description="The call whose reply it was.")
    files: list[str] = Field(description="Paths relative to the workspace.")
    lines_changed: int = Field(description="Added plus removed.")
    solved: bool = Field(description="The user's check passed afterwards.")


class PatchUndoneEvent(Event):
    """What ``implement`` had written was taken back."""

    event_type: ClassVar[str] = "PatchUndone"

    call_id: str = Field(description="The call whose reply it was.")
    files: list[str] = Field(description="Paths relative to the workspace.")


class CapsuleExportedEvent(Event):
    """Somebody took a copy of the evidence."""

    event_type: ClassVar[str] = "CapsuleExported"

    first_seq: int = Field(description="The first record exported.")
    last_seq: int = Field(description="The last record exported.")
    with_io: bool = Field(description="True when requests and responses were included.")
    destination: str = Field(description="File, standard output or URL without credentials.")
    follows: bool = Field(
        default=False, description="True when later records went there too, while it ran."
    )
