"""The runs of a fingerprint: how many there were, and the evidence that they left.

A fingerprint is what a verdict is about: model, server, suite, prompts, schemas, thresholds, and
the cloud compared with. Its first run is planned; later ones carry on one evidence. Both are told
by the sealed ``BakeoffStarted`` and ``BakeoffFinished`` events of the capsule and by nothing else,
so that a file of a project can neither add evidence nor take a run away. A run counts from its
start: whoever stops one that looks bad has seen it. Once a pass has grown too old, or live calls
have taken it away, the question is a new one, and so is the count.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from core.capsule.decisions import records_of
from core.capsule.keys import seal, seal_holds
from core.harness.bakeoff.plan import task_order
from core.harness.gate.looks import GatePlan, looks_of
from core.harness.gate.statistics import LEAST_CONFIDENCE
from core.harness.gate.statistics.repeated import rerun_weight
from core.plain import plain
from core.router.promotion import SECONDS_A_DAY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from core.capsule import EventLog
    from core.capsule.events import BakeoffFinishedEvent, BakeoffStartedEvent
    from core.harness.bakeoff.preparation import PreparedRun

_STARTED, _FINISHED, _DECIDED = "BakeoffStarted", "BakeoffFinished", "GateDecision"
_MOST_CALLS = 1 << 31
_MOST_EVIDENCE = 1e300

_CountedEvent = TypeVar("_CountedEvent", "BakeoffStartedEvent", "BakeoffFinishedEvent")


@dataclass(frozen=True, slots=True)
class LeftEvidence:
    """What one run left: its bets for and against reflex, and ``slow`` of ``calls`` first calls."""

    evidence: float = 0.0
    against: float = 0.0
    slow: int = 0
    calls: int = 0


@dataclass(frozen=True, slots=True)
class EarlierRuns:
    """Runs of a fingerprint before one of them.

    ``evidence`` is weighted and summed over reruns, ``against`` (of the bets against reflex) over
    all runs. ``slow`` of ``calls`` first calls were too slow. ``pass_holds``: the newest decision
    of all is a pass of this fingerprint that is not too old.
    """

    runs: int = 0
    evidence: float = 0.0
    against: float = 0.0
    slow: int = 0
    calls: int = 0
    pass_holds: bool = False


def fingerprint(prepared: PreparedRun) -> str:
    """What the runs of a bakeoff are counted by; empty for one that can promote nothing."""
    if prepared.no_decision_because():
        return ""
    scope = prepared.scope
    reflex, (candidate, baseline) = scope.settings.reflex, prepared.arms.values()
    about = {
        "endpoint": candidate.backend.endpoint,
        "model": plain(candidate.backend.model, 256),
        "timeout_ms": candidate.backend.timeout_ms,
        "server": candidate.identity.fingerprint if candidate.identity else "",
        "cloud": [baseline.backend.endpoint, plain(baseline.backend.model, 256)],
        "suite": scope.suite_hash,
        "prompt": scope.prompt_hash,
        "schema": scope.schema_hash,
        "json_schema": reflex.json_schema,
        "candidates": scope.candidates,
        "edit_format": scope.edit_format.value,
        "thresholds": reflex.thresholds.model_dump(exclude={"max_age_days"}),
    }
    return f"sha256:{hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()}"


def sealed_event(event: _CountedEvent, workspace: Path, key: bytes) -> _CountedEvent:
    """The event with the user's seal, which alone makes it count."""
    bare = event.model_copy(update={"seal": ""})
    return bare.model_copy(update={"seal": seal(bare.body(), workspace, key)})


def earlier_runs(
    log: EventLog,
    fingerprint: str,
    run_id: str,
    *,
    workspace: Path,
    key: bytes,
    now: datetime,
    max_age_days: float,
) -> EarlierRuns:
    """What the capsule says of the fingerprint's runs that started before ``run_id``.

    Raises:
        CapsuleCorrupt: A record of a run or a decision is damaged.
    """
    bodies = (
        record.body
        for record in records_of(log, (_STARTED, _FINISHED, _DECIDED))
        if seal_holds(record.body, workspace, key)
    )
    return fold(bodies, fingerprint, run_id, now=now, max_age_days=max_age_days)


