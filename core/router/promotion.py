"""Whether the last bakeoff's pass still holds: it lapses when anything it was about changes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from core.router.decision import GateView

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.policy import PolicySnapshot

SECONDS_A_DAY = 86_400
# What a stamp allows: nothing of these can promote, wherever it is.
_WORTHLESS = frozenset({"unsandboxed", "partial", "subset", "server_changed"})
# These promote in the demo's own workspace alone.
_DEMO_ONLY = frozenset({"demo", "scripted"})


@dataclass(frozen=True, slots=True)
class Present:
    """What a gate pass is held against; ``server_identity`` is None while nobody answers."""

    server_identity: str | None
    suite_hash: str
    prompt_hash: str
    schema_hash: str
    now: datetime
    in_demo: bool


def thresholds_of(policy: PolicySnapshot) -> dict[str, float]:
    """The thresholds a verdict depends on, as a GateDecision records them."""
    limits = policy.reflex.thresholds
    return {
        "p95_latency_ms": float(limits.p95_latency_ms),
        "success_parity_percent": float(limits.success_parity_percent),
        "json_schema_compliance_percent": float(limits.json_schema_compliance_percent),
        "confidence": float(limits.confidence),
    }


def assess(event: Mapping[str, Any] | None, policy: PolicySnapshot, present: Present) -> GateView:
    """Whether ``event``, the newest sealed GateDecision, lets reflex serve now.

    Fails closed: no event, or one that lacks what is needed, is no pass.
    """
    if event is None:
        return GateView(valid=False, detail="no_bakeoff")
    age_days = _age_days(event, present.now)
    detail = _lapse(event, policy, present, age_days)
    return GateView(valid=detail is None, detail=detail, event=dict(event), age_days=age_days)


def _lapse(
    event: Mapping[str, Any], policy: PolicySnapshot, present: Present, age_days: float | None
) -> str | None:
    stamps = set(event.get("stamps") or ())
    if stamps & _WORTHLESS or (stamps & _DEMO_ONLY and not present.in_demo):
        return "no_bakeoff"
    changes = {
        "model_changed": event.get("model") != policy.reflex.model,
        "server_changed": event.get("endpoint") != policy.reflex.endpoint
        or present.server_identity not in {None, event.get("server_identity")},
        "suite_changed": event.get("suite_hash") != present.suite_hash,
        "prompt_changed": event.get("prompt_hash") != present.prompt_hash,
        "schema_changed": event.get("schema_hash") != present.schema_hash
        or event.get("json_schema") is not policy.reflex.json_schema,
        "candidates_changed": event.get("candidates") != policy.reflex.candidates,
        "thresholds_changed": event.get("thresholds") != thresholds_of(policy),
        "stale": age_days is None or age_days > policy.reflex.thresholds.max_age_days,
    }
    lapsed = next((name for name, changed in changes.items() if changed), None)
    if lapsed:
        return lapsed
    if event.get("verdict") == "pass":
        return None
    misses = event.get("misses") or []
    return str(misses[0]) if event.get("verdict") == "fail" and misses else "inconclusive"


def _age_days(event: Mapping[str, Any], now: datetime) -> float | None:
    try:
        when = datetime.fromisoformat(str(event.get("time")))
        age_days = (now - when.astimezone(UTC)).total_seconds() / SECONDS_A_DAY
    except ValueError:
        return None
    # A pass from the future is a clock that was set: allow a day, no more.
    return max(0.0, age_days) if age_days > -1 else None
