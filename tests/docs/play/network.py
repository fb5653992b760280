"""A network and a mount table of this process's own, so that the pages' ports are free.

The pages name ports and the default suite; here nobody else listens, and the suite is a small one.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import struct
import subprocess
from pathlib import Path

import core.harness.suites
from core.harness.bakeoff.plan import DEFAULT_SUITE

SUITE = Path(core.harness.suites.__file__).parent / DEFAULT_SUITE
_SET_FLAGS = 0x8914  # SIOCSIFFLAGS
_UP = 0x1
# As root without a user namespace: within one, root's limits would not hold in the sandbox.
UNSHARE = ["unshare", *([] if os.geteuid() == 0 else ["--map-root-user"]), "--net", "--mount"]


def can_unshare() -> bool:
    """Whether this machine lets us have namespaces, and mount in them."""
    if not shutil.which("unshare"):
        return False
    trial = [*UNSHARE, "mount", "--bind", "/tmp", "/tmp"]
    return subprocess.run(trial, capture_output=True, check=False).returncode == 0


def loopback_up() -> None:
    """Within a new network: let 127.0.0.1 answer."""
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh14x", b"lo", _UP))


def instead_of_the_default_suite(small: Path) -> None:
    """Within a new mount table: the package's suite is the one at ``small``."""
    subprocess.run(["mount", "--bind", small, SUITE], check=True)
