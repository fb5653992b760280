"""What of the host a sandbox sees, read-only: the system's libraries and an interpreter.

Of the interpreter only the program, its libraries and its standard library are shown, never the
prefix as a whole: that may be ``~/.local``, where the user's keys lie beside it. Installed
packages are masked. A layout that would show the user's own directories is refused.
"""

from __future__ import annotations

import contextlib
import os
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from core.errors import NoHome, SandboxError
from core.userdirs import user_dir

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.harness.sandbox.limits import Limits

WORK = "/reflex-work"  # a name that no interpreter or project lives below
SCRATCH = (WORK, "/tmp", "/dev/shm")  # noqa: S108  the only writable places, the sandbox's own
SCRATCH_PREFIX = "reflex-sandbox-"  # of the temporary directory where there is no such root
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store")
_SYSTEM_FILES = ("/etc/ld.so.cache", "/etc/alternatives")
# No /dev/zero: mapped as shared it is memory that belongs to no process.
_DEVICES = ("/dev/null", "/dev/full", "/dev/random", "/dev/urandom")
_RESERVED = (WORK, "/dev", "/proc", "/sys")
SHARED_MEMORY_MB = 16
_PACKAGES = ("site-packages", "dist-packages")
_PRIVATE = (".ssh", ".gnupg", ".aws", ".kube", ".docker", ".netrc", ".git-credentials")


@dataclass(frozen=True, slots=True)
class Layout:
    """The root of a sandbox; everything not named here is absent.

    ``scratch`` holds (path, MiB) of the only writable places, ``links`` (path, target),
    ``read_only`` and ``devices`` paths that are the same inside as outside. ``masked`` are
    directories below ``read_only`` that are shown empty.
    """

    scratch: tuple[tuple[str, int], ...]
    links: tuple[tuple[str, str], ...]
    read_only: tuple[str, ...]
    devices: tuple[str, ...]
    masked: tuple[str, ...]

    @property
    def writable(self) -> list[str]:
        """Every path that may be written to."""
        return [path for path, _ in self.scratch] + list(self.devices)

    def parents(self) -> list[str]:
        """The directories above what is shown, the outer before the inner."""
        made = {path for path, _ in self.scratch}
        shown = (*self.read_only, *(path for path, _ in self.links))
        above = {str(each) for path in shown for each in Path(path).parents}
        return sorted(above - made - {"/"})


@dataclass(frozen=True, slots=True)
class Shown:
    """What a caller adds to a sandbox: ``read_only`` at their own paths, ``hidden`` in them empty.

    ``links`` (path, target) are made where nothing else is shown: an interpreter is often found
    through several. ``workspace`` is where the copy is made from, None if that is no directory.
    """

    read_only: tuple[Path, ...] = ()
    hidden: tuple[Path, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    workspace: Path | None = None

    def checked(self) -> set[str]:
        """The paths to show, resolved.

        Raises ``SandboxError`` for one that is missing, reserved, or part of the workspace: nothing
        is ever mounted inside a tree that a model wrote.
        """
        return {checked(path, self.workspace) for path in self.read_only}

    def masked(self, shown: Sequence[str]) -> tuple[str, ...]:
        """The directories to show empty: those of ``hidden`` that lie below something ``shown``."""
        real = [os.path.realpath(path) for path in self.hidden]
        return tuple(
            path
            for path in real
            if Path(path).is_dir() and any(_is_below(path, each) for each in shown)
        )

    def further_links(self, shown: Sequence[str]) -> tuple[tuple[str, str], ...]:
        """Those of ``links`` that lie in nothing ``shown`` or reserved."""
        return tuple(
            (path, target)
            for path, target in self.links
            if path.startswith("/")
            and os.path.normpath(path) == path
            and not any(_is_below(path, each) for each in (*shown, *_RESERVED))
        )


@cache
def interpreter() -> str:
    """The base interpreter behind this one, without links or virtual environment."""
    return os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)


@cache
def interpreter_paths() -> tuple[str, ...]:
    """The interpreter's program, its libraries and its standard library; files and directories.

    They are named as the interpreter itself looks for them: from where its program lies.
    """
    program = Path(interpreter())
    prefix = program.parent.parent
    paths = {str(program), *_loaded_libraries(), *standard_libraries()}
    for place in {prefix / "lib", prefix / sys.platlibdir}:
        for pattern in ("lib*.so*", "lib*.dylib", "python3*.zip"):
            paths |= {str(path) for path in place.glob(pattern) if path.is_file()}
    for framework in ("Python", "Resources"):  # of the macOS build of that kind
        if sys.platform == "darwin" and (prefix / framework).exists():
            paths.add(str(prefix / framework))
    return _outermost(paths)


