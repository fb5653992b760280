"""What of the host a sandbox sees: the interpreter and the system's libraries, read-only."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.harness.sandbox.limits import Limits

WORK = "/reflex-work"  # a name that no interpreter or project lives below
SCRATCH_PREFIX = "reflex-sandbox-"  # of the temporary directory where there is no such root
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store")
_SYSTEM_FILES = ("/etc/ld.so.cache", "/etc/alternatives")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_RESERVED = (WORK, "/dev", "/proc", "/sys")
_SHARED_MEMORY_MB = 16


@dataclass(frozen=True, slots=True)
class Layout:
    """The root of a sandbox; everything not named here is absent.

    ``scratch`` holds (path, MiB) of the only writable places, ``links`` (path, target),
    ``read_only`` and ``devices`` paths that are the same inside as outside.
    """

    scratch: tuple[tuple[str, int], ...]
    links: tuple[tuple[str, str], ...]
    read_only: tuple[str, ...]
    devices: tuple[str, ...]

    @property
    def writable(self) -> list[str]:
        """Every path that may be written to."""
        return [path for path, _ in self.scratch] + list(self.devices)

    def parents(self) -> list[str]:
        """The directories above what is shown, the outer before the inner."""
        made = {path for path, _ in self.scratch}
        above = {str(each) for path in self.read_only for each in Path(path).parents}
        return sorted(above - made - {"/"})


@cache
def interpreter() -> str:
    """The base interpreter behind this one, without links or virtual environment."""
    return os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)


@cache
def interpreter_paths() -> tuple[str, ...]:
    """The directories the interpreter and its standard library live in."""
    prefixes = {os.path.realpath(each) for each in (sys.base_prefix, sys.base_exec_prefix)}
    prefixes.add(str(Path(interpreter()).parent))
    return _outermost(prefixes - {"/"})


def linux_layout(limits: Limits, read_only: Sequence[Path], workspace: Path) -> Layout:
    """The root of a Linux sandbox with ``read_only`` added at their own paths.

    Raises ``SandboxError`` for a path that is missing, reserved, or part of the workspace: nothing
    is ever mounted inside a tree that a model wrote.
    """
    links = tuple((p, str(Path(p).readlink())) for p in _SYSTEM if Path(p).is_symlink())
    system = {path for path in _SYSTEM if Path(path).is_dir() and not Path(path).is_symlink()}
    files = {path for path in _SYSTEM_FILES if Path(path).exists()}
    extra = {checked(path, workspace) for path in read_only}
    return Layout(
        scratch=(
            (WORK, limits.file_mb),
            ("/tmp", limits.file_mb),  # noqa: S108  the sandbox's own
            ("/dev/shm", _SHARED_MEMORY_MB),  # noqa: S108
        ),
        links=links,
        read_only=_outermost(system | files | set(interpreter_paths()) | extra),
        devices=tuple(path for path in _DEVICES if Path(path).exists()),
    )


def checked(path: Path, workspace: Path) -> str:
    """``path`` resolved, when it may be shown read-only to code from ``workspace``."""
    try:
        real = path.resolve(strict=True)
    except OSError as error:
        raise SandboxError(f"{path} cannot be shown to the sandbox: {error}") from error
    inner = workspace.resolve()
    if real == inner or inner in real.parents:
        raise SandboxError(f"{path} lies in the workspace, where nothing may be mounted.")
    if real == Path("/") or any(_is_below(str(real), each) for each in _RESERVED):
        raise SandboxError(f"{path} is a place that the sandbox keeps for itself.")
    return str(real)


def _outermost(paths: set[str]) -> tuple[str, ...]:
    kept: list[str] = []
    for path in sorted(paths):
        if not any(_is_below(path, other) for other in kept):
            kept.append(path)
    return tuple(kept)


def _is_below(path: str, other: str) -> bool:
    return path == other or path.startswith(other + "/")
