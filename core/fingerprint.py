"""Content hashes of directories: how a gate pass notices a changed suite, prompt or schema.

A suite may come with somebody's repository, and a report may name any path, so the walk follows no
link, opens regular files only, and has limits on files, bytes, depth and time.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import UnsafeFile
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Collection

_PACKAGE = Path(__file__).parent
PROMPTS = _PACKAGE / "patchloop" / "prompts"
SCHEMAS = _PACKAGE / "patchloop" / "schemas"
SUITES = _PACKAGE / "harness" / "suites"
_OWN = "./.speckit/suites/"
BESIDE_TASKS = frozenset({"README.md", "LICENSE"})
"""What may lie beside a suite's tasks and is no part of it: an edit there ends no pass."""

MOST_ENTRIES = 50_000
MOST_BYTES = 64 << 20
MOST_DEPTH = 16
MOST_S = 10.0
"""Of the processor's time: a suite has not changed because a busy machine reads it slowly."""
_CHUNK = 1 << 20


def suite_content_hash(root: Path) -> str:
    """The hash of the suite at ``root``, as reports and passes have it: see ``tree_hash``.

    All tasks count, whichever are selected; ``BESIDE_TASKS`` do not.

    Raises:
        UnsafeFile, OSError: As of ``tree_hash``.
    """
    return tree_hash(root, without=BESIDE_TASKS)


def tree_hash(root: Path, *, without: Collection[str] = ()) -> str:
    """``sha256:…`` over relative paths and contents, the same on every machine.

    Bytecode, hidden files and the names ``without`` directly in ``root`` do not count; ``root``
    may also be one file. An absent directory has a hash of its own, so that a suite which was
    deleted differs from the one that was judged. A link counts by what it says, not by what it
    leads to.

    Raises:
        UnsafeFile: It is larger than any suite: in files, bytes or depth, or it takes too long.
        OSError: A part of it cannot be read.
    """
    return f"sha256:{_Walk(root, without).digest()}"


class _Walk:
    """One walk below ``root``, and what is left of its limits."""

    def __init__(self, root: Path, without: Collection[str]) -> None:
        self._root = root
        self._without = without
        self._entries = MOST_ENTRIES
        self._bytes = MOST_BYTES
        self._until = time.thread_time() + MOST_S

    def digest(self) -> str:
        try:
            mode = self._root.lstat().st_mode
        except FileNotFoundError:
            return hashlib.sha256().hexdigest()
        if not (stat.S_ISDIR(mode) or stat.S_ISLNK(mode)):
            return self._content(self._root, mode)
        found = dict(self._below(self._root, ())) if self._root.is_dir() else {}
        digest = hashlib.sha256()
        for relative in sorted(found):
            digest.update(f"{relative}\0{found[relative]}\n".encode("utf-8", "surrogateescape"))
        return digest.hexdigest()

    def _below(self, directory: Path, parts: tuple[str, ...]) -> list[tuple[str, str]]:
        if len(parts) > MOST_DEPTH:
            raise self._over(f"over {MOST_DEPTH} directories deep")
        found = []
        with os.scandir(directory) as listing:
            for entry in listing:
                self._entries -= 1
                if self._entries < 0:
                    raise self._over(f"over {MOST_ENTRIES:,} files")
                if time.thread_time() > self._until:
                    raise self._over(f"not read within {MOST_S:g} s of the processor's time")
                if entry.name.startswith(".") or entry.name == "__pycache__":
                    continue
                if not parts and entry.name in self._without:
                    continue
                here = (*parts, entry.name)
                if entry.is_dir(follow_symlinks=False):
                    found += self._below(Path(entry.path), here)
                    continue
                mode = entry.stat(follow_symlinks=False).st_mode
                found.append(("/".join(here), self._content(Path(entry.path), mode)))
        return found

    def _content(self, path: Path, mode: int) -> str:
        if stat.S_ISLNK(mode):
            target = os.fsencode(path.readlink())
            return hashlib.sha256(b"link to " + target).hexdigest()
        digest = hashlib.sha256()
        if not stat.S_ISREG(mode):
            return f"special {stat.S_IFMT(mode):o}"
        # What was a regular file a moment ago may be another now.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_size > self._bytes:
                raise self._over(f"over {MOST_BYTES >> 20} MiB, or changing while it is read")
            while chunk := file.read(_CHUNK):
                self._bytes -= len(chunk)
                if self._bytes < 0 or time.thread_time() > self._until:
                    raise self._over(f"over {MOST_BYTES >> 20} MiB, or too slow to read")
                digest.update(chunk)
        return digest.hexdigest()

    def _over(self, why: str) -> UnsafeFile:
        return UnsafeFile(
            f"{plain(self._root, 300)} is {why}, which no suite is",
            remedy="Take out what is not part of the suite.",
        )


def suite_root(suite: str, workspace: Path) -> Path:
    """Where a suite lies: a built-in one by its name, any other by its path."""
    built_in = SUITES / suite
    plain_name = "/" not in suite and suite not in {"", ".", ".."}
    return built_in if plain_name and built_in.is_dir() else workspace / suite


@cache
def built_in_suites() -> tuple[str, ...]:
    """Names of the suites that come with the package."""
    return tuple(sorted(path.parent.name for path in SUITES.glob("*/suite.toml")))


def suite_text(named: str) -> str:
    """How reports and decisions write the suite that a configuration calls ``named``.

    A built-in one by its name; any other by a path with a slash in it, so that a project's suite
    never has the name of one that ships: ``mine`` is ``./.speckit/suites/mine``.
    """
    if "/" not in named:
        return named if named in built_in_suites() else f"{_OWN}{named}"
    return named if named.startswith("/") else f"./{os.path.normpath(named)}"


def suite_name(text: str) -> str:
    """What a configuration calls the suite that reports and decisions write as ``text``."""
    name = text.removeprefix(_OWN)
    return name if suite_text(name) == text else text


def suite_hash(suite: str, workspace: Path) -> str:
    """The hash of the suite as it is now; empty, which no judged suite has, where it has none."""
    try:
        return suite_content_hash(suite_root(suite, workspace)) if suite else ""
    except (OSError, ValueError):  # of UnsafeFile, rights, and names that no file can have
        return ""
