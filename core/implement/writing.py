"""Changes written to the user's files: all of them or none, and only to what was read."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core.errors import ConfigError
from core.harness.report.atomic import staged, sync_directory
from core.implement.files import read_one
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Change:
    """``path``, below the repository, goes from ``before`` to ``after`` and keeps ``mode``."""

    path: str
    before: bytes = field(repr=False)
    after: bytes = field(repr=False)
    mode: int


def write_all(root: Path, changes: Sequence[Change]) -> None:
    """Replace the files below ``root``; whoever reads one sees all of either.

    What was replaced is put back when a later one cannot be.

    Raises:
        ConfigError: A file is not as it was read, or no longer one that may be written.
        OSError: One cannot be written.
    """
    with ExitStack() as stack:
        ready = []
        for change in changes:
            temporary = stack.enter_context(staged(root / change.path, change.after))
            temporary.chmod(change.mode)
            ready.append((temporary, root / change.path))
        different = [one.path for one in changes if read_one(root, one.path).data != one.before]
        if different:
            raise changed_meanwhile(different)
        done: list[Change] = []
        try:
            for (temporary, target), change in zip(ready, changes, strict=True):
                done.append(change)
                os.replace(temporary, target)  # noqa: PTH105  one atomic call
        except BaseException:
            _put_back(root, done)
            raise
        for directory in {target.parent for _, target in ready}:
            sync_directory(directory)


def changed_meanwhile(paths: Sequence[str]) -> ConfigError:
    """The error for files that somebody else has written to since."""
    return ConfigError(
        f"changed since: {', '.join(plain(path, 200) for path in paths)}; nothing was written",
        remedy="What is there now is kept. Look at it, and start again from there.",
    )


def _put_back(root: Path, changes: Sequence[Change]) -> None:
    for change in changes:
        with staged(root / change.path, change.before) as temporary:
            temporary.chmod(change.mode)
            os.replace(temporary, root / change.path)  # noqa: PTH105  one atomic call
