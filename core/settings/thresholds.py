"""A project's file may tighten the gate's thresholds, never loosen them.

A repository is untrusted input: with a ``confidence`` of 0 in its stage0.toml, a model that solved
nothing would pass. A threshold looser than the built-in default therefore counts in two cases only:
in the user's own configuration file, or after the user accepted exactly these values for this
workspace. That consent is kept with the user's configuration, not with the project. The same holds
for switching off the watch over a model that has passed.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from core.errors import ConfigError
from core.files import add_lines, read_state
from core.settings.find import user_config_dir
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
_MOST_BYTES = 1 << 20


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


def store() -> Path:
    """The user's own list of accepted thresholds: a digest and the workspace, one a line."""
    return user_config_dir() / "accepted-thresholds"


def accepted(workspace: Path, thresholds: Thresholds, monitor: Monitor = WATCHED) -> bool:
    """Whether the user accepted just this loosening for this workspace."""
    return _digest(workspace, thresholds, monitor) in {line.partition(" ")[0] for line in _lines()}


def accept(
    workspace: Path, thresholds: Thresholds, monitor: Monitor = WATCHED
) -> dict[str, float | bool]:
    """Remember that the user accepts what is loosened here; returns which settings they are.

    Raises:
        ConfigError: The list cannot be written.
    """
    path, digest = store(), _digest(workspace, thresholds, monitor)
    try:
        if not accepted(workspace, thresholds, monitor):
            add_lines(path, [f"{digest} {json.dumps(str(workspace.resolve()))}"], limit=_MOST_BYTES)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error
    return {
        **loosened(thresholds),
        **{f"monitor.{name}": value for name, value in slackened(monitor).items()},
    }


def _lines() -> list[str]:
    try:
        return read_state(store(), limit=_MOST_BYTES).decode().splitlines()
    except (OSError, UnicodeDecodeError):
        return []


def _digest(workspace: Path, thresholds: Thresholds, monitor: Monitor) -> str:
    about: dict[str, object] = {
        "workspace": str(workspace.resolve()),
        "thresholds": loosened(thresholds),
    }
    if off := slackened(monitor):
        about["monitor"] = off
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
