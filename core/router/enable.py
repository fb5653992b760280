"""Enabling and disabling reflex: one act, for the command line and the dashboard alike.

``propose`` shows what would change; ``switch`` does it. It looks at the gate again before it
writes, edits the file in place, reads it back, and only then lets the capsule say that reflex was
enabled without a pass. What cannot be recorded is taken back. All of it reads files and asks
servers and so blocks: call it from a thread where there is an event loop.
"""

from __future__ import annotations

import asyncio
import difflib
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.capsule import EventLog
from core.capsule.events import EnableForcedEvent
from core.errors import ConfigError, ReflexError
from core.plain import plain
from core.router.view import RoutingView, look_once
from core.settings import Settings, load_settings
from core.settings.edit import edited_reflex, replace_text, set_enabled

if TYPE_CHECKING:
    from pathlib import Path


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
    routing_view: RoutingView

    @property
    def refused(self) -> bool:
        """Only a gate pass that holds now lets reflex serve; disabling is never refused."""
        return self.on and not self.routing_view.gate.valid


@dataclass(frozen=True, slots=True)
class Switched:
    """The file, and the line that was written; None where it was so already.

    ``forced`` is the gate's detail where reflex was enabled without a pass.
    """

    path: Path
    line: int | None
    forced: str | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """The file and line that were written, and what the next call would do now."""

    path: Path
    line: int | None
    routing_view: RoutingView


def propose(settings: Settings, *, on: bool) -> Proposal:
    """Look at the gate and at the file as they are now.

    Raises:
        ConfigError: The file cannot be read or changed.
        CapsuleError: The evidence cannot be read.
    """
    fresh = _read_again(settings)
    path, changes = _planned(fresh, on=on)
    return Proposal(on, path, changes, asyncio.run(look_once(fresh)))


def carry_out(proposal: Proposal, settings: Settings) -> Done:
    """Do what was proposed, if it would still be the same and the gate still holds.

    Raises:
        ReflexError: As ``switch``, or the file changed meanwhile.
    """
    fresh = _read_again(settings)
    if _planned(fresh, on=proposal.on) != (proposal.path, proposal.changes):
        raise ConfigError(
            f"{plain(proposal.path.name, 80)} changed meanwhile, so nothing was written",
            remedy="Look at it again.",
        )
    switched = switch(fresh, on=proposal.on)
    return Done(switched.path, switched.line, asyncio.run(look_once(_read_again(settings))))


def switch(settings: Settings, *, on: bool, force: bool = False) -> Switched:
    """Set ``[reflex] enabled``, and verify it; nothing is written where it is so already.

    Enabling needs a gate pass that holds now, or ``force``, which is put on record.

    Raises:
        ReflexError: There is no pass, and it is not forced; nothing was written.
        ConfigError: The file cannot be read or written, or does not say so afterwards.
        CapsuleError: The evidence cannot be read, or a forced one not recorded; the file is as it
            was.
    """
    fresh = _read_again(settings)
    gate = asyncio.run(look_once(fresh)).gate if on else None
    if gate and not gate.valid and not force:
        why, step = gate.explanation.sentence, gate.explanation.next_step
        raise ReflexError(
            f"reflex is not enabled: {plain(why, 300)} ({plain(gate.detail, 40)})",
            remedy=f"{plain(step, 400)}. To override at your own risk: --force",
        )
    path, before, _ = edited_reflex(fresh, {"enabled": on})
    if fresh.reflex.enabled is on:
        return Switched(path, None)
    existed = path.exists()
    forced = gate.detail if gate and not gate.valid else None
    try:
        path, line = set_enabled(fresh, on=on)
        _verify(path, on=on)
        if forced:
            _record_forced(fresh, forced)
    except BaseException:
        _take_back(path, before if existed else None)
        raise
    return Switched(path, line, forced)


def _verify(path: Path, *, on: bool) -> None:
    if load_settings(path).reflex.enabled is not on:
        raise ConfigError(f"{plain(path)}: enabled could not be changed in this file")


def _record_forced(settings: Settings, detail: str) -> None:
    reflex = settings.reflex
    event = EnableForcedEvent(
        run_id=uuid.uuid4().hex, detail=detail, endpoint=reflex.endpoint, model=reflex.model
    )
    with EventLog(settings.state_dir / "capsule") as log:
        log.append(event)


def _take_back(path: Path, before: str | None) -> None:
    if before is None:
        path.unlink(missing_ok=True)
    elif path.read_text(encoding="utf-8") != before:
        replace_text(path, before)


def _read_again(settings: Settings) -> Settings:
    source = settings.source
    return load_settings() if source.path is None or source.trusted else load_settings(source.path)


def _planned(settings: Settings, *, on: bool) -> tuple[Path, tuple[SettingChange, ...]]:
    path, before, after = edited_reflex(settings, {"enabled": on})
    return path, () if settings.reflex.enabled is on else _changes(before, after)


def _changes(before: str, after: str) -> tuple[SettingChange, ...]:
    old, new = before.splitlines(), after.splitlines()
    found: list[SettingChange] = []
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for kind, old_at, old_end, new_at, new_end in matcher.get_opcodes():
        if kind != "equal":
            found += [SettingChange("-", at + 1, old[at]) for at in range(old_at, old_end)]
            found += [SettingChange("+", at + 1, new[at]) for at in range(new_at, new_end)]
    return tuple(found)
