"""The APIs that a cloud may speak besides Chat Completions, and the headers that each wants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from core.client import messages_api, responses_api
from core.stages import Mode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from core.client.backend import Backend, ChatRequest

CHAT_PATH = "/chat/completions"


class ApiReader(Protocol):
    """Puts one stream's events into chat's words."""

    def chunks(self, event: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The chat chunks that say what ``event`` says."""


@dataclass(frozen=True, slots=True)
class Api:
    """One of them: where it is asked, how, and how its answers read in chat's words.

    ``known`` are the further fields of a chat request that it has a word for.
    """

    path: str
    known: frozenset[str]
    encoded: Callable[[ChatRequest, str], dict[str, Any]]
    reader: Callable[[], ApiReader]
    whole: Callable[[Mapping[str, Any]], dict[str, Any]]


_APIS = {
    "responses": Api(
        responses_api.PATH,
        responses_api.KNOWN,
        responses_api.encoded,
        responses_api.ResponsesReader,
        responses_api.whole,
    ),
    "messages": Api(
        messages_api.PATH,
        messages_api.KNOWN,
        messages_api.encoded,
        messages_api.MessagesReader,
        messages_api.whole,
    ),
}


def provider_of(api: object) -> str:
    """Whose form a backend is asked in: telemetry names any compatible server by that."""
    return "anthropic" if api == "messages" else "openai"


def server_of(endpoint: str) -> tuple[str | None, int | None]:
    """Host and port; neither where it is no URL."""
    try:
        parts = urlsplit(endpoint)
        port = parts.port
    except ValueError:
        return None, None
    return parts.hostname, port or (443 if parts.scheme == "https" else 80)


def api_of(backend: Backend) -> Api | None:
    """What ``backend`` speaks; None for Chat Completions, as every local server is asked."""
    return _APIS.get(backend.api) if backend.mode is Mode.CLOUD else None


def left_out(request: ChatRequest, backend: Backend) -> tuple[str, ...]:
    """What the request loses on its way to ``backend``, by name; nothing if it is untranslated."""
    if request.native_for(backend):
        return ()
    api = api_of(backend)
    unknown = set(request.extra) - api.known if api else set()
    return tuple(sorted({*request.dropped, *unknown}))


def authentication(request: ChatRequest, backend: Backend) -> dict[str, str]:
    """The headers by which ``backend`` knows who asks; empty for a local server, always."""
    if backend.mode is not Mode.CLOUD:
        return {}
    is_messages = backend.api == "messages"
    found: dict[str, str] = {"anthropic-version": messages_api.VERSION} if is_messages else {}
    if backend.auth == "caller":
        return found | _callers(request.credential, is_messages=is_messages)
    if backend.api_key:
        found |= (
            {"x-api-key": backend.api_key}
            if is_messages
            else {"Authorization": f"Bearer {backend.api_key}"}
        )
    return found


def _callers(credential: Mapping[str, str], *, is_messages: bool) -> dict[str, str]:
    if is_messages or "authorization" in credential:
        return dict(credential)
    key = credential.get("x-api-key")
    return {"authorization": f"Bearer {key}"} if key else {}
