"""A project's file may tighten the gate's thresholds, never loosen them.

A repository is untrusted input: with a ``confidence`` of 0 in its stage0.toml, a model that solved
nothing would pass. A threshold looser than the built-in default therefore counts in two cases only:
in the user's own configuration file, or after the user accepted exactly these values for this
workspace. That consent is kept with the user's configuration, not with the project. The same holds
for switching off the watch over a model that has passed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.settings.consent import has_accepted, remember
from core.settings.model import Monitor, Thresholds

if TYPE_CHECKING:
    from pathlib import Path

DEFAULTS = Thresholds()
# Which way each threshold loosens the gate; a new one must be added here.
LOOSER_WHEN_HIGHER = {
    "p95_latency_ms": True,
    "success_parity_percent": False,
    "json_schema_compliance_percent": False,
    "confidence": False,
    "golden_regressions_allowed": True,
    "max_age_days": True,
}


def judged(thresholds: Thresholds) -> dict[str, float]:
    """Those that a verdict depends on, by name; how old a pass may get is no part of it."""
    values = thresholds.model_dump(exclude={"max_age_days"})
    return {name: float(value) for name, value in values.items()}


def loosened(thresholds: Thresholds, defaults: Thresholds = DEFAULTS) -> dict[str, float]:
    """The thresholds that are looser than the defaults, by name."""
    values = thresholds.model_dump()
    return {
        name: values[name]
        for name, higher in LOOSER_WHEN_HIGHER.items()
        if (values[name] > getattr(defaults, name)) == higher
        and values[name] != getattr(defaults, name)
    }


def effective_thresholds(
    project: Thresholds, defaults: Thresholds = DEFAULTS, *, consent: bool = False
) -> Thresholds:
    """What the gate goes by: the project's own with consent, else the tighter of both, each."""
    if consent:
        return project
    refused = loosened(project, defaults)
    return project.model_copy(update={name: getattr(defaults, name) for name in refused})


WATCHED = Monitor()


def slackened(monitor: Monitor) -> dict[str, bool]:
    """What of the watch over live calls is switched off, by name."""
    return {name: False for name in ("enabled", "demote") if not getattr(monitor, name)}


def effective_monitor(project: Monitor, *, consent: bool = False) -> Monitor:
    """What live calls are watched by: the project's own with consent, else nothing switched off."""
    refused = {} if consent else slackened(project)
    return project.model_copy(update={name: getattr(WATCHED, name) for name in refused})


def accepted(workspace: Path, thresholds: Thresholds, monitor: Monitor = WATCHED) -> bool:
    """Whether the user accepted just this loosening for this workspace."""
    return has_accepted(workspace, _about(thresholds, monitor))


def accept(
    workspace: Path, thresholds: Thresholds, monitor: Monitor = WATCHED
) -> dict[str, float | bool]:
    """Remember that the user accepts what is loosened here; returns which settings they are.

    Raises:
        ConfigError: The list cannot be written.
    """
    remember(workspace, _about(thresholds, monitor))
    return {
        **loosened(thresholds),
        **{f"monitor.{name}": value for name, value in slackened(monitor).items()},
    }


def _about(thresholds: Thresholds, monitor: Monitor) -> dict[str, object]:
    off = slackened(monitor)
    return {"thresholds": loosened(thresholds), **({"monitor": off} if off else {})}
