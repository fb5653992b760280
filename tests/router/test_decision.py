"""The routing rule against its whole truth table."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.client.tokens import Overflow
from core.router.condition import Cause, Health
from core.router.decision import (
    BreakerState,
    BreakerView,
    GateView,
    RoutingDecision,
    decide,
)
from core.settings import Cloud, Reflex, Settings, Source
from core.settings.policy import PolicySnapshot
from core.stages import Mode, Reason, Stage

HEALTHS = {
    None: (Reason.SERVER_UNHEALTHY, "unknown"),
    Cause.NOT_LISTENING: (Reason.SERVER_UNHEALTHY, "not_listening"),
    Cause.TIMEOUT: (Reason.SERVER_UNHEALTHY, "timeout"),
    Cause.LOADING: (Reason.SERVER_UNHEALTHY, "loading"),
    Cause.NO_MODELS: (Reason.MODEL_NOT_AVAILABLE, "no_models"),
    Cause.MODEL_MISSING: (Reason.MODEL_NOT_AVAILABLE, "model_missing"),
    Cause.HEALTHY: None,
}
DETAILS = (
    "no_bakeoff",
    "stale",
    "model_changed",
    "server_changed",
    "suite_changed",
    "prompt_changed",
    "schema_changed",
    "candidates_changed",
    "thresholds_changed",
    "superseded",
    "unnumbered",
    "p95_latency",
    "success_parity",
    "json_compliance",
    "inconclusive",
)
GATES: tuple[GateView | None, ...] = (
    None,
    *(GateView(valid=False, detail=detail) for detail in DETAILS),
    GateView(valid=True),
)
BREAKERS: tuple[tuple[BreakerView | None, bool], ...] = (
    (None, False),
    (BreakerView(BreakerState.CLOSED, 0, 3), True),
    (BreakerView(BreakerState.CLOSED, 2, 3), True),
    (BreakerView(BreakerState.OPEN, 3, 3, 12.5), False),
    (BreakerView(BreakerState.HALF_OPEN, 3, 3, 0.0), True),
    (BreakerView(BreakerState.HALF_OPEN, 3, 3, 1.5), False),
)


def policy(*, enabled: bool) -> PolicySnapshot:
    """A snapshot of the defaults, enabled or not."""
    source = Source(None, Path(), trusted=True)
    return PolicySnapshot.capture(Settings(Reflex(enabled=enabled), Cloud(), source))


def health(cause: Cause | None) -> Health | None:
    """What a probe found."""
    if cause is None:
        return None
    now = datetime(2026, 1, 12, tzinfo=UTC)
    ok = cause is Cause.HEALTHY
    return Health(ok, cause, "", (), None, (), 1.0, now, "http://127.0.0.1:3009/v1", "m")


def expected(
    stage: Stage,
    cause: Cause | None,
    breaker_lets: bool,  # noqa: FBT001
    gate: GateView | None,
    *,
    enabled: bool,
) -> tuple[Mode, Reason]:
    """The table, read top down."""
    rows = [
        (stage is not Stage.IMPLEMENT, Reason.NOT_IMPLEMENT_STAGE),
        (not enabled, Reason.REFLEX_DISABLED),
        (HEALTHS[cause] is not None, (HEALTHS[cause] or [Reason.SERVER_UNHEALTHY])[0]),
        (gate is None or not gate.valid, Reason.THRESHOLDS_NOT_MET),
        (not breaker_lets, Reason.MAX_FAILURES_REACHED),
    ]
    for applies, reason in rows:
        if applies:
            return Mode.CLOUD, reason
    return Mode.REFLEX, Reason.HEALTHY_AND_THRESHOLDS_MET


def test_the_whole_truth_table() -> None:
    """Every combination of stage, switch, health, gate and breaker."""
    seen = set()
    for enabled, stage, cause, gate, (breaker, lets) in itertools.product(
        (False, True), Stage, HEALTHS, GATES, BREAKERS
    ):
        got = decide(policy(enabled=enabled), stage, health(cause), breaker, gate)
        assert (got.mode, got.reason) == expected(stage, cause, lets, gate, enabled=enabled)
        seen.add((got.mode, got.reason, got.detail))
    reasons = {reason for _, reason, _ in seen}
    past_the_rule = {
        Reason.BACKEND_FAILED,
        Reason.NEEDS_CLOUD,
        Reason.BAKEOFF,
        Reason.SHADOW,
        Reason.REPLAY,
    }
    past_the_rule |= {Reason.PROMPT_EXCEEDS_CONTEXT, Reason.HOLDOUT}  # of one call, tested below
    assert reasons == set(Reason) - past_the_rule
    assert {d for _, r, d in seen if r is Reason.THRESHOLDS_NOT_MET} == set(DETAILS)


@pytest.mark.parametrize(("cause", "told"), [*HEALTHS.items()])
def test_an_unhealthy_server_is_told_by_reason_and_cause(
    cause: Cause | None, told: tuple[Reason, str] | None
) -> None:
    """The detail narrows the reason down to what the probe found."""
    got = decide(
        policy(enabled=True),
        Stage.IMPLEMENT,
        health(cause),
        BreakerView(BreakerState.CLOSED, 0, 3),
        GateView(valid=True),
    )
    if told is None:
        assert got == RoutingDecision(Mode.REFLEX, Reason.HEALTHY_AND_THRESHOLDS_MET)
    else:
        assert got == RoutingDecision(Mode.CLOUD, *told)


def test_no_bakeoff_fails_closed() -> None:
    """Without any gate the detail says so."""
    got = decide(
        policy(enabled=True),
        Stage.IMPLEMENT,
        health(Cause.HEALTHY),
        BreakerView(BreakerState.CLOSED, 0, 3),
        None,
    )
    assert got == RoutingDecision(Mode.CLOUD, Reason.THRESHOLDS_NOT_MET, "no_bakeoff")


def test_an_overflow_matters_to_calls_that_reflex_would_serve() -> None:
    """It comes last: a server that is down is the better reason."""
    enabled, overflow = policy(enabled=True), Overflow(5_000, 4_096)
    good = (health(Cause.HEALTHY), BREAKERS[1][0], GateView(valid=True))
    decision = decide(enabled, Stage.IMPLEMENT, *good, overflow=overflow)
    assert decision == RoutingDecision(
        Mode.CLOUD, Reason.PROMPT_EXCEEDS_CONTEXT, "5000_of_4096_tokens"
    )
    held = decide(enabled, Stage.IMPLEMENT, *good, holdout=True)
    assert held == RoutingDecision(Mode.CLOUD, Reason.HOLDOUT)
    down = (health(Cause.TIMEOUT), *good[1:])
    assert decide(enabled, Stage.IMPLEMENT, *down, holdout=True).detail == "timeout"
    assert decide(enabled, Stage.IMPLEMENT, *down, overflow=overflow).detail == "timeout"
