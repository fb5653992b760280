"""Stage, Mode, Role and the backends' names: the words every decision is made of."""

from __future__ import annotations

from enum import StrEnum

# The two backends that there always are; a configuration names further ones.
PRIMARY = "reflex"
CLOUD = "cloud"


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
