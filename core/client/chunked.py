"""HTTP's chunked framing, undone without I/O: as many chunks at a time as have arrived.

h11 makes an event of each chunk, which for a stream of tokens cost more than all else together.
"""

from __future__ import annotations

import re

import h11

_MOST_OF_A_LINE = 4 << 10
_MOST_OF_TRAILERS = 16 << 10
_SIZE = rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r\n"
_FIRST = re.compile(_SIZE)
_FURTHER = re.compile(rb"\r\n" + _SIZE)


class ChunkedBody:
    """One body; ``done`` when its end has come, after which ``excess`` is what came too much."""

    def __init__(self) -> None:
        self._size = _FIRST
        self._left = 0
        self._in_trailers = False
        self._unfinished = b""
        self.done = False
        self.excess = b""

    def feed(self, data: bytes) -> bytes:
        """The content within ``data``, which is empty at the connection's end.

        Raises:
            h11.RemoteProtocolError: it is not so framed, or was cut.
        """
        if not data and not self.done:
            raise h11.RemoteProtocolError("peer closed connection without sending complete body")
        data = self._unfinished + data
        self._unfinished = b""
        pieces: list[bytes] = []
        at = 0
        while not self._in_trailers and at < len(data):
            if self._left:
                piece = data[at : at + self._left]
                pieces.append(piece)
                at += len(piece)
                self._left -= len(piece)
                continue
            found = self._size.match(data, at)
            if found is None:
                self._unfinished = self._begun(data[at:])
                return b"".join(pieces)
            at = found.end()
            self._left = int(found[1], 16)
            self._size = _FURTHER
            self._in_trailers = not self._left
        if self._in_trailers:
            self._end(data[at:])
        return b"".join(pieces)

    def _begun(self, line: bytes) -> bytes:
        """``line`` where it may be the beginning of a chunk's size."""
        before = b"\r\n" if self._size is _FURTHER else b""
        whole = b"\r\n" in line[len(before) :] or len(line) > _MOST_OF_A_LINE
        if whole or not before.startswith(line[: len(before)]):
            raise h11.RemoteProtocolError("illegal chunk header")
        return line

    def _end(self, rest: bytes) -> None:
        """Pass over the trailers, of which nobody here knows any."""
        if rest.startswith(b"\r\n"):
            self.done, self.excess = True, rest[2:]
            return
        _, blank, excess = rest.partition(b"\r\n\r\n")
        if blank:
            self.done, self.excess = True, excess
            return
        if len(rest) > _MOST_OF_TRAILERS:
            raise h11.RemoteProtocolError("endless trailers")
        self._unfinished = rest
