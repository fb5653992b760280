"""A user's consent to what a project's stage0.toml asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.settings import load_settings, suites, thresholds

if TYPE_CHECKING:
    from pathlib import Path

OWN_SUITE = 'suites = ["reflex_patchloop_v1", "./suite"]\n'
"""The line in ``[reflex]`` by which passes on the workspace's ``suite`` directory count."""


def consent(root: Path) -> None:
    """Accept the looser thresholds and the suites of the project at ``root``, as a user would."""
    settings = load_settings(root / "stage0.toml")
    if settings.refused:
        thresholds.accept(root, settings.refused)
    if settings.refused_suites:
        suites.accept(root, settings.refused_suites)
