"""Frozen time, routing views of every kind, and events, for the dashboard's tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.capsule.events import (
    BreakerStateChangedEvent,
    CriterionMetric,
    GateDecisionEvent,
    LLMCallEvent,
    PolicySnapshotRefEvent,
    RoutingDecisionEvent,
)
from core.client.load import EngineLoad
from core.client.server import Engine, EngineIdentity
from core.router.backends import primary
from core.router.condition import Cause, Health
from core.router.decision import BreakerState, BreakerView, GateView, decide
from core.router.remedies import remedy
from core.router.view import RoutingView
from core.settings import Settings, Source
from core.settings.model import Cloud, Reflex
from core.settings.policy import PolicySnapshot
from core.stages import Mode, Stage

if TYPE_CHECKING:
    from core.capsule import EventLog

NOW = datetime(2026, 1, 12, 10, 31, 0, tzinfo=UTC)
ROOT = Path("/src/acme/api")
POLICY = "sha256:" + "5eed" * 16
ENDPOINT = "http://127.0.0.1:3009/v1"
LOCAL, REMOTE = "qwen2.5-coder-7b-instruct", "gpt-5-mini"
REQUEST = {
    "messages": [
        {"role": "system", "content": "You repair code. Answer with one JSON edit."},
        {"role": "user", "content": "calc.py line 12 adds where it should subtract. Fix it."},
    ],
    "max_tokens": 160,
    "temperature": 0,
}


class StillClock:
    """A clock that stands unless it is set forward."""

    def __init__(self, moment: datetime = NOW) -> None:
        self.moment = moment

    def now(self) -> datetime:
        """The moment it stands at."""
        return self.moment

    def monotonic(self) -> float:
        """Seconds since 1970 by it."""
        return self.moment.timestamp()

    def forward(self, seconds: float) -> None:
        """Set it forward."""
        self.moment += timedelta(seconds=seconds)


def settings(root: Path = ROOT, **reflex: Any) -> Settings:
    """Settings of a project whose stage0.toml enables reflex."""
    source = Source(root / "stage0.toml", root, trusted=False)
    return Settings(Reflex(enabled=True, **reflex), Cloud(), source, {("reflex", "enabled"): 2})


def passed(**changes: Any) -> dict[str, Any]:
    """A GateDecision's body that passes."""
    return {
        "event_type": "GateDecision",
        "verdict": "pass",
        "misses": [],
        "suite": "reflex_patchloop_v1",
        "stamps": [],
        "metrics": {
            "p95_latency": figure(1310.0, 1620.0, 2000.0),
            "success_parity": figure(96.0, 88.0, 85.0),
            "json_compliance": figure(100.0, None, 100.0, note="0 of 198 failed"),
        },
        **changes,
    }


def figure(
    value: float, bound: float | None, threshold: float, verdict: str = "pass", note: str = ""
) -> dict[str, Any]:
    """A criterion of a GateDecision, as a bakeoff writes it."""
    metric = CriterionMetric.model_validate(
        {"value": value, "bound": bound, "threshold": threshold, "note": note, "verdict": verdict}
    )
    return metric.model_dump(mode="json")


def healthy(configured: Settings | None = None) -> Health:
    """A healthy server."""
    chosen = configured or settings()
    return Health(
        ok=True,
        cause=Cause.HEALTHY,
        summary="up",
        remedy=(),
        engine=EngineIdentity(Engine.SGLANG, "0.5.23", "qwen"),
        models=(chosen.reflex.model, "another-model"),
        latency_ms=2.1,
        checked_at=NOW - timedelta(seconds=1),
        endpoint=chosen.reflex.endpoint,
        model=chosen.reflex.model,
        load=EngineLoad(1, 0, 0.93, 118.0),
    )


def unhealthy(cause: Cause = Cause.NOT_LISTENING, summary: str = "") -> Health:
    """An unhealthy server, with its real remedy."""
    backend = primary(settings())
    return replace(
        healthy(),
        ok=False,
        cause=cause,
        summary=summary or f"nothing listens at {backend.address} (connection refused)",
        remedy=remedy(cause, backend),
        engine=None,
        models=(),
        load=None,
    )


def routing_view(
    health: Health | None = None,
    gate: GateView | None = None,
    breaker: BreakerView | None = None,
    configured: Settings | None = None,
) -> RoutingView:
    """What would be seen; by default a healthy server, and a gate passed three days ago."""
    chosen = configured or settings()
    # Its hash is in the pictures, and must not change with every new setting.
    policy = replace(PolicySnapshot.capture(chosen, StillClock()), policy_hash=POLICY)
    health = health or healthy(chosen)
    gate = gate or GateView(valid=True, event=passed(), age_days=3.2)
    breaker = breaker or BreakerView(BreakerState.CLOSED, 0, 3)
    decision = decide(policy, Stage.IMPLEMENT, health, breaker, gate)
    return RoutingView(chosen, policy, health, breaker, gate, decision)


