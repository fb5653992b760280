"""A reply's content encoding, undone with bounded memory."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from core.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Decode = Callable[[bytes], Iterable[bytes]]

_PIECE = 64 << 10
_WINDOWS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


def decoder(encoding: str) -> Decode:
    """A function from raw to decoded pieces, each of 64 KiB at most unless nothing was encoded.

    We ask for ``identity``; a proxy that compresses all the same is understood for gzip and
    deflate. Pieces come lazily, so that a caller who stops at a limit stops the expansion too.

    The function raises ProtocolError on another encoding, and on bytes that are not so encoded.
    """
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return lambda raw: (raw,)
    if name not in _WINDOWS:
        return _not_asked_for
    stream = zlib.decompressobj(_WINDOWS[name])

    def inflate(raw: bytes) -> Iterable[bytes]:
        waiting = raw
        try:
            while not stream.eof:
                piece = stream.decompress(waiting, _PIECE)
                yield piece
                waiting = stream.unconsumed_tail
                # A full piece can leave output inside zlib although all input was taken.
                if not waiting and len(piece) < _PIECE:
                    break
        except zlib.error as error:
            raise ProtocolError(f"the reply is not the {name} data that it says it is") from error

    return inflate


def _not_asked_for(_: bytes) -> Iterable[bytes]:
    raise ProtocolError(
        "the reply is compressed in a way that was not asked for",
        remedy="Turn off compression in the proxy before the server.",
    )
