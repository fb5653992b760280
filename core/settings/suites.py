"""The suites whose passes count: a project's file may name fewer than the default, never others.

A repository is untrusted input: a suite that comes with it can be so easy, or so broken for both
sides, that any model passes. One that is not a default therefore counts in two cases only: in the
user's own configuration file, or after the user accepted exactly these suites for this workspace.
What a suite holds is bound by the pass itself, which has its hash.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.fingerprint import suite_text
from core.settings.consent import has_accepted, remember
from core.settings.model import Reflex

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

DEFAULT_SUITES = Reflex().suites


def added(suites: Iterable[str]) -> tuple[str, ...]:
    """Those of ``suites`` that are no default."""
    return tuple(name for name in suites if name not in DEFAULT_SUITES)


def counts(suite: str, suites: Iterable[str]) -> bool:
    """Whether a pass on ``suite``, as a report or a decision has it, is of one of ``suites``."""
    return suite in {suite_text(name) for name in suites}


def effective_suites(project: Sequence[str], *, consent: bool = False) -> tuple[str, ...]:
    """The suites that count: the project's own with consent, else its defaults alone."""
    return tuple(name for name in project if consent or name in DEFAULT_SUITES)


def accepted(workspace: Path, suites: Iterable[str]) -> bool:
    """Whether the user accepted just these further suites for this workspace."""
    return has_accepted(workspace, _about(suites))


def accept(workspace: Path, suites: Iterable[str]) -> tuple[str, ...]:
    """Remember that the user accepts the further ones of ``suites`` here; returns them.

    Raises:
        ConfigError: The list cannot be written.
    """
    further = added(suites)
    remember(workspace, _about(further))
    return further


def _about(suites: Iterable[str]) -> dict[str, object]:
    return {"suites": sorted(added(suites))}
