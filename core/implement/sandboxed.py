"""The user's check in the sandbox, for patches that nobody asked for: those of shadow calls."""

from __future__ import annotations

import asyncio
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from core.harness.commands.running import command_limits, run_command
from core.harness.commands.toolchain import find_toolchain, own_packages
from core.harness.sandbox.box import pack
from core.harness.suites.tasks import CheckCommand
from core.implement.checking import DEPENDENCIES
from core.patchloop.job import CheckResult
from core.patchloop.trial import FailureKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from core.harness.sandbox import Sandbox
    from core.implement.checking import Scratch
    from core.implement.user_files import FilePlace, Original


class SandboxedCheck:
    """As ``CopyCheck``, but without network, home and environment, and within limits.

    A check that needs these fails here whatever the patch: see that one known to be good passes.
    """

    def __init__(
        self,
        place: FilePlace,
        originals: Mapping[str, Original],
        scratch: Scratch,
        words: Sequence[str],
        *,
        limit_s: float,
        sandbox: Sandbox,
    ) -> None:
        self._place = place
        self._originals = originals
        self._scratch = scratch
        self._check = CheckCommand(tuple(words))
        self._limit_s = limit_s
        self._sandbox = sandbox

    async def __call__(self, files: Mapping[str, str], changed: Sequence[str]) -> CheckResult:
        """Whether the command ends with 0.

        Raises:
            SandboxError: No sandbox could be set up, or the repository is too large for it.
            SuiteError: The command's program is not here.
            ConfigError: The repository cannot be copied.
        """
        del changed
        contents = {path: self._originals[path].encoded(text) for path, text in files.items()}
        most_bytes = command_limits(self._sandbox.limits, self._limit_s).file_mb << 20
        async with self._scratch.copy(contents) as root:
            tree = await asyncio.to_thread(pack, root, max_bytes=most_bytes)
        found = await asyncio.to_thread(
            find_toolchain,
            self._check,
            self._project(),
            own_packages=own_packages([path for path, _, _ in tree]),
        )
        below = self._place.here.relative_to(self._place.root).as_posix()
        line = f"cd {shlex.quote(below)} && exec {shlex.join(found.command)}"
        report = await run_command(
            self._sandbox,
            self._check,
            replace(found, command=("/bin/sh", "-c", line)),
            tree,
            time_limit_s=self._limit_s,
        )
        if report.solves(()):
            return CheckResult(passed=True)
        feedback = report.feedback(())
        return CheckResult(passed=False, feedback=feedback, failure=FailureKind.TEST)

    def _project(self) -> Path:
        """Where its dependencies are: beside the user, else at the repository's root."""
        here = self._place.here
        own = any((here / name).is_dir() for name in DEPENDENCIES)
        return here if own else self._place.root
