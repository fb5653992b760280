"""Finds and reads suites of repair tasks, in our own format or a public one."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import SuiteError, UnsafeFile
from core.fingerprint import SUITES, built_in_suites
from core.harness.suites import exercism, humanevalpack, own_format, quixbugs
from core.harness.suites.reading import TASK_ID
from core.harness.suites.tasks import Suite, Task, lay_out
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Suite", "Task", "available_suites", "lay_out", "load_suite", "own_names", "own_suites"]

_READERS: tuple[tuple[Callable[[Path], bool], Callable[[Path], Suite]], ...] = tuple(
    (reader.detect, reader.read) for reader in (own_format, quixbugs, exercism, humanevalpack)
)


def available_suites() -> tuple[str, ...]:
    """Names of the suites that come with the package."""
    return built_in_suites()


def own_suites(workspace: Path) -> Path:
    """Where a workspace keeps the suites that were made from its own code."""
    return workspace / ".speckit" / "suites"


def own_names(workspace: Path) -> tuple[str, ...]:
    """Names of the suites made from a workspace's own code; files and hidden names are none."""
    place = own_suites(workspace)
    found = sorted(place.iterdir()) if place.is_dir() else []
    return tuple(path.name for path in found if not path.name.startswith(".") and path.is_dir())


def load_suite(name_or_path: str | Path, workspace: Path | None = None) -> Suite:
    """A suite of the package by its name, one of the workspace's own by its, or one at a path.

    A path may lead to a directory in this package's format, a clone of QuixBugs or of an Exercism
    track, or a HumanEvalPack JSON Lines file; which of them it is shows from what is there.

    Raises:
        SuiteError: There is no such suite, or something in it cannot be used; the text names the
            task and file, ``remedy`` what to do.
    """
    shown = plain(name_or_path, 200)
    try:
        if str(name_or_path) in available_suites():
            return own_format.read(SUITES / str(name_or_path))
        if workspace and re.fullmatch(TASK_ID, str(name_or_path)):
            own = own_suites(workspace) / str(name_or_path)
            if own.is_dir():
                return own_format.read(own)
        return _load(Path(name_or_path).absolute(), shown)
    except UnsafeFile as error:
        raise SuiteError(error.message, remedy=error.remedy) from None
    except OSError as error:
        raise SuiteError(
            f"{shown}: {error.strerror}", remedy="Name a directory or file that can be read."
        ) from None


def _load(root: Path, shown: str) -> Suite:
    if not root.exists():
        known = available_suites()
        near = difflib.get_close_matches(root.name, known, n=1, cutoff=0) or known
        raise SuiteError(
            f"there is no suite or path {shown!r}",
            remedy=f"Name a directory, or a suite of the package such as {near[0]}.",
        )
    for detect, read in _READERS:
        if detect(root):
            return read(root)
    raise SuiteError(
        f"{shown} holds no suite in a format that is known",
        remedy="It needs a suite.toml, or the layout of QuixBugs, Exercism or HumanEvalPack.",
    )
