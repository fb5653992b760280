"""On macOS: a Seatbelt profile that denies everything but the interpreter and the workspace.

There are no PID namespaces there, so the profile forbids to fork: a run is one process, and when
that is killed nothing is left.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_PROGRAM = "/usr/bin/sandbox-exec"
_SYSTEM = (
    "/bin",
    "/usr/bin",
    "/usr/lib",
    "/usr/share",
    "/System/Library",
    "/System/Volumes/Preboot/Cryptexes",
    "/private/var/db/dyld",
    "/private/var/db/timezone",
)


def find() -> str | None:
    """Where ``sandbox-exec`` is, or None off macOS."""
    return _PROGRAM if sys.platform == "darwin" and Path(_PROGRAM).exists() else None


def command(
    sandbox_exec: str, readable: Iterable[str], masked: Iterable[str], workspace: str
) -> list[str]:
    """The command line up to the program."""
    return [sandbox_exec, "-p", profile(readable, masked, workspace)]


def profile(readable: Iterable[str], masked: Iterable[str], workspace: str) -> str:
    """A Seatbelt profile; all are real paths, without links; ``masked`` lie below ``readable``."""
    roots = [*_SYSTEM, *readable, workspace]
    above = {str(parent) for path in roots for parent in Path(path).parents}
    return "\n".join(
        (
            "(version 1)",
            "(deny default)",
            "(allow process-exec)",
            "(allow signal (target self))",
            "(allow process-info* (target self))",
            "(allow sysctl-read)",
            "(allow file-read-metadata " + " ".join(_literals(sorted(above))) + ")",
            '(allow file-read-data (literal "/"))',  # dyld looks at it before anything runs
            "(allow file-read* file-map-executable "
            + " ".join(f"(subpath {_quoted(path)})" for path in roots)
            + " "
            + " ".join(_literals(("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")))
            + ")",
            *(f"(deny file-read* (subpath {_quoted(path)}))" for path in masked),
            f"(allow file-write* (subpath {_quoted(workspace)}))",
            '(allow file-write-data (literal "/dev/null"))',
        )
    )


def _literals(paths: Iterable[str]) -> list[str]:
    return [f"(literal {_quoted(path)})" for path in paths]


def _quoted(path: str) -> str:
    return '"' + path.replace("\\", "\\\\").replace('"', '\\"') + '"'
