"""Runs a task's command in the sandbox: offline, on a work tree laid out anew for every run."""

from __future__ import annotations

import math
import shlex
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from core.errors import SandboxError
from core.harness.commands.results import Outcomes, read_outcomes
from core.harness.commands.toolchain import CACHE
from core.harness.sandbox import Tier
from core.harness.sandbox.layout import WORK
from core.patchloop.printed import neutral
from core.patchloop.prompt import MOST_FEEDBACK

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from core.harness.commands.toolchain import Toolchain
    from core.harness.sandbox import Limits, Sandbox
    from core.harness.sandbox.box import Entry
    from core.harness.suites.tasks import CheckCommand, WorkTree

_MEMORY_MB = 3072
_FILE_MB = 1024
_PROCESSES = 512
_OPEN_FILES = 1024
_OUTPUT_BYTES = 4 << 20
_CORES = 4
_MOST_NAMED = 20
# What the shell writes on its own standard error, which neither command can reach.
_STARTED, _COMPILED = "started", "compiled"


@dataclass(frozen=True, slots=True)
class CommandReport:
    """How a check ended.

    ``compiled`` is False when its compile step failed, ``outcomes`` are the tests it told of, and
    ``ended_well`` says that the command ended with 0 within its limits. ``said`` is what it
    printed, made neutral; ``stopped`` the limit that ended it.
    """

    compiled: bool
    ended_well: bool
    outcomes: Outcomes
    said: str
    stopped: str | None
    wall_s: float

    def solves(self, expected: Collection[str]) -> bool:
        """Whether all ``expected`` tests passed; with none expected, the command and all its tests.

        A command that was stopped has passed nothing.
        """
        if not self.compiled or self.stopped:
            return False
        if expected:
            return self.outcomes.passed.issuperset(expected)
        return self.ended_well and not self.outcomes.failed

    def feedback(self, expected: Collection[str], limit: int = MOST_FEEDBACK) -> str:
        """What a model should read: the tests that fail, else what the command said."""
        if not self.compiled:
            return f"It does not compile.\n\n{self.said}"[:limit]
        failed = self.outcomes.failed
        names = [name for name in failed if not expected or name in set(expected)]
        parts = [f"The check was stopped: {self.stopped}."] if self.stopped else []
        if names:
            parts.append(f"{len(names)} {'test fails' if len(names) == 1 else 'tests fail'}.")
            parts += [
                neutral(f"{name}\n{failed[name]}", {WORK: ""}) for name in names[:_MOST_NAMED]
            ]
        else:
            parts.append(self.said)
        text = "\n\n".join(filter(None, parts))
        return text if len(text) <= limit else text[: limit - 1] + "…"


def command_limits(limits: Limits, time_limit_s: float) -> Limits:
    """What a compiler and a project's tests need, which is more than one file of Python does."""
    return replace(
        limits,
        wall_s=time_limit_s,
        cpu_s=math.ceil(time_limit_s * _CORES),
        memory_mb=_MEMORY_MB,
        file_mb=_FILE_MB,
        processes=_PROCESSES,
        open_files=_OPEN_FILES,
        output_bytes=_OUTPUT_BYTES,
        reserving=True,
    )


def laid_out(tree: WorkTree | None, *over: Mapping[str, str]) -> list[Entry]:
    """A work tree as the sandbox takes it; files ``over`` it replace what the tree has there."""
    files = dict(tree.files) if tree else {}
    for layer in over:
        for path, text in layer.items():
            executable = path in files and files[path][1]
            files[path] = (text.encode(), executable)
    links = {path: to for path, to in (tree.links if tree else {}).items() if path not in files}
    above = {
        str(parent)
        for path in (*files, *links)
        for parent in PurePosixPath(path).parents
        if str(parent) != "."
    }
    return [
        *((path, 0o755, None) for path in sorted(above)),
        *((path, 0o755 if mode else 0o644, data) for path, (data, mode) in sorted(files.items())),
        *((path, 0o777, to) for path, to in sorted(links.items())),
    ]


async def run_command(
    sandbox: Sandbox,
    check: CheckCommand,
    toolchain: Toolchain,
    tree: list[Entry],
    *,
    time_limit_s: float,
) -> CommandReport:
    """Run the compile step, if there is one, and the command, in a copy of ``tree``.

    Raises:
        SandboxError: No sandbox could be set up, or this one runs a single process only.
    """
    if sandbox.tier is Tier.SANDBOX_EXEC:
        raise SandboxError(
            "This sandbox runs one process at a time, and a command needs several.",
            remedy="Run suites with a check command on Linux.",
        )
    limits = command_limits(sandbox.limits, time_limit_s)
    taken = {path for path, _, _ in tree}
    links: list[Entry] = [
        (path, 0o777, to) for path, to in toolchain.links.items() if path not in taken
    ]
    ended = await sandbox.run(
        ["/bin/sh", "-c", _script(check, toolchain)],
        workspace=[*tree, *links],
        shown=toolchain.shown,
        env=_environment(toolchain),
        limits=limits,
    )
    stages, _, report = ended.stderr.partition("\n\n")
    compiled = _COMPILED in stages.split("\n")
    outcomes = read_outcomes(check.result, ended.stdout, report.encode())
    shown = {WORK: "", **{str(path): path.name for path in toolchain.shown.read_only}}
    return CommandReport(
        compiled=compiled or ended.killed_by is not None,
        ended_well=compiled and ended.exit_status == 0 and ended.killed_by is None,
        outcomes=outcomes if compiled else Outcomes(),
        said=neutral(ended.stdout, shown),
        stopped=_stopped(ended.killed_by, limits),
        wall_s=ended.wall_s,
    )


def _script(check: CheckCommand, toolchain: Toolchain) -> str:
    """Both commands for a shell, whose own standard error tells how far it came."""
    lines = [f"echo {_STARTED} >&2", 'mkdir -p "$REFLEX_CACHE"', "unset REFLEX_CACHE"]
    if toolchain.compile:
        lines.append(f"{shlex.join(toolchain.compile)} 2>&1 </dev/null || exit 1")
    lines += [f"echo {_COMPILED} >&2", "echo >&2"]
    if check.report:
        report = shlex.quote(check.report)
        lines.append(f'mkdir -p "$(dirname {report})"; rm -rf {report}')
    lines += [f"{shlex.join(toolchain.command)} 2>&1 </dev/null", "status=$?"]
    if check.report:
        lines.append(f"[ -f {report} ] && [ ! -L {report} ] && cat {report} >&2")
    return "\n".join((*lines, "exit $status"))


def _environment(toolchain: Toolchain) -> dict[str, str]:
    path = ":".join((*toolchain.path, "/usr/local/bin", "/usr/bin", "/bin"))
    return {"REFLEX_CACHE": CACHE, "XDG_CACHE_HOME": CACHE, "CI": "true", **toolchain.env} | {
        "PATH": path
    }


def _stopped(killed_by: str | None, limits: Limits) -> str | None:
    words = {
        "wall": f"it took over {limits.wall_s:g} s",
        "cpu": f"it computed for over {limits.cpu_s} s",
        "memory": f"it used over {limits.memory_mb} MiB of memory",
        "files": "it wrote too many files",
        "output": "it printed without end",
    }
    return None if killed_by is None else words.get(killed_by, f"ended by {killed_by}")
