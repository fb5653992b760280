"""A call in the agent's own dialect, to a cloud that speaks it: what is sent, what comes back."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from core.client.backend import NativeRequest
from core.client.body import SSEDecoder
from core.client.bounded import TookTooLong, parse_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.client.backend import NativePiece
    from core.client.body import SSEEvent
    from core.gateway.dialects.agent_call import AgentCall, Dialect
    from core.settings.model import Cloud

CREDENTIALS = ("authorization", "x-api-key")
# Headers that change what is answered or who is charged for it: no cookie, nothing of transport.
_PASSED_ON = ("anthropic-", "openai-", "x-codex-", "x-claude-code-", "x-stainless-")
_ALSO = frozenset(
    {
        *("originator", "session-id", "session_id", "thread-id", "x-client-request-id", "x-app"),
        *("user-agent", "version", "chatgpt-account-id"),
    }
)
_QUERIES = ("beta=true",)
_OPENINGS = frozenset({"response.created", "message_start"})
_ENDINGS = frozenset(
    {
        *("message_stop", "error"),  # Messages
        *("response.completed", "response.incomplete", "response.failed"),
    }
)
_BLANK_LINES = (b"\n\n", b"\r\n\r\n", b"\r\r")
_DOCUMENTS = ("json", "html")


def for_cloud(
    asked: AgentCall,
    dialect: Dialect,
    given: object,
    *,
    headers: Mapping[str, str],
    query: str,
    cloud: Cloud,
) -> AgentCall:
    """``asked`` with what ``cloud`` may be sent of the agent's own.

    The words, where it speaks them; the credential, where the configuration says so. Neither ever
    goes to a local server, which the client makes sure of.
    """
    request = asked.request
    if cloud.api == dialect.name and isinstance(given, dict):
        native = dialect.native(given)
        if native is not None:
            kept = {name: value for name, value in headers.items() if _is_passed_on(name, value)}
            known = query if query in _QUERIES else ""
            request = replace(request, native=NativeRequest(native, known, kept))
    if cloud.auth == "caller":
        own = {name: headers[name] for name in CREDENTIALS if headers.get(name)}
        sound = {name: value for name, value in own.items() if _is_sendable(value)}
        request = replace(request, credential=sound)
    if cloud.auth != "caller" and request is asked.request:
        return asked
    return replace(asked, request=request, callers_credential=cloud.auth == "caller")


class NativeReply:
    """A cloud's reply on its way to the agent, unchanged: event by event, or as one document.

    What was cut inside an event, or inside a document, is not passed on, so that an error in the
    agent's dialect can follow. With ``opened`` the agent's stream was opened by us, with pings, and
    the cloud's own opening is left out: a stream begins once.
    """

    def __init__(self, content_type: str, *, opened: bool = False) -> None:
        self.content_type = content_type or "application/json"
        self._is_document = any(kind in content_type.lower() for kind in _DOCUMENTS)
        self._opened = opened
        self._held = bytearray()
        self._events = SSEDecoder()
        self._has_ended = False

    def take(self, piece: NativePiece) -> bytes:
        """What of the reply can be passed on now; raises LimitExceeded for an endless line."""
        # A blank line may have begun in the piece before.
        seen = max(0, len(self._held) - 3)
        self._held += piece.data
        if self._is_document:
            return b""
        passed = b""
        while self._opened and (block := self._cut(_first_end(self._held))):
            kinds = self._kinds(block)
            self._opened = not kinds
            passed += b"" if _OPENINGS & kinds else block
            seen = 0
        whole = self._cut(_last_end(self._held, seen))
        self._has_ended = self._has_ended or bool(_ENDINGS & self._kinds(whole))
        return passed + whole

    def _cut(self, end: int) -> bytes:
        cut = bytes(self._held[:end])
        del self._held[:end]
        return cut

    def _kinds(self, events: bytes) -> set[object]:
        kinds = map(_kind, self._events.feed(events))
        return {kind for kind in kinds if isinstance(kind, str)}

    def rest(self) -> bytes:
        """What is still held once the reply is known to be whole."""
        rest = bytes(self._held)
        self._held.clear()
        return rest

    async def is_whole(self) -> bool:
        """Whether it has its own ending, which may be an error as well."""
        if not self._is_document:
            return self._has_ended
        try:
            return isinstance(await parse_json(bytes(self._held)), dict)
        except (ValueError, TookTooLong):
            return False


def _first_end(events: bytearray) -> int:
    """Where the first event ends; 0 where none does."""
    ends = ((events.find(blank), len(blank)) for blank in _BLANK_LINES)
    return min((at + length for at, length in ends if at >= 0), default=0)


def _last_end(events: bytearray, seen: int) -> int:
    """Where the last whole event ends, of which ``seen`` bytes are known to hold no end."""
    ends = ((events.rfind(blank, seen), len(blank)) for blank in _BLANK_LINES)
    return max((at + length for at, length in ends if at >= 0), default=0)


def _kind(event: SSEEvent) -> object:
    """The event's name; some servers have it in the data alone."""
    name, text = event
    if name:
        return name
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return data.get("type") if isinstance(data, dict) else None


def _is_passed_on(name: str, value: str) -> bool:
    return (name.startswith(_PASSED_ON) or name in _ALSO) and _is_sendable(value)


def _is_sendable(value: str) -> bool:
    return value.isascii() and value.isprintable()
