"""The user's files: read once, refused where an edit could do harm, and written all or none.

A file is written only where it still holds what was read.
"""

from __future__ import annotations

import codecs
import os
import stat
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import ConfigError
from core.files import replace_user_file, staged_like, sync_directory
from core.patchloop.formats import inside
from core.plain import plain
from core.settings.find import repository_above

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.settings import Settings


MOST_BYTES = 256 << 10
MOST_BYTES_IN_ALL = 512 << 10
MOST_FILES = 32
# Whoever writes there decides what git, or this program, does next.
_CONTROL = frozenset({".git", ".hg", ".svn", ".speckit"})


@dataclass(frozen=True, slots=True)
class FilePlace:
    """A repository's root and the user's working directory in it; both real paths."""

    root: Path
    here: Path


@dataclass(frozen=True, slots=True)
class Original:
    """A file as it was read: ``path`` is relative to the repository, with slashes.

    ``text`` is what a model is shown, without a byte order mark.
    """

    path: str
    text: str
    data: bytes = field(repr=False)

    def encoded(self, text: str) -> bytes:
        """``text`` as this file's content, with the byte order mark where it has one."""
        mark = codecs.BOM_UTF8 if self.data.startswith(codecs.BOM_UTF8) else b""
        return mark + text.encode()


def place_of(settings: Settings, here: Path | None = None) -> FilePlace:
    """The repository around the working directory, else the configuration's, else itself.

    Raises:
        ConfigError: The working directory is gone.
    """
    try:
        real = Path(os.path.realpath(here or Path.cwd()))
    except OSError as error:
        raise ConfigError(
            f"the working directory cannot be used: {plain(error.strerror)}",
            remedy="Go to a directory that exists.",
        ) from error
    around = Path(os.path.realpath(settings.source.root))
    fallback = around if real.is_relative_to(around) else real
    return FilePlace(repository_above(real) or fallback, real)


def read_named(place: FilePlace, names: Sequence[str]) -> dict[str, Original]:
    """The files that ``names`` lead to from the working directory, by path.

    Raises:
        ConfigError: One is outside the repository, is or lies behind a link, belongs to git or to
            this program, is no text file, or they are too large; says which.
    """
    paths = list(dict.fromkeys(relative(place, name) for name in names))
    if len(paths) > MOST_FILES:
        raise ConfigError(f"{len(paths)} files are too many; at most {MOST_FILES}")
    found = {path: read_one(place.root, path) for path in paths}
    total = sum(len(one.data) for one in found.values())
    if total > MOST_BYTES_IN_ALL:
        raise ConfigError(
            f"the files have {total >> 10} KiB in all, over {MOST_BYTES_IN_ALL >> 10} KiB",
            remedy="A model is shown all of them: name fewer.",
        )
    return found


def relative(place: FilePlace, name: str, option: str = "--file") -> str:
    """``name`` as a path below the repository's root; raises as ``read_named``."""
    lexical = Path(os.path.normpath(place.here / name))
    if not lexical.is_relative_to(place.root) or lexical == place.root:
        raise _refused(name, f"is not inside the repository {plain(place.root)}", option=option)
    path = lexical.relative_to(place.root).as_posix()
    if not inside(path):
        raise _refused(name, "has a name that cannot be shown to a model", option=option)
    if _CONTROL.intersection(path.split("/")):
        raise _refused(name, "belongs to version control or to Reflex itself", option=option)
    return path


def read_one(root: Path, path: str) -> Original:
    """One file below ``root``; raises as ``read_named``."""
    full = root / path
    if os.path.realpath(full.parent) != str(full.parent):
        raise _refused(path, "lies behind a symbolic link")
    try:
        # Not waiting for a writer where it is a pipe, and not following where it is a link.
        descriptor = os.open(full, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        if full.is_symlink():
            raise _refused(path, "is a symbolic link") from None
        reason = plain(getattr(error, "strerror", None) or error)
        raise _refused(
            path, f"cannot be read: {reason}", "Only files that exist are changed."
        ) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _refused(path, "is not a regular file")
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise _refused(path, f"is over {MOST_BYTES >> 10} KiB")
    return Original(path, _text(path, data), data)


def _text(path: str, data: bytes) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _refused(path, "is not UTF-8 text") from None
    if "\0" in text:
        raise _refused(path, "is binary: it holds NUL")
    return text


def _refused(name: str, why: str, remedy: str = "", option: str = "--file") -> ConfigError:
    return ConfigError(
        f"{option} {plain(name, 200)!r} {why}",
        remedy=remedy or "Name files of this repository.",
    )


@dataclass(frozen=True, slots=True)
class FileChange:
    """``path``, below the repository, goes from ``before`` to ``after``."""

    path: str
    before: bytes = field(repr=False)
    after: bytes = field(repr=False)


def write_all(root: Path, changes: Sequence[FileChange]) -> None:
    """Replace the files below ``root``; whoever reads one sees all of either.

    Mode, owner and group stay. What was replaced is put back when a later one cannot be.

    Raises:
        ConfigError: A file is not as it was read, or no longer one that may be written.
        OSError: One cannot be written.
    """
    _refuse_changed(root, changes)
    with ExitStack() as stack:
        ready = []
        for change in changes:
            temporary = stack.enter_context(staged_like(root / change.path, change.after))
            ready.append((temporary, root / change.path))
        _refuse_changed(root, changes)
        done: list[FileChange] = []
        try:
            for (temporary, target), change in zip(ready, changes, strict=True):
                done.append(change)
                os.replace(temporary, target)  # noqa: PTH105  one atomic call
        except BaseException:
            _put_back(root, done)
            raise
        for directory in {target.parent for _, target in ready}:
            sync_directory(directory)


def _refuse_changed(root: Path, changes: Sequence[FileChange]) -> None:
    different = [one.path for one in changes if read_one(root, one.path).data != one.before]
    if different:
        names = ", ".join(plain(path, 200) for path in different)
        raise ConfigError(
            f"changed since: {names}; nothing was written",
            remedy="What is there now is kept. Look at it, and start again from there.",
        )


def _put_back(root: Path, changes: Sequence[FileChange]) -> None:
    for change in changes:
        replace_user_file(root / change.path, change.before)
