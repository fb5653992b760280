"""Enabling and disabling reflex: the line that would change, the check of ``enable``, the act.

All of it reads files and asks servers, so it is for a thread. ``first_config`` and ``example`` are
the lines of a minimal configuration for a user who has none.
"""

from __future__ import annotations

import asyncio
import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import ConfigError
from core.plain import plain
from core.router.view import RoutingView, RoutingViewer
from core.settings import Settings, load_settings
from core.settings.edit import edited_reflex, set_enabled

if TYPE_CHECKING:
    from pathlib import Path

NAME = "stage0.toml"
_ENDPOINT, _MODEL = "http://127.0.0.1:8000/v1", "the-id-it-serves"


@dataclass(frozen=True, slots=True)
class SettingChange:
    """One line of the file: ``sign`` is ``-`` or ``+``, ``number`` counts from 1."""

    sign: str
    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """What enabling (``on``) or disabling would change; no changes: it is so already."""

    on: bool
    path: Path
    changes: tuple[SettingChange, ...]
    outlook: RoutingView

    @property
    def refused(self) -> bool:
        """Only a gate pass that holds now lets reflex serve; disabling is never refused."""
        return self.on and not self.outlook.gate.valid


@dataclass(frozen=True, slots=True)
class Done:
    """The file and line that were written, and what the next call would do now."""

    path: Path
    line: int
    outlook: RoutingView


def propose(settings: Settings, *, on: bool) -> Proposal:
    """Look at the gate and at the file as they are now.

    Raises:
        ConfigError: The file cannot be read or changed.
        CapsuleError: The evidence cannot be read.
    """
    fresh = _again(settings)
    path, before, after = edited_reflex(fresh, {"enabled": on})
    return Proposal(on, path, _changes(before, after), asyncio.run(_look(fresh)))


def carry_out(proposal: Proposal, settings: Settings) -> Done:
    """Write what was proposed, if it would still be the same and the gate still holds.

    Raises:
        ConfigError: Something changed meanwhile, or the file cannot be written.
        CapsuleError: The evidence cannot be read.
    """
    now = propose(settings, on=proposal.on)
    if now.changes != proposal.changes or now.path != proposal.path:
        raise ConfigError(
            f"{proposal.path.name} changed meanwhile, so nothing was written",
            remedy="Look at it again.",
        )
    if now.refused:
        raise ConfigError(
            f"the gate does not hold any more ({now.outlook.gate.detail}): nothing was written"
        )
    path, line = set_enabled(now.outlook.settings, on=proposal.on)
    return Done(path, line, asyncio.run(_look(_again(settings))))


async def _look(settings: Settings) -> RoutingView:
    lookout = RoutingViewer(settings)
    try:
        return await lookout.look()
    finally:
        await lookout.aclose()


def _again(settings: Settings) -> Settings:
    source = settings.source
    return load_settings() if source.path is None or source.trusted else load_settings(source.path)


def _changes(before: str, after: str) -> tuple[SettingChange, ...]:
    old, new = before.splitlines(), after.splitlines()
    found: list[SettingChange] = []
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for kind, old_at, old_end, new_at, new_end in matcher.get_opcodes():
        if kind != "equal":
            found += [SettingChange("-", at + 1, old[at]) for at in range(old_at, old_end)]
            found += [SettingChange("+", at + 1, new[at]) for at in range(new_at, new_end)]
    return tuple(found)


def example(endpoint: str = _ENDPOINT, model: str = _MODEL) -> tuple[str, ...]:
    """The lines of a file that is good, and enough."""
    import json  # not for the dashboard's first paint

    told = {"endpoint": endpoint, "model": model}
    return (
        "[reflex]",
        *(
            f"{key} = {json.dumps(plain(value, 256), ensure_ascii=False)}"
            for key, value in told.items()
        ),
    )


def first_config(outlook: RoutingView | None) -> tuple[str, ...]:
    """The lines to paste into a new file; none where there is one, or none is needed."""
    if outlook is None or outlook.settings.source.path is not None or outlook.health.ok:
        return ()
    health = outlook.health
    return example(health.endpoint, health.models[0]) if health.models else example()


def place_of(settings: Settings) -> Path:
    """The file in force, or the one that a project's own would be."""
    return settings.source.path or settings.source.root / NAME


def config_place(settings: Settings) -> str:
    """The same in words, safe to show."""
    if settings.source.path is not None:
        return plain(settings.source.path, 500)
    return f"none: built-in defaults; yours would be {plain(place_of(settings), 500)}"
