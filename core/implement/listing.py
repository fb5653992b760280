"""Which files of a repository a check needs: what git would keep, or all that is not generated."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import ConfigError
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MOST_FILES = 50_000
DEPENDENCIES = (".venv", "venv", "node_modules")
_LEFT_OUT = frozenset(
    {
        *(".git", ".hg", ".svn", ".speckit", "__pycache__", ".tox", ".nox"),
        *(".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", *DEPENDENCIES),
    }
)
_PATIENCE_S = 60


def listed(root: Path, also: Sequence[str] = ()) -> list[str]:
    """The paths of the files to copy, relative to ``root``, links among them; ``also`` come too.

    In a git work tree these are the tracked files and those neither tracked nor ignored, else all
    but well-known caches and dependencies.

    Raises:
        ConfigError: There are too many.
    """
    names: list[str] = []
    for name in (*(_by_git(root) or _walked(root, "")), *also):
        if (root / name).is_dir() and not (root / name).is_symlink():
            names += _walked(root, name)  # a submodule, or a directory that was asked for
        else:
            names.append(name)
        if len(names) > MOST_FILES:
            raise ConfigError(
                f"{plain(root)} has over {MOST_FILES} files that git does not ignore",
                remedy="The check is run on a copy: put what is generated into .gitignore.",
            )
    kept = (name for name in dict.fromkeys(names) if "__pycache__" not in name.split("/"))
    return [name for name in kept if os.path.lexists(root / name)]


def _by_git(root: Path) -> list[str] | None:
    """What git lists; None where it is no work tree, or there is no git."""
    if not os.path.lexists(root / ".git"):
        return None
    # A repository's own configuration may name a program as its file system monitor.
    command = ["git", "-c", "core.fsmonitor=false", "ls-files", "-z", "--cached", "--others"]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            [*command, "--exclude-standard"],
            cwd=root,
            env=environ | {"GIT_OPTIONAL_LOCKS": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode:
        return None
    names = map(os.fsdecode, done.stdout.split(b"\0"))
    return [name.rstrip("/") for name in names if name and ".speckit" not in name.split("/")]


def _walked(root: Path, below: str) -> Iterator[str]:
    for directory, inner, files in os.walk(root / below):
        inner[:] = [name for name in inner if name not in _LEFT_OUT]
        links = [name for name in inner if Path(directory, name).is_symlink()]
        # A submodule's .git is a file, which leads to the repository itself.
        for name in (*(file for file in files if file not in _LEFT_OUT), *links):
            yield Path(directory, name).relative_to(root).as_posix()
