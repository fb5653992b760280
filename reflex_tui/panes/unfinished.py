"""Bakeoffs that did not come to their end, from their journals: to go on with, or run elsewhere."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.plain import plain

if TYPE_CHECKING:
    from pathlib import Path

    from core.harness.bakeoff.plan import Plan

_PATTERN = "reflex-bakeoff-*.journal.jsonl"
_MAX_BYTES = 64 << 20
_MOST_HEAD = 1 << 20


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A run's journal: ``done`` of ``total`` trials; ``under_way`` while a process works at it.

    ``about`` is what the run is about as its journal says. It is shown and used to ask for the
    same again; whether it may be resumed is for the bakeoff itself to find out.
    """

    path: Path
    done: int
    total: int
    under_way: bool
    about: dict[str, Any]

    @property
    def suite(self) -> str:
        """The suite's name, or its path from the workspace."""
        return plain(self.about.get("suite") or "?", 80)

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms' names."""
        arms = self.about.get("arms")
        return tuple(plain(name, 40) for name in arms) if isinstance(arms, dict) else ()


def newest_unfinished(directory: Path) -> Unfinished | None:
    """The journal that was written to last; None without one that can be read."""
    found = []
    for path in directory.glob(_PATTERN):
        try:
            found.append((path.stat().st_mtime_ns, path))
        except OSError:
            continue
    return _read(max(found)[1]) if found else None


def _read(path: Path) -> Unfinished | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            under_way = _is_locked(file.fileno())
            if os.fstat(file.fileno()).st_size > _MAX_BYTES:
                return None
            about = json.loads(file.readline(_MOST_HEAD)).get("about")
            done = sum(line.endswith(b"\n") for line in file)
    except (OSError, ValueError, RecursionError, AttributeError):
        return None
    if not isinstance(about, dict):
        return None
    return Unfinished(path, done, _total(about), under_way, about)


def _is_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return False


def _total(about: dict[str, Any]) -> int:
    tasks, arms, trials = about.get("tasks"), about.get("arms"), about.get("trials")
    if isinstance(tasks, list) and isinstance(arms, dict) and isinstance(trials, int):
        return len(tasks) * len(arms) * trials
    return 0


def plan_to_resume(unfinished: Unfinished, workspace: Path) -> Plan:
    """The plan that goes on with it, given that all its options are known.

    Raises:
        ConfigError: The journal says something that no plan can be made of.
        ReportError: It lends a report's trials, and which file that was is not known.
    """
    from core.errors import ConfigError, ReportError  # noqa: PLC0415  with the harness
    from core.harness.bakeoff.plan import Plan  # noqa: PLC0415  when it is wanted
    from core.harness.patchloop.edits import EditFormat  # noqa: PLC0415

    about = unfinished.about
    if about.get("reused_report"):
        raise ReportError(
            "this bakeoff takes its cloud trials from an earlier report",
            remedy="Name that report: code reflex bakeoff --resume --reuse-cloud REPORT",
        )
    suite, shard = str(about.get("suite")), about.get("shard")
    try:
        return Plan(
            suite=str((workspace / suite).resolve()) if suite.startswith("./") else suite,
            arms=tuple(about["arms"]),
            trials=int(about["trials"]),
            tasks=str(about.get("glob") or "*"),
            attempts=int(about["attempts"]),
            candidates=int(about["candidates"]),
            edit_format=EditFormat(about["edit_format"]),
            concurrency=int(about["concurrency"]),
            shard=(int(shard[0]), int(shard[1])) if shard else None,
            aa="cloud-b" in about["arms"],
            out=unfinished.path.parent,
            resume=True,
        )
    except (KeyError, TypeError, ValueError, IndexError):
        raise ConfigError(
            f"{plain(unfinished.path.name, 120)} does not say how it was run",
            remedy="Go on with: code reflex bakeoff --resume, and the same options as then.",
        ) from None
