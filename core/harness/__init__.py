"""Whether a local model may serve the Implement stage: suites, sandbox, bakeoff, gate, reports.

A suite's tasks are given to two arms, the local model and the cloud. Each reply's code is tested in
the sandbox; the trials go into a report, and the gate judges them. Only a pass enables reflex. An
orchestrator needs ``load_suite``, ``Plan`` and ``run_bakeoff``, which are imported on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.harness.bakeoff.plan import Plan
    from core.harness.bakeoff.run import run_bakeoff
    from core.harness.suites.loading import load_suite

_HOMES = {
    "Plan": "core.harness.bakeoff.plan",
    "load_suite": "core.harness.suites.loading",
    "run_bakeoff": "core.harness.bakeoff.run",
}

__all__ = ["Plan", "load_suite", "run_bakeoff"]


def __getattr__(name: str) -> Any:
    """Import public names on first use: a suite's reader needs no client, and the other way."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'core.harness' has no attribute {name!r}")
