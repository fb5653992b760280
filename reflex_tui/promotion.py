"""Letting reflex serve, or not: the line that would change, the same check as ``enable``, the act.

All of it reads files and asks servers, so it is for a thread.
"""

from __future__ import annotations

import asyncio
import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import ConfigError
from core.router.outlook import Lookout, Outlook
from core.settings import Settings, load_settings
from core.settings.edit import edited_reflex, set_enabled

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the file: ``sign`` is ``-`` or ``+``, ``number`` counts from 1."""

    sign: str
    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """What enabling (``on``) or disabling would change; no changes: it is so already."""

    on: bool
    path: Path
    changes: tuple[Change, ...]
    outlook: Outlook

    @property
    def refused(self) -> bool:
        """Only a gate pass that holds now lets reflex serve; disabling is never refused."""
        return self.on and not self.outlook.gate.valid


@dataclass(frozen=True, slots=True)
class Done:
    """The file and line that were written, and what the next call would do now."""

    path: Path
    line: int
    outlook: Outlook


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


async def _look(settings: Settings) -> Outlook:
    lookout = Lookout(settings)
    try:
        return await lookout.look()
    finally:
        await lookout.aclose()


def _again(settings: Settings) -> Settings:
    source = settings.source
    return load_settings() if source.path is None or source.trusted else load_settings(source.path)


def _changes(before: str, after: str) -> tuple[Change, ...]:
    old, new = before.splitlines(), after.splitlines()
    found: list[Change] = []
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for kind, old_at, old_end, new_at, new_end in matcher.get_opcodes():
        if kind != "equal":
            found += [Change("-", at + 1, old[at]) for at in range(old_at, old_end)]
            found += [Change("+", at + 1, new[at]) for at in range(new_at, new_end)]
    return tuple(found)
