"""A candidate checked: written into a copy of the repository, and the user's command run there.

Which files of a repository a check needs: what git would keep, or all that is not generated.

Copies of the repository in which a candidate is checked, so that the tree itself stays as it is.

Each check gets a fresh one: what a failed candidate left behind must not help the next to pass.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import subprocess
import tempfile
import threading
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

from core.errors import ConfigError
from core.implement.command import Ran, neutral, run
from core.patchloop.loop import CheckResult
from core.patchloop.trial import FailureKind
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

    from core.implement.files import FilePlace, Original


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


MOST_BYTES = 1 << 30


class Scratch:
    """Makes the copies, in a directory of its own that is gone afterwards; a context manager.

    ``also`` names ignored files and directories, relative to the repository, that are copied too.
    """

    def __init__(self, place: FilePlace, also: Sequence[str] = ()) -> None:
        self._place = place
        self._also = also
        self._base = tempfile.TemporaryDirectory(
            prefix="reflex-implement-", ignore_cleanup_errors=True
        )
        self.directory = Path(os.path.realpath(self._base.name))

    def __enter__(self) -> Self:
        if self.directory.is_relative_to(self._place.root):
            self._base.cleanup()
            raise ConfigError(
                f"$TMPDIR lies inside the repository: {plain(self.directory.parent)}",
                remedy="Checks are run on a copy of the repository elsewhere: change $TMPDIR.",
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._base.cleanup()

    @asynccontextmanager
    async def copy(self, contents: Mapping[str, bytes]) -> AsyncIterator[Path]:
        """A copy with ``contents`` (path to bytes) in place of what is there; yields its root.

        Raises:
            ConfigError: It would be too large.
        """
        directory = tempfile.mkdtemp(dir=self.directory)
        # The repository's own name: some tools take the package's name from it.
        root = Path(directory) / (self._place.root.name or "repository")
        stop = threading.Event()
        try:
            making = asyncio.ensure_future(asyncio.to_thread(self._make, root, contents, stop))
            try:
                await asyncio.shield(making)
            except asyncio.CancelledError:
                stop.set()
                await asyncio.wait({making})
                raise
            yield root
        finally:
            await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)

    def _make(self, root: Path, contents: Mapping[str, bytes], stop: threading.Event) -> None:
        source = self._place.root
        (root / self._place.here.relative_to(source)).mkdir(parents=True)
        left = MOST_BYTES
        for name in (*listed(source, self._also), *contents):
            if stop.is_set():
                return
            left -= _copied(source / name, root / name, left)
        for name, data in contents.items():
            (root / name).write_bytes(data)
        for directory in {source, self._place.here}:
            for name in DEPENDENCIES:
                link = root / directory.relative_to(source) / name
                if (directory / name).is_dir() and not os.path.lexists(link):
                    link.symlink_to(directory / name)


def _copied(source: Path, target: Path, left: int) -> int:
    """Copy one file or link unless it is there already; its size."""
    if os.path.lexists(target):
        return 0
    try:
        status = source.lstat()
        if not stat.S_ISREG(status.st_mode) and not stat.S_ISLNK(status.st_mode):
            return 0  # a socket, a pipe, a device
        if status.st_size > left:
            raise ConfigError(
                f"the repository is over {MOST_BYTES >> 20} MiB without what git ignores",
                remedy="The check is run on a copy: put what is generated into .gitignore.",
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target, follow_symlinks=False)
    except FileNotFoundError:
        return 0  # gone since it was listed
    return status.st_size


class CopyCheck:
    """The check of one task; any number of candidates may be looked at at once.

    ``words`` are run in the copy of the directory where the person stands, for at most
    ``limit_s`` seconds, with this process's environment less the variables ``withheld``.
    """

    def __init__(
        self,
        place: FilePlace,
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

    async def __call__(self, files: Mapping[str, str], changed: Sequence[str]) -> CheckResult:
        """Whether the command ends with 0; raises as ``before``."""
        del changed  # all of them are written: the user may have gone on with one meanwhile
        ran = await self._run(files)
        if ran.passed:
            return CheckResult(passed=True)
        return CheckResult(passed=False, feedback=self.told(ran), failure=FailureKind.TEST)

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
