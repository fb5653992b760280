"""What an agent asked for, whichever dialect it speaks, and what a dialect must be able to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from core.gateway.dialects.tools import ToolNames

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.client.backend import ChatRequest, Reply
    from core.gateway.dialects.refusals import ErrorReply
    from core.router.answer import Answer


@dataclass(frozen=True, slots=True)
class AgentCall:
    """What an agent wants: the request for the router, and the form of the answer.

    ``callers_credential``: a cloud is asked in the agent's own name.
    ``needs_cloud`` says why no local server may answer (``image_input``, ``server_tool`` …), and
    ``native_only`` which field only a cloud of the agent's own dialect understands. ``tools`` leads
    back to the agent's own names.
    """

    request: ChatRequest
    stream: bool
    include_usage: bool = False
    needs_cloud: str | None = None
    native_only: str | None = None
    callers_credential: bool = False
    tools: ToolNames = field(default_factory=ToolNames)


class AnswerWriter(Protocol):
    """Writes one answer; ``model`` is who gives it, as far as that is known."""

    model: str

    def whole(self, said: Answer | Reply) -> dict[str, Any]:
        """The answer as one document."""

    def beginning(self, said: Answer | None = None) -> bytes:
        """What opens a stream; ``said`` where the whole answer is known already."""

    def piece(self, delta: Mapping[str, Any]) -> bytes:
        """A part of the answer, given in OpenAI's form; may be empty."""

    def ping(self) -> bytes:
        """What shows, before the answer begins, that it is still being worked on."""

    def ending(self, said: Answer | Reply) -> bytes:
        """What closes a stream that is whole."""

    def failure(self, refusal: ErrorReply) -> bytes:
        """What ends a stream that has failed, so that no agent takes it for whole."""


class Dialect(Protocol):
    """One wire format."""

    name: str

    def read(self, given: object) -> AgentCall:
        """Read a request's body, parsed; ErrorReply where it cannot be used."""

    def native(self, given: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The body for a cloud of this dialect, without what only we have said; None: as chat."""

    def writer(self, call: AgentCall, call_id: str, created: int) -> AnswerWriter:
        """For the answer to ``call``; ``created`` is the time, Unix seconds."""

    def error(self, refusal: ErrorReply) -> dict[str, Any]:
        """An error's document."""
