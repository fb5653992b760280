"""Which server is asked, what it is asked, and what it answered: the client's values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypedDict
from urllib.parse import urlsplit

from core.client.keywords import Grammar
from core.stages import Mode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from core.client.several import Choices, Ending


class Message(TypedDict, total=False):
    """One chat message in OpenAI's form; ``content`` is a string or a list of parts."""

    role: str
    content: Any
    name: str
    tool_calls: list[dict[str, Any]]
    tool_call_id: str


@dataclass(frozen=True, slots=True)
class Backend:
    """A server that can answer: ``name`` is ``reflex``, ``cloud`` or a ``[reflex.backends]`` key.

    ``endpoint`` is the API's base, usually ending in ``/v1``; ``api_key`` never shows in ``repr``.
    ``api`` is the dialect that it speaks (``chat``, ``responses``, ``messages``); with ``auth``
    ``caller`` it is sent the credential that came with the request, and no key of ours.
    """

    name: str
    mode: Mode
    endpoint: str
    model: str
    timeout_ms: int
    api_key: str | None = field(default=None, repr=False)
    api: str = "chat"
    auth: str = "key"

    @property
    def root(self) -> str:
        """The server's base without ``/v1``, where ``/health`` and ``/metrics`` are."""
        return self.endpoint.rstrip("/").removesuffix("/v1")

    @property
    def address(self) -> str:
        """``host:port`` as a person would say it."""
        try:
            parts = urlsplit(self.endpoint)
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            return "an address that is none"
        return f"{parts.hostname or '?'}:{port}"


@dataclass(frozen=True, slots=True)
class NativeRequest:
    """A request in the caller's own words, for a cloud that speaks them.

    ``query`` and ``headers`` are those that change what is answered, such as ``anthropic-beta``.
    """

    body: Mapping[str, Any]
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class NativePiece(dict[str, Any]):
    """Bytes of a cloud's reply in the caller's own dialect, to be passed on as they are."""

    def __init__(self, content_type: str, data: bytes) -> None:
        super().__init__()
        self.content_type = content_type
        self.data = data


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One question to a model.

    ``schema`` is what the reply must meet, and is sent along unless ``constrain`` is false: then
    the reply is only validated; ``projection`` says what its server constrains by, and so how much
    of the schema is sent. ``grammar`` (GBNF) constrains a reply that is no JSON: only local
    servers are sent it, and whoever asks validates. ``extra`` holds further OpenAI fields (tools,
    stop, …) that are passed on as they are. ``response_format`` is the caller's own wording of
    ``schema``, where there is one; the router sends it to a cloud unchanged. ``dialect`` is the
    wire format that the caller spoke, and ``dropped`` names what its translation into these fields
    had to leave out; ``native`` is the request as it came. Of a local server ``n`` replies may be
    asked for at once, of which ``choices`` is told. ``credential`` holds the caller's own
    authentication headers, for a cloud that is asked in his name; it is neither shown nor kept.
    """

    messages: Sequence[Message]
    schema: Mapping[str, Any] | None = None
    grammar: str | None = None
    constrain: bool = True
    schema_name: str = "reply"
    projection: Grammar = Grammar.PORTABLE
    max_tokens: int | None = None
    temperature: float | None = None
    seed: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    response_format: Mapping[str, Any] | None = None
    dialect: str = "chat"
    dropped: tuple[str, ...] = ()
    native: NativeRequest | None = field(default=None, repr=False)
    n: int = 1
    choices: Choices | None = field(default=None, repr=False, compare=False)
    credential: Mapping[str, str] = field(default_factory=dict, repr=False)

    def native_for(self, backend: Backend) -> NativeRequest | None:
        """The request as the caller worded it, where ``backend`` is a cloud of that dialect."""
        fits = backend.mode is Mode.CLOUD and backend.api == self.dialect
        return self.native if fits else None


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete, valid answer. Times are in ms from the moment the request was sent.

    ``ttft_ms`` is the first chunk with non-empty content or arguments of a tool call (None when
    there was none), ``first_chunk_ms`` the first chunk of any kind; token counts are None where the
    server does not report them. ``data`` is the parsed, validated object when a schema was given;
    ``refusal`` the model's words where it refused, which only a partial reply holds. Nothing else
    that a server said is lost: ``fields`` are further ones of the message (``reasoning_content``),
    ``usage`` is the server's own, ``around`` holds fields beside ``choices``, and ``in_choice``
    those beside the message. ``stop_sequence`` is the caller's own text that ended the reply, where
    the server tells, ``id`` the reply's own, and ``asked_stream`` whether it was asked for as a
    stream. ``schema_sent`` is the hash of the schema that the server got, where that was not all of
    the one asked for.
    """

    text: str
    finish_reason: str
    latency_ms: float
    ttft_ms: float | None
    first_chunk_ms: float | None
    model: str = ""
    data: Any = None
    tool_calls: tuple[Mapping[str, Any], ...] = ()
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    refusal: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    usage: Mapping[str, Any] = field(default_factory=dict)
    around: Mapping[str, Any] = field(default_factory=dict)
    in_choice: Mapping[str, Any] = field(default_factory=dict)
    stop_sequence: str | None = None
    id: str = ""
    asked_stream: bool | None = None
    schema_sent: str | None = None
    choices: tuple[Ending, ...] = ()