def fold(
    sealed: Iterable[Mapping[str, Any]],
    fingerprint: str,
    run_id: str,
    *,
    now: datetime,
    max_age_days: float,
) -> EarlierRuns:
    """``earlier_runs`` over sealed events, oldest first."""
    runs: dict[str, LeftEvidence] = {}
    started_own = pass_holds = False
    for body in sealed:
        kind, own = body.get("event_type"), body.get("fingerprint") == fingerprint
        which = str(body.get("run_id", ""))
        if kind == _DECIDED:
            fresh = _age_days(body, now) <= max_age_days
            passed = own and body.get("verdict") == "pass"
            pass_holds = passed and fresh
            demoted = own and bool(body.get("cause"))
            # What was seen before a pass that is too old, or was taken away, is no evidence now.
            if (demoted or (passed and not fresh)) and not started_own:
                runs.clear()
        elif not own:
            continue
        elif which == run_id:
            started_own = True
        elif kind == _STARTED and not started_own:
            runs.setdefault(which, LeftEvidence())
        elif kind == _FINISHED and which in runs:
            runs[which] = _left(body)
            if body.get("trials") == 0:
                del runs[which]  # it broke off before anybody could see anything
    left = list(runs.values())
    evidence = sum(rerun_weight(number) * one.evidence for number, one in enumerate(left) if number)
    against = sum(rerun_weight(number) * one.against for number, one in enumerate(left, 1))
    return EarlierRuns(
        runs=len(left),
        evidence=min(evidence, _MOST_EVIDENCE),
        against=min(against, _MOST_EVIDENCE),
        slow=sum(one.slow for one in left),
        calls=sum(one.calls for one in left),
        pass_holds=pass_holds,
    )


def planned(prepared: PreparedRun, seed: int, fingerprint: str, earlier: EarlierRuns) -> GatePlan:
    """How a run is judged: the fingerprint's first by planned looks, later ones by evidence."""
    scope = prepared.scope
    thresholds = scope.settings.reflex.thresholds
    order = task_order([task.id for task in scope.tasks], seed)
    trials = scope.plan.trials
    if scope.plan.shard or scope.plan.aa:
        return GatePlan.single(order, trials)
    counted = bool(fingerprint) and thresholds.confidence >= LEAST_CONFIDENCE
    return GatePlan(
        order=tuple(order),
        looks=looks_of(thresholds.confidence, len(order)),
        trials=trials,
        run=earlier.runs + 1,
        rerun=earlier.runs if counted else 0,
        evidence=earlier.evidence if counted else 0.0,
        against=earlier.against if counted else 0.0,
        slow=earlier.slow if counted else 0,
        calls=earlier.calls if counted else 0,
        fingerprint=fingerprint,
    )


def _left(body: Mapping[str, Any]) -> LeftEvidence:
    """What a finished run left; whatever is malformed leaves nothing."""
    evidence, against = _figure(body.get("evidence")), _figure(body.get("against"))
    slow, calls = body.get("slow"), body.get("calls")
    if not isinstance(slow, int) or not isinstance(calls, int) or not 0 <= slow <= calls:
        return LeftEvidence(evidence, against)
    return LeftEvidence(evidence, against, slow, calls if calls < _MOST_CALLS else 0)


def _figure(value: object) -> float:
    good = isinstance(value, int | float) and math.isfinite(value) and value >= 0
    return float(value) if good else 0.0  # type: ignore[arg-type]


def _age_days(body: Mapping[str, Any], now: datetime) -> float:
    try:
        when = datetime.fromisoformat(str(body.get("decided_at")))
        return (now - when.astimezone(UTC)).total_seconds() / SECONDS_A_DAY
    except (ValueError, OverflowError):
        return math.inf
