"""Reflex's headless core: client, router, evidence and harness; imports no user interface."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.errors import *  # noqa: F403  all of them
    from core.router.implementer import Answer, Implementer
    from core.settings import load_settings
    from core.stages import Mode, Stage

_HOMES = {
    "Answer": "core.router.call",
    "Implementer": "core.router.implementer",
    "Mode": "core.stages",
    "Stage": "core.stages",
    "load_settings": "core.settings",
}

__all__ = ["Answer", "Implementer", "Mode", "Stage", "load_settings"]


def __getattr__(name: str) -> Any:
    """Import public names on first use, so that ``code reflex --help`` pays for none of them.

    The errors of ``core.errors`` are public names too.
    """
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    errors = import_module("core.errors")
    found = getattr(errors, name, None)
    if isinstance(found, type) and issubclass(found, errors.ReflexError):
        return found
    raise AttributeError(f"module 'core' has no attribute {name!r}")
