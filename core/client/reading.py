"""A reply's body, whichever form the server gave it, read into an ``Assembly``; no I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.client.sse import SSEDecoder
from core.errors import LimitExceeded, ProtocolError

if TYPE_CHECKING:
    from core.client.replies import Assembly
    from core.client.sse import SSEEvent

MAX_BODY = 8 << 20
_DONE = "[DONE]"


class BodyReader:
    """Takes a 200 reply's decoded bytes as they arrive.

    A stream of events is what we ask for. A server that ignores ``stream`` and answers with one
    ``chat.completion`` is understood too: all of its content arrives with its last byte. Which of
    the two it is, the first byte tells where the content type does not: no event starts with ``{``.
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

    def end(self) -> None:
        """The body has ended as its framing says; raises as ``feed``."""
        at = self.last_at
        if at is None or self.done:
            return
        if self._json:
            self._assembly.body(self._text(), at)
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

    def _text(self) -> str:
        try:
            return b"".join(self._whole).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ProtocolError("the server answered with JSON that is not UTF-8") from error