@cache
def standard_libraries() -> tuple[str, ...]:
    """The directories of the standard library, installed packages below them included."""
    real = Path(os.path.realpath(os.__file__)).parent
    prefix = Path(interpreter()).parent.parent
    places = {prefix / folder / real.name for folder in ("lib", "lib64", sys.platlibdir)}
    return tuple(sorted({str(real), *(str(path) for path in places if path.is_dir())}))


def _loaded_libraries() -> set[str]:
    """Python's own library where this process has loaded it from elsewhere."""
    try:
        lines = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return set()
    mapped = {line.split(maxsplit=5)[-1] for line in lines if "/libpython" in line}
    return {path for path in mapped if path.startswith("/") and Path(path).is_file()}


def private_places() -> list[Path]:
    """The user's own directories that no sandbox may show: data, configuration, state, keys."""
    kinds: tuple[Literal["data", "config", "state", "cache"], ...]
    kinds = ("data", "config", "state", "cache")
    places: list[Path] = []
    for kind in kinds:
        with contextlib.suppress(NoHome):
            places.append(user_dir(kind))
    places += [path.parent for path in places]
    with contextlib.suppress(RuntimeError):  # no home
        places += [Path.home() / name for name in _PRIVATE]
    return [path for path in dict.fromkeys(places) if path.exists()]


def linux_layout(limits: Limits, added: Shown) -> Layout:
    """The root of a Linux sandbox with what the caller added; raises as ``Shown.checked`` does."""
    links = tuple((p, str(Path(p).readlink())) for p in _SYSTEM if Path(p).is_symlink())
    system = {path for path in _SYSTEM if Path(path).is_dir() and not Path(path).is_symlink()}
    files = {path for path in _SYSTEM_FILES if Path(path).exists()}
    shown = _outermost(system | files | set(interpreter_paths()) | added.checked())
    refuse_private(shown)
    return Layout(
        scratch=tuple(
            zip(SCRATCH, (limits.file_mb, limits.file_mb, SHARED_MEMORY_MB), strict=True)
        ),
        links=links + added.further_links(shown),
        read_only=shown,
        devices=tuple(path for path in _DEVICES if Path(path).exists()),
        masked=masked_packages(shown) + added.masked(shown),
    )


def masked_packages(shown: Sequence[str]) -> tuple[str, ...]:
    """The directories of installed packages in standard libraries that are ``shown``."""
    found = [
        Path(path, name) for path in standard_libraries() for name in _PACKAGES if path in shown
    ]
    return tuple(str(path) for path in found if path.is_dir() and not path.is_symlink())


def refuse_private(shown: Sequence[str]) -> None:
    """Raise ``SandboxError`` when one of ``shown`` holds a directory of the user's own."""
    for place in private_places():
        real = os.path.realpath(place)
        holding = next((path for path in shown if _is_below(real, path)), None)
        if holding is not None:
            raise SandboxError(
                f"The sandbox would show {place} to model-written code: it lies below {holding}.",
                remedy="Move the interpreter, the tests or that directory, or set XDG_DATA_HOME, "
                "XDG_CONFIG_HOME and XDG_STATE_HOME to other places.",
            )


def checked(path: Path, workspace: Path | None) -> str:
    """``path`` resolved, when it may be shown read-only to code from ``workspace``."""
    try:
        real = path.resolve(strict=True)
    except OSError as error:
        raise SandboxError(f"{path} cannot be shown to the sandbox: {error}") from error
    inner = workspace.resolve() if workspace else None
    if inner and (real == inner or inner in real.parents):
        raise SandboxError(f"{path} lies in the workspace, where nothing may be mounted.")
    if real == Path("/") or any(_is_below(str(real), each) for each in _RESERVED):
        raise SandboxError(f"{path} is a place that the sandbox keeps for itself.")
    if any(part in _PRIVATE for part in real.parts) or ".git" in real.parts:
        raise SandboxError(f"{path} lies where keys or a repository's history are kept.")
    return str(real)


def _outermost(paths: set[str]) -> tuple[str, ...]:
    kept: list[str] = []
    for path in sorted(paths):
        if not any(_is_below(path, other) for other in kept):
            kept.append(path)
    return tuple(kept)


def _is_below(path: str, other: str) -> bool:
    return path == other or path.startswith(other + "/")
