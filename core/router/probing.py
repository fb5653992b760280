"""The import path that ``core.router.health`` had in 0.1; it goes with 0.3."""

from __future__ import annotations

from importlib import import_module
from typing import Any
from warnings import warn


def __getattr__(name: str) -> Any:
    """Import a name from where it is now, and say where that is."""
    if name != "probe":
        raise AttributeError(f"module 'core.router.probing' has no attribute {name!r}")
    now = "core.router.health"
    warn(
        f"core.router.probing is {now} since 0.2, and goes with 0.3",
        DeprecationWarning,
        stacklevel=2,
    )
    return getattr(import_module(now), name)
