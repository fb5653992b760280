"""The first choice on Linux: bubblewrap makes the namespaces and the mounts."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.harness.sandbox.layout import Layout


def find() -> str | None:
    """Where bubblewrap is, or None."""
    return shutil.which("bwrap")


def command(bwrap: str, layout: Layout, *, as_root: bool) -> list[str]:
    """The command line up to the program.

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
    for path, target in layout.links:
        argv += ["--symlink", target, path]
    for path in layout.parents():  # bubblewrap would make them for its own uid alone
        argv += ["--perms", "0755", "--dir", path]
    for path in layout.read_only:
        argv += ["--ro-bind", path, path]
    for path in layout.masked:
        argv += ["--size", "4096", "--tmpfs", path, "--remount-ro", path]
    for path in layout.devices:
        argv += ["--dev-bind", path, path]
    return [*argv, "--remount-ro", "/", "--chdir", "/", "--"]
