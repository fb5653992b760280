"""A candidate checked: written into a copy of the repository, and the user's command run there.

The copy holds what git would keep, or all that is not generated where there is no git, so that the
tree itself stays as it is. Each check gets a fresh one: what a failed candidate left behind must
not help the next to pass. The repository is not trusted: its links are copied as links, and what is
neither a file nor a link is left out.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import tempfile
import threading
import time
from contextlib import asynccontextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Self

from core.errors import ConfigError
from core.git import DEADLINE_S, kept_files
from core.implement.command import Ran, run
from core.patchloop.job import CheckResult
from core.patchloop.printed import neutral
from core.patchloop.trial import FailureKind
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

    from core.implement.user_files import FilePlace, Original


MOST_FILES = 50_000
DEPENDENCIES = (".venv", "venv", "node_modules")
# Version control's own, Reflex's own, and bytecode of other sources.
_NEVER = frozenset({".git", ".hg", ".svn", ".speckit", "__pycache__"})
_LEFT_OUT = frozenset(
    {
        *(*_NEVER, ".tox", ".nox"),
        *(".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", *DEPENDENCIES),
    }
)


def listed(root: Path, also: Sequence[str] = ()) -> list[str]:
    """The paths of the files to copy, relative to ``root``, links among them; ``also`` come too.

    In a git work tree these are the tracked files and those neither tracked nor ignored, in a
    repository within as well; else all but well-known caches and dependencies.

    Raises:
        ConfigError: There are too many, or git cannot say which they are.
    """
    tree = _Tree(root)
    names: dict[str, None] = {}
    for name in chain(tree.kept(""), tree.asked_for(also)):
        names[name] = None
        if len(names) > MOST_FILES:
            raise ConfigError(
                f"{plain(root)} has over {MOST_FILES} files that git does not ignore",
                remedy="The check is run on a copy: put what is generated into .gitignore.",
            )
    return list(names)


class _Tree:
    """The files below ``root`` that may be copied: no path leads out of it or through a link."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._deadline = time.monotonic() + DEADLINE_S
        self._real: dict[Path, bool] = {}

    def kept(self, below: str) -> Iterator[str]:
        """What git keeps of the directory ``below``; all but caches where it is no repository."""
        top = self._root / below
        if not os.path.lexists(top / ".git"):
            yield from self._walked(below)
            return
        for name in kept_files(top, deadline_s=max(0.0, self._deadline - time.monotonic())):
            path = f"{below}/{name}" if below else name
            if not self._may_be_copied(path):
                continue
            if self._is_directory(path):
                yield from self.kept(path)  # a submodule, or another repository
            else:
                yield path

    def asked_for(self, names: Sequence[str]) -> Iterator[str]:
        """Files by name, and directories with all that is in them, ignored or not."""
        for name in names:
            if self._is_directory(name):
                yield from self._walked(name, whole=True)
            elif self._may_be_copied(name):
                yield name

    def _walked(self, below: str, *, whole: bool = False) -> Iterator[str]:
        for directory, inner, files in os.walk(self._root / below):
            here = Path(directory)
            repositories = [] if whole else [n for n in inner if os.path.lexists(here / n / ".git")]
            links = [name for name in inner if (here / name).is_symlink()]
            inner[:] = [n for n in inner if n not in _LEFT_OUT and n not in repositories]
            # A submodule's .git is a file, which leads to the repository itself.
            for name in (*(file for file in files if file not in _LEFT_OUT), *links):
                yield (here / name).relative_to(self._root).as_posix()
            for name in repositories:
                if name not in links:
                    yield from self.kept((here / name).relative_to(self._root).as_posix())

    def _is_directory(self, name: str) -> bool:
        return (self._root / name).is_dir() and not (self._root / name).is_symlink()

    def _may_be_copied(self, name: str) -> bool:
        """Whether ``name`` is there and leads neither outside nor through a link.

        An index may be forged: git prints whatever paths it holds.
        """
        parts = name.split("/")
        if {"", ".", ".."}.intersection(parts) or _NEVER.intersection(parts):
            return False
        parent = (self._root / name).parent
        if parent not in self._real:
            self._real[parent] = os.path.realpath(parent) == str(parent)
        return self._real[parent] and os.path.lexists(self._root / name)


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
            ConfigError: It would be too large, or cannot be written.
        """
        try:
            directory = tempfile.mkdtemp(dir=self.directory)
        except OSError as error:
            raise self._unwritten(error) from error
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
            except OSError as error:
                raise self._unwritten(error) from error
            yield root
        finally:
            await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)

    def _unwritten(self, error: OSError) -> ConfigError:
        return ConfigError(
            f"the repository cannot be copied to {plain(self.directory.parent, 300)}: "
            f"{plain(error.strerror or error, 200)}",
            remedy="The check is run on a copy: free some space there, or change $TMPDIR.",
        )

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
    """Copy one file or link unless it is there already; its size in bytes.

    A socket, pipe or device is left out and never opened for longer than it takes to see that.
    """
    if os.path.lexists(target):
        return 0
    try:
        if source.is_symlink():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(source.readlink())
            return 0
        if not stat.S_ISREG(source.lstat().st_mode):
            return 0
        descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0  # gone since it was listed
    except PermissionError:
        raise ConfigError(
            f"{plain(source, 300)} cannot be read",
            remedy="The check is run on a copy: fix the permissions, or let git ignore the file.",
        ) from None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return 0  # put there since
        if status.st_size > left:
            raise ConfigError(
                f"the repository is over {MOST_BYTES >> 20} MiB without what git ignores",
                remedy="The check is run on a copy: put what is generated into .gitignore.",
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as copy:
            shutil.copyfileobj(file, copy)
    target.chmod(stat.S_IMODE(status.st_mode))
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
    return status.st_size


class CopyCheck:
    """The check of one task; any number of candidates may be looked at at once.

    ``words`` are run in the copy of the directory that the user is in, for at most
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
        return CheckResult(passed=False, feedback=self.feedback(ran), failure=FailureKind.TEST)

    def feedback(self, ran: Ran) -> str:
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
