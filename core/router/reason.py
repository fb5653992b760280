"""The words a routing decision gives as its reason."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why a backend was chosen."""

    NOT_IMPLEMENT_STAGE = "not_implement_stage"
    REFLEX_DISABLED = "reflex_disabled"
    SERVER_UNHEALTHY = "server_unhealthy"
    MODEL_NOT_AVAILABLE = "model_not_available"
    THRESHOLDS_NOT_MET = "thresholds_not_met"
    MAX_FAILURES_REACHED = "max_failures_reached"
    HEALTHY_AND_THRESHOLDS_MET = "healthy_and_thresholds_met"
    # Not the table's: a fallback after an attempt that failed, and calls that bypass the rule.
    BACKEND_FAILED = "backend_failed"
    BAKEOFF = "bakeoff"
    SHADOW = "shadow"
    REPLAY = "replay"
