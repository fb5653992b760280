"""A socket that knows when the kernel took in what it last read.

A busy process looks at its sockets late, and what it reads would seem to have come late; most of
all when many replies stream at once. Linux stamps a packet on arrival, for whoever asks.
"""

from __future__ import annotations

import socket
import struct
import sys
import time

# SO_TIMESTAMPNS, which Python has no name for, and the kernel's struct timespec.
_STAMPS = 35
_STAMP = struct.Struct("@ll")
_NOTES = socket.CMSG_SPACE(_STAMP.size) if sys.platform == "linux" else 0
_MOST_S = 60.0  # more is a wall clock that was set meanwhile


class StampedSocket(socket.socket):
    """A TCP socket; ``age_s`` is how long before its return what ``recv`` read had arrived.

    0 where the system does not tell. Bytes of several packets have the last one's age.
    """

    age_s = 0.0

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """As ``socket.recv``."""
        data, notes, _, _ = self.recvmsg(size, _NOTES, flags)
        self.age_s = 0.0
        for level, kind, note in notes:
            if (level, kind, len(note)) == (socket.SOL_SOCKET, _STAMPS, _STAMP.size):
                seconds, nanoseconds = _STAMP.unpack(note)
                age_s = (time.time_ns() - seconds * 10**9 - nanoseconds) / 1e9
                self.age_s = age_s if 0 <= age_s < _MOST_S else 0.0
        return data


def stamped_socket(host: str) -> StampedSocket | None:
    """An unconnected socket for ``host``; None unless that is an address and the system stamps."""
    if sys.platform != "linux":
        return None
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.inet_pton(family, host)
    except (OSError, ValueError):
        return None
    stamped = StampedSocket(family, socket.SOCK_STREAM)
    stamped.setblocking(False)  # noqa: FBT003  the socket's own signature
    stamped.setsockopt(socket.SOL_SOCKET, _STAMPS, 1)
    return stamped
