"""An agent's request as it came, for a cloud that speaks the agent's own dialect."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from core.client.backend import NativeRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.gateway.dialects.call import AgentCall, Dialect
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
    return replace(asked, request=request)


def _is_passed_on(name: str, value: str) -> bool:
    return (name.startswith(_PASSED_ON) or name in _ALSO) and _is_sendable(value)


def _is_sendable(value: str) -> bool:
    return value.isascii() and value.isprintable()
