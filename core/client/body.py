"""A reply's body: its content encoding undone, and its events read into an ``Assembly``; no I/O."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from core.client.sse import SSEDecoder
from core.errors import LimitExceeded, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from core.client.replies import Assembly
    from core.client.sse import SSEEvent

    Decode = Callable[[bytes], Iterable[bytes]]

MAX_BODY = 8 << 20
_DONE = "[DONE]"
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


class BodyReader:
    """Takes a 200 reply's decoded bytes as they arrive.

    A stream of events is what we ask for. A server that ignores ``stream``, or may not stream,
    answers with one ``chat.completion``: ``whole`` holds it at the end. Which of the two it is, the
    first byte tells where the content type does not: no event starts with ``{``.
    """

    def __init__(self, content_type: str, assembly: Assembly) -> None:
        kind = content_type.lower()
        self._json = "json" in kind
        self._html = "html" in kind
        self._named = "event-stream" in kind
        self._assembly = assembly
        self._sse = SSEDecoder()
        self._whole: list[bytes] = []
        self._begun = False
        self._size = 0
        self.done = False
        self.last_at: float | None = None

    def feed(self, piece: bytes, at: float) -> None:
        """Take bytes that arrived at ``at``; ``done`` turns true with the stream's ``[DONE]``.

        Raises:
            BackendError: the stream reports an error, or is none.
        """
        if not self._begun and not self._begin(piece):
            return
        self.last_at = at
        self._size += len(piece)
        if self._size > MAX_BODY:
            raise LimitExceeded(
                f"the reply is over {MAX_BODY} bytes", remedy="Set max_tokens to bound the reply."
            )
        if self._json:
            self._whole.append(piece)
            return
        for event in self._sse.feed(piece):
            self._event(event, at)

    @property
    def whole(self) -> bytes | None:
        """The body where it is one JSON document; None where it is a stream of events."""
        return b"".join(self._whole) if self._json and self._whole else None

    def end(self) -> None:
        """The body has ended as its framing says; raises as ``feed``."""
        at = self.last_at
        if at is None or self.done:
            return
        if self._json:
            return
        for event in self._sse.close():
            # The last event may have been cut: then it counts for nothing, and the reply is
            # complete only if a finish_reason came before.
            try:
                self._event(event, at)
            except ProtocolError:
                return
        if self._assembly.first_chunk_at is None and not self.done and not self._named:
            raise ProtocolError("the server answered with neither a stream of events nor JSON")

    def _begin(self, piece: bytes) -> bool:
        first = piece.lstrip()[:1]
        if self._html or first == b"<":
            raise ProtocolError(
                "the server answered with a web page",
                remedy="Check the endpoint's port and path: it is usually …/v1.",
            )
        self._json = self._json or first in (b"{", b"[")
        self._begun = bool(first)
        return self._begun

    def _event(self, event: SSEEvent, at: float) -> None:
        if self.done:
            return
        if event.event == "error":
            raise self._assembly.error(event.data)
        if event.data == _DONE:
            self.done = True
        elif event.data:
            self._assembly.chunk(event.data, at)
