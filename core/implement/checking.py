"""A candidate checked: written into a copy of the repository, and the user's command run there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from core.harness.gate.trial import FailureKind
from core.harness.patchloop.job import Checked
from core.implement.command import Ran, run
from core.implement.feedback import neutral

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from core.implement.files import Original, Place
    from core.implement.scratch import Scratch


class CopyCheck:
    """The check of one task; any number of candidates may be looked at at once.

    ``words`` are run in the copy of the directory where the person stands, for at most
    ``limit_s`` seconds, with this process's environment less the variables ``withheld``.
    """

    def __init__(
        self,
        place: Place,
        originals: Mapping[str, Original],
        scratch: Scratch,
        words: Sequence[str],
        *,
        limit_s: float,
        withheld: Sequence[str] = (),
    ) -> None:
        self._place = place
        self._originals = originals
        self._scratch = scratch
        self._words = tuple(words)
        self._limit_s = limit_s
        self._environ = {name: value for name, value in os.environ.items() if name not in withheld}

    async def before(self) -> Ran:
        """What the command says of the files as they are.

        Raises:
            ConfigError: The command cannot be started, or the repository cannot be copied.
        """
        return await self._run({path: one.text for path, one in self._originals.items()})

    async def __call__(self, files: Mapping[str, str], changed: Sequence[str]) -> Checked:
        """Whether the command ends with 0; raises as ``before``."""
        del changed  # all of them are written: the user may have gone on with one meanwhile
        ran = await self._run(files)
        if ran.passed:
            return Checked(passed=True)
        return Checked(passed=False, feedback=self.told(ran), failure=FailureKind.TEST)

    def told(self, ran: Ran) -> str:
        """What a model reads of it."""
        if ran.status is None:
            how = f"It did not end within {self._limit_s:g} s and was stopped."
        elif ran.status < 0:
            how = f"It was ended by signal {-ran.status}."
        else:
            how = ""
        return "\n".join(filter(None, (ran.output, how)))

    async def _run(self, files: Mapping[str, str]) -> Ran:
        contents = {path: self._originals[path].encoded(text) for path, text in files.items()}
        async with self._scratch.copy(contents) as root:
            here = root / self._place.here.relative_to(self._place.root)
            ran = await run(
                self._words,
                cwd=here,
                environ=self._environ | {"PWD": str(here)},
                limit_s=self._limit_s,
            )
        shown = {str(root): "", str(self._place.root): "", str(Path.home()): "~"}
        return Ran(ran.status, neutral(ran.output, shown))
