"""git, called so that nothing of a repository's configuration can run a program or block.

A repository's ``.git`` may come from anywhere, and its configuration names programs: file system
monitors, hooks, filters, transports of a partial clone, credential helpers. So git is asked only
two things:

1. Where the repository's directory is. That reads the configuration and runs nothing of it; it is
   also where git refuses one that belongs to another user ("dubious ownership") or is corrupt.
2. Which files it tracks, or neither tracks nor ignores, and what its commits hold. For this git
   gets a directory of our own that holds a copy of the index and of ``info/exclude``, or borrows
   the repository's objects, and has nothing else of it.

The user's own configuration (``~/.gitconfig``) counts, with its ``core.excludesFile``. Every call
has a deadline, after which its whole process group is killed, and a limit on its output. What git
refuses is an error: a list made without git would take ignored files, secrets among them.
"""

from __future__ import annotations

import os
import selectors
import signal
import stat
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from core.errors import ConfigError
from core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DEADLINE_S = 15.0
MOST_OUTPUT = 32 << 20
_LOOK_S = 5.0
_MOST_INDEX = 256 << 20
_MOST_EXCLUDES = 1 << 20
_MOST_SHARED = 8
# What even the user's own configuration must not make git do here.
_OVERRIDES = (
    *("core.fsmonitor=false", "core.hooksPath=/dev/null", "core.untrackedCache=false"),
    *("core.attributesFile=/dev/null", "core.pager=cat", "core.sshCommand=false"),
    *("core.askPass=", "credential.helper=", "diff.external=", "protocol.allow=never"),
    *("core.alternateRefsCommand=", "gc.auto=0", "maintenance.auto=false"),
)
_ENVIRON = {
    "GIT_ALLOW_PROTOCOL": "",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_PAGER": "cat",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}


def run_git(
    arguments: Sequence[str],
    *,
    cwd: Path,
    environ: Mapping[str, str] | None = None,
    deadline_s: float = DEADLINE_S,
    given: bytes = b"",
) -> bytes:
    """What ``git ARGUMENTS`` prints, run in ``cwd`` with ``given`` to read.

    ``environ`` is added to this process's environment, of which variables that steer git are left
    out, except for those that hold the user's configuration (``GIT_CONFIG…``).

    Raises:
        ConfigError: There is no git, it refuses (with its own words), is not done within
            ``deadline_s`` seconds, or prints more than 32 MiB.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_") or name.startswith("GIT_CONFIG")
    }
    command = ["git", *(word for each in _OVERRIDES for word in ("-c", each)), *arguments]
    with tempfile.TemporaryFile() as complaints, tempfile.TemporaryFile() as source:
        source.write(given)
        source.seek(0)
        try:
            process = subprocess.Popen(
                command,
                cwd=cwd,
                env={**kept, **_ENVIRON, **(environ or {})},
                stdin=source,
                stdout=subprocess.PIPE,
                stderr=complaints,
                start_new_session=True,
            )
        except OSError as error:
            reason = "is not installed" if isinstance(error, FileNotFoundError) else plain(error)
            raise ConfigError(f"git {reason}", remedy=_NEEDED) from error
        try:
            output = _read(process, deadline_s)
        except BaseException:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        if process.returncode:
            complaints.seek(0)
            said = plain(complaints.read(4096).decode(errors="replace").strip(), 400)
            raise ConfigError(
                f"git refused ({plain(cwd, 200)}): {said or f'exit {process.returncode}'}",
                remedy=_NEEDED,
            )
    return output


_NEEDED = (
    "git must say which files are ignored, so that these are not copied. Make `git status` work "
    "in this directory."
)


def _read(process: subprocess.Popen[bytes], deadline_s: float) -> bytes:
    """All of the output; the process has ended then."""
    assert process.stdout is not None
    ends = time.monotonic() + deadline_s
    output = bytearray()
    with process.stdout as stream, selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while selector.select(max(0.0, ends - time.monotonic())):
            part = os.read(stream.fileno(), 1 << 16)
            if not part:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(max(0.0, ends - time.monotonic()))
                    return bytes(output)
                break
            output += part
            if len(output) > MOST_OUTPUT:
                raise ConfigError("git lists too many files", remedy="Add to .gitignore.")
    raise ConfigError(
        f"git was not done within {deadline_s:.3g} s and was stopped",
        remedy="Look for a .gitignore or a file in .git that is a pipe or a device, or for a slow "
        "file system.",
    )


def kept_files(root: Path, *, deadline_s: float = DEADLINE_S) -> list[str]:
    """The files of the work tree at ``root`` that git tracks, or neither tracks nor ignores.

    Paths are relative to ``root``, with slashes; a nested repository is one path. They are what an
    index says, which may be forged: a path may be absolute, or lead outside.

    Raises:
        ConfigError: As ``run_git``; the index is not a regular file, or too large.
    """
    found = directories(root, deadline_s)
    with tempfile.TemporaryDirectory(prefix="reflex-git-") as name:
        own = Path(name)
        _make_own(own, found)
        environ = {"GIT_DIR": str(own), "GIT_WORK_TREE": str(root)}
        words = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        output = run_git(words, cwd=root, environ=environ, deadline_s=deadline_s)
    names = (os.fsdecode(each).rstrip("/") for each in output.split(b"\0"))
    return [each for each in names if each]


class Directories(NamedTuple):
    """Where a repository keeps its index and what all its work trees share; its hash function."""

    git: Path
    common: Path
    hash_name: str


def directories(root: Path, deadline_s: float = DEADLINE_S) -> Directories:
    """Where the repository at ``root`` lies; raises as ``run_git`` does."""
    words = ["rev-parse", "--absolute-git-dir", "--git-common-dir", "--show-object-format"]
    # Not one further up: what is asked about is this directory's own repository.
    environ = {"GIT_CEILING_DIRECTORIES": str(root.parent)}
    # Milliseconds, unless a file of its configuration is a pipe.
    deadline_s = min(deadline_s, _LOOK_S)
    said = os.fsdecode(run_git(words, cwd=root, environ=environ, deadline_s=deadline_s))
    try:
        git, common, hash_name = said.removesuffix("\n").split("\n")
    except ValueError:
        raise ConfigError(f"git's directory has an odd name: {plain(said, 200)}") from None
    return Directories(Path(git), root / common, hash_name)


def _make_own(own: Path, found: Directories) -> None:
    """A git directory that has the repository's index and excludes, and default settings."""
    for name in ("objects", "refs", "info"):
        (own / name).mkdir()
    (own / "HEAD").write_text("ref: refs/heads/none\n")
    (own / "config").write_text(
        "[core]\n\trepositoryformatversion = 1\n\tbare = false\n"
        f"\tignorecase = {str(sys.platform == 'darwin').lower()}\n"
        f"[extensions]\n\tobjectformat = {found.hash_name}\n"
    )
    take(found.git / "index", own / "index", _MOST_INDEX)
    # A split index names these by their hash.
    for number, shared in enumerate(sorted(found.git.glob("sharedindex.*"))):
        if number < _MOST_SHARED:
            take(shared, own / shared.name, _MOST_INDEX)
    take(found.common / "info" / "exclude", own / "info" / "exclude", _MOST_EXCLUDES)


def take(source: Path, target: Path, limit: int) -> None:
    """Copy a regular file; nothing where there is none."""
    try:
        descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    except OSError as error:
        raise ConfigError(f"cannot read {plain(source)}: {plain(error.strerror)}") from error
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ConfigError(f"{plain(source)} is not a regular file", remedy="Remove it.")
        data = file.read(limit + 1)
    if len(data) > limit:
        raise ConfigError(f"{plain(source)} is over {limit >> 20} MiB")
    target.write_bytes(data)