NO_GATE = GateView(valid=False, detail="no_bakeoff")
OPEN = BreakerView(BreakerState.OPEN, 3, 3, 12.0)


def decision(call_id: str, mode: Mode = Mode.REFLEX, **fields: Any) -> RoutingDecisionEvent:
    """A RoutingDecision."""
    local = mode is Mode.REFLEX
    given: dict[str, Any] = {
        "run_id": "run-1",
        "policy_hash": "sha256:" + "ab" * 32,
        "mode": mode,
        "reason": "healthy_and_thresholds_met" if local else "server_unhealthy",
        "latency_ms": 0.4,
        "stage": Stage.IMPLEMENT,
        "backend": str(mode),
        "endpoint": ENDPOINT,
        "model": LOCAL if local else REMOTE,
        "failure_count": 0,
        "call_id": call_id,
    }
    return RoutingDecisionEvent(**{**given, **fields})


def call(
    call_id: str, mode: Mode = Mode.REFLEX, total_ms: float = 410.0, **fields: Any
) -> LLMCallEvent:
    """An LLMCall; with ``error`` it failed."""
    local = mode is Mode.REFLEX
    good = fields.get("error") is None
    given: dict[str, Any] = {
        "run_id": "run-1",
        "policy_hash": "sha256:" + "ab" * 32,
        "mode": mode,
        "model": LOCAL if local else REMOTE,
        "request": REQUEST,
        "response": "hmac-sha256:" + "0f" * 32,
        "latency_ms": total_ms,
        "ttft_ms": round(total_ms * 0.15, 1) if good else None,
        "success": good,
        "json_compliant": good or None,
        "finish_reason": "stop" if good else None,
        "prompt_tokens": 812 if good else None,
        "completion_tokens": 34 if good else None,
        "attempt": 1,
        "stage": Stage.IMPLEMENT,
        "backend": str(mode),
        "endpoint": ENDPOINT,
        "call_id": call_id,
        "capture_mode": "prompts_only",
    }
    return LLMCallEvent(**{**given, **fields})


def write_a_day(log: EventLog, clock: StillClock, calls: int = 40) -> None:
    """Calls of every kind that end at the clock's moment, always the same."""
    end = clock.moment
    clock.moment = end - timedelta(seconds=7 * calls)
    log.append(PolicySnapshotRefEvent(run_id="run-1", policy_hash="sha256:" + "ab" * 32, path="p"))
    for number in range(calls):
        clock.forward(3.5)
        _one_call(log, clock, number)
        clock.forward(0.7)
    clock.moment = end


def _one_call(log: EventLog, clock: StillClock, number: int) -> None:
    call_id = f"{(number * 7919) % 65536:04x}{number:028x}"
    wave = 1 + 0.5 * ((number * 37) % 11) / 11
    if number % 13 == 9:
        log.append(decision(call_id))
        for attempt in (1, 2, 3):
            clock.forward(1.5)
            log.append(call(call_id, total_ms=1500, attempt=attempt, error="timeout"))
        log.append(
            BreakerStateChangedEvent(
                run_id="run-1",
                endpoint=ENDPOINT,
                model=LOCAL,
                before="closed",
                after="open",
                failure_count=3,
                cause="timeout",
                retry_in_s=30,
            )
        )
        fallback = {"reason": "max_failures_reached", "is_fallback": True}
        log.append(decision(call_id, Mode.CLOUD, **fallback))
        clock.forward(2.3)
        log.append(call(call_id, Mode.CLOUD, 2310, attempt=4))
    elif number % 5 == 3:
        log.append(decision(call_id, Mode.CLOUD, detail="not_listening"))
        clock.forward(2.0 * wave)
        log.append(call(call_id, Mode.CLOUD, round(2000 * wave, 1)))
    else:
        log.append(decision(call_id))
        clock.forward(0.4 * wave)
        log.append(call(call_id, total_ms=round(400 * wave, 1)))


def gate_event(**fields: Any) -> GateDecisionEvent:
    """A GateDecision, as it is written."""
    given: dict[str, Any] = {
        "run_id": "run-1",
        "verdict": "pass",
        "endpoint": ENDPOINT,
        "model": LOCAL,
        "server_identity": "SGLang 0.5.23",
        "suite": "reflex_patchloop_v1",
        "suite_hash": "",
        "prompt_hash": "",
        "thresholds": {},
        "seal": "",
    }
    return GateDecisionEvent(**{**given, **fields})
