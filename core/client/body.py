"""A reply's body, without I/O: its encoding undone, its events read into an ``Assembly``."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from core.errors import LimitExceeded, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from core.client.replies import Assembly
    from core.client.several import SeveralAssembly

    Decode = Callable[[bytes], Iterable[bytes]]

MAX_BODY = 8 << 20
MAX_LINE = 1 << 20
_BOM = b"\xef\xbb\xbf"
_CR = 0x0D
_LF = 0x0A
_DONE = "[DONE]"
_DOCUMENTS = frozenset({b"{", b"["})
# data, error, event, id, retry, and a comment
_FIELDS = frozenset({b"d", b"e", b"i", b"r", b":"})
_PIECE = 64 << 10
_MEMBER = b"\x1f"
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
        nonlocal stream
        waiting = raw
        try:
            while True:
                if stream.eof:
                    # gzip data may be several members, one after the other.
                    if name == "deflate" or not waiting.startswith(_MEMBER):
                        break
                    stream = zlib.decompressobj(_WINDOWS[name])
                piece = stream.decompress(waiting, _PIECE)
                yield piece
                waiting = stream.unused_data if stream.eof else stream.unconsumed_tail
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


SSEEvent = tuple[str, str]
"""One event: its name, empty when the server gave none, and its data."""


class SSEDecoder:
    """Decodes one stream, however its bytes are cut, in time linear in their number.

    Follows the WHATWG grammar with two additions that servers need: a last event without its blank
    line counts, and llama.cpp's ``error:`` field (until late 2025) is an event named ``error``.
    """

    def __init__(self, *, max_line: int = MAX_LINE) -> None:
        self._max_line = max_line
        self._unfinished = bytearray()
        self._after_cr = False
        self._first = True
        self._event = ""
        self._data: list[bytes] = []

    def feed(self, chunk: bytes) -> list[SSEEvent]:
        """The events that ``chunk`` completes.

        Raises:
            LimitExceeded: a line is longer than ``max_line`` bytes.
            ProtocolError: an event is not UTF-8.
        """
        if self._after_cr and chunk:
            self._after_cr = False
            chunk = chunk[1:] if chunk[0] == _LF else chunk
        if not chunk:
            return []
        lines = chunk.splitlines()
        last = chunk[-1]
        self._after_cr = last == _CR
        rest = b"" if last in (_CR, _LF) else lines.pop()
        events: list[SSEEvent] = []
        if lines:
            if self._unfinished:
                lines[0] = bytes(self._unfinished) + lines[0]
                self._unfinished.clear()
            if self._first:
                self._first = False
                lines[0] = lines[0].removeprefix(_BOM)
            self._check(max(map(len, lines)))
            self._read(lines, events)
        self._unfinished += rest
        self._check(len(self._unfinished))
        return events

    def close(self) -> list[SSEEvent]:
        """The event that the stream's end completes; none when it was cut inside a character."""
        lines = [bytes(self._unfinished), b""]
        if self._first:
            lines[0] = lines[0].removeprefix(_BOM)
        self._unfinished.clear()
        events: list[SSEEvent] = []
        try:
            self._read(lines if lines[0] else lines[1:], events)
        except ProtocolError:
            return []
        return events

    def _read(self, lines: list[bytes], events: list[SSEEvent]) -> None:
        data = self._data
        try:
            for line in lines:
                if line[:6] == b"data: ":
                    data.append(line[6:])
                elif line:
                    self._field(line)
                elif data:
                    text = data[0] if len(data) == 1 else b"\n".join(data)
                    events.append((self._event, text.decode()))
                    data.clear()
                    self._event = ""
                else:
                    self._event = ""
        except UnicodeDecodeError as error:
            raise ProtocolError("the stream holds an event that is not UTF-8") from error

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
        elif name == b"event":
            self._event = value.decode("utf-8", "replace")
        elif name == b"error":
            self._event = "error"
            self._data.append(value)

    def _check(self, length: int) -> None:
        if length > self._max_line:
            raise LimitExceeded(
                f"the stream holds a line of over {self._max_line} bytes",
                remedy="No OpenAI-compatible server sends such lines; check what listens there.",
            )


class BodyReader:
    """Takes a 200 reply's decoded bytes as they arrive.

    A stream of events is what we ask for. A server that ignores ``stream``, or may not stream,
    answers with one ``chat.completion``: ``whole`` holds it at the end. Which of the two it is, the
    first byte tells, whatever the content type: no event starts with ``{``, and no JSON as a field.
    """

    def __init__(self, content_type: str, assembly: Assembly | SeveralAssembly) -> None:
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
        self._take(self._sse.feed(piece), at)

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
        # The last event may have been cut: then it counts for nothing, and the reply is complete
        # only if a finish_reason came before.
        try:
            self._take(self._sse.close(), at)
        except ProtocolError:
            return
        if self._assembly.first_chunk_at is None and not self.done and not self._named:
            raise ProtocolError("the server answered with neither a stream of events nor JSON")

    def _begin(self, piece: bytes) -> bool:
        first = piece.removeprefix(_BOM).lstrip()[:1]
        if self._html or first == b"<":
            raise ProtocolError(
                "the server answered with a web page",
                remedy="Check the endpoint's port and path: it is usually …/v1.",
            )
        self._json = first in _DOCUMENTS or (self._json and first not in _FIELDS)
        self._begun = bool(first)
        return self._begun

    def _take(self, events: list[SSEEvent], at: float) -> None:
        for name, data in events:
            if self.done:
                return
            if name == "error":
                raise self._assembly.error(data)
            if data == _DONE:
                self.done = True
            elif data:
                self._assembly.chunk(data, at)
