"""The programs that enclose a command: bubblewrap on Linux, sandbox-exec on macOS.

Where neither is, Linux namespaces are made without a program, in ``inside/namespaces.py``.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from core.harness.sandbox.layout import Layout

_SANDBOX_EXEC = "/usr/bin/sandbox-exec"
_MAC_SYSTEM = (
    "/bin",
    "/usr/bin",
    "/usr/lib",
    "/usr/share",
    "/System/Library",
    "/System/Volumes/Preboot/Cryptexes",
    "/private/var/db/dyld",
    "/private/var/db/timezone",
)


def find_bubblewrap() -> str | None:
    """Where bubblewrap is, or None."""
    return shutil.which("bwrap")


def bubblewrap_command(bwrap: str, layout: Layout, *, as_root: bool) -> list[str]:
    """The command line up to the program; bubblewrap makes the namespaces and the mounts.

    Root gets no user namespace from bubblewrap: its uid 0 would be the host's, whose processes no
    limit counts. It keeps the right to change its uid instead, and uses it first of all.
    """
    argv = [bwrap, "--die-with-parent", "--hostname", "sandbox"]
    if as_root:
        argv += ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"]
        argv += ["--unshare-cgroup-try", "--cap-drop", "ALL"]
        argv += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        argv += ["--unshare-all"]
    for path, mebibytes in layout.scratch:
        argv += ["--perms", "1777", "--size", str(mebibytes << 20), "--tmpfs", path]
    for path in layout.parents():  # bubblewrap would make them for its own uid alone
        argv += ["--perms", "0755", "--dir", path]
    for path, target in layout.links:
        argv += ["--symlink", target, path]
    for path in layout.read_only:
        argv += ["--ro-bind", path, path]
    for path in layout.masked:
        argv += ["--size", "4096", "--tmpfs", path, "--remount-ro", path]
    for path in layout.devices:
        argv += ["--dev-bind", path, path]
    return [*argv, "--remount-ro", "/", "--chdir", "/", "--"]


def find_sandbox_exec() -> str | None:
    """Where ``sandbox-exec`` is, or None off macOS."""
    return _SANDBOX_EXEC if sys.platform == "darwin" and Path(_SANDBOX_EXEC).exists() else None


def sandbox_exec_command(
    sandbox_exec: str, readable: Iterable[str], masked: Iterable[str], workspace: str
) -> list[str]:
    """The command line up to the program: all is denied but interpreter and workspace.

    There are no PID namespaces on macOS, so the profile forbids to fork: a run is one process, and
    when that is killed nothing is left.
    """
    return [sandbox_exec, "-p", profile(readable, masked, workspace)]


def profile(readable: Iterable[str], masked: Iterable[str], workspace: str) -> str:
    """A Seatbelt profile; all are real paths, without links; ``masked`` lie below ``readable``."""
    roots = [*_MAC_SYSTEM, *readable, workspace]
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
