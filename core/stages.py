"""The words that every routing decision is made of: stage, mode, role, reason, backends' names."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, get_args

# The two backends that there always are; a configuration names further ones.
PRIMARY = "reflex"
CLOUD = "cloud"
# Whose calls live figures count: a bakeoff's calls run to another deadline, and nobody waits for a
# shadow call.
LIVE_ORIGINS = frozenset({"live", "demo"})


class Stage(StrEnum):
    """A stage of the agent's pipeline; only ``IMPLEMENT`` may use reflex."""

    SPECIFY = "specify"
    PLAN = "plan"
    TASKS = "tasks"
    IMPLEMENT = "implement"
    VALIDATE = "validate"
    AUDIT = "audit"
    UNLOCK = "unlock"


class Mode(StrEnum):
    """How the Implementer is served: by a local backend, or by the cloud."""

    REFLEX = "reflex"
    CLOUD = "cloud"


class Role(StrEnum):
    """There is one role; reflex is a mode of it."""

    IMPLEMENTER = "Implementer"


class Reason(StrEnum):
    """Why a backend was chosen."""

    NOT_IMPLEMENT_STAGE = "not_implement_stage"
    REFLEX_DISABLED = "reflex_disabled"
    NEEDS_CLOUD = "needs_cloud"
    SERVER_UNHEALTHY = "server_unhealthy"
    MODEL_NOT_AVAILABLE = "model_not_available"
    THRESHOLDS_NOT_MET = "thresholds_not_met"
    MAX_FAILURES_REACHED = "max_failures_reached"
    PROMPT_EXCEEDS_CONTEXT = "prompt_exceeds_context"
    HOLDOUT = "holdout"
    HEALTHY_AND_THRESHOLDS_MET = "healthy_and_thresholds_met"
    # Not the table's: a fallback after an attempt that failed, and calls that bypass the rule.
    BACKEND_FAILED = "backend_failed"
    BAKEOFF = "bakeoff"
    SHADOW = "shadow"
    REPLAY = "replay"


# How the patch loop's edits may be written; ``core.patchloop.formats`` says what each is.
EditFormatName = Literal[
    "auto", "code", "function", "whole_file", "search_replace", "line_range", "fence"
]
EDIT_FORMATS: tuple[EditFormatName, ...] = get_args(EditFormatName)
