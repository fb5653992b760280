"""Server-sent events, decoded without I/O: bytes in, completed events out."""

from __future__ import annotations

from typing import NamedTuple

from core.errors import LimitExceeded, ProtocolError

MAX_LINE = 1 << 20
_BOM = b"\xef\xbb\xbf"
_CR = 0x0D
_LF = 0x0A


class SSEEvent(NamedTuple):
    """One event; ``event`` is its name, empty when the server gave none."""

    event: str
    data: str


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
        for line in lines:
            if line.startswith(b"data: "):
                self._data.append(line[6:])
            elif line:
                self._field(line)
            else:
                if self._data:
                    events.append(SSEEvent(self._event, self._text()))
                    self._data.clear()
                self._event = ""

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

    def _text(self) -> str:
        data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise ProtocolError("the stream holds an event that is not UTF-8") from error

    def _check(self, length: int) -> None:
        if length > self._max_line:
            raise LimitExceeded(
                f"the stream holds a line of over {self._max_line} bytes",
                remedy="No OpenAI-compatible server sends such lines; check what listens there.",
            )
