"""The options that a request is sent with, less those that this server has refused.

Some servers may not stream, do not know ``stream_options``, or take no temperature. They are asked
again without it, and it is not sent to them any more.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.client.backend import Backend, ChatRequest
    from core.errors import StatusError

_OPENAI = "api.openai.com"
_REFUSALS = frozenset({400, 405, 415, 422, 501})
_LIMITS = ("max_tokens", "max_completion_tokens")
# Ours alone, or translated by us, so that whatever a server says of them is a reason to leave them
# out.
_OURS = ("stream_options", "stream", "reasoning_effort")
_ASKED = ("temperature", "seed", *_LIMITS)
_UNSUPPORTED = re.compile(r"support|unknown|unrecogni[sz]ed|unexpected|extra|permitted|deprecated")


class Options:
    """What one server takes."""

    def __init__(self, backend: Backend) -> None:
        # OpenAI's newer models refuse the field that all the local engines understand.
        official = urlsplit(backend.endpoint).hostname == _OPENAI
        self._refused = {"max_tokens"} if official else set[str]()

    def of(self, request: ChatRequest) -> dict[str, Any]:
        """The caller's further fields and our own, as this server takes them."""
        further = {
            name: value for name, value in request.extra.items() if name not in self._refused
        }
        limit = next((name for name in _LIMITS if name not in self._refused), _LIMITS[0])
        given = {
            "temperature": request.temperature,
            "seed": request.seed,
            limit: request.max_tokens,
        }
        options = further | {
            name: value
            for name, value in given.items()
            if value is not None and name not in self._refused
        }
        if "stream" in self._refused:
            return {**options, "stream": False}
        if "stream_options" in self._refused:
            return {**options, "stream": True}
        return {**options, "stream": True, "stream_options": {"include_usage": True}}

    def learn(self, error: StatusError, sent: Mapping[str, Any]) -> bool:
        """Whether ``error`` refuses an option that was sent, which then is sent no more."""
        if error.status not in _REFUSALS:
            return False
        words = error.message.removeprefix(error.own_words).lower()
        names = f"{error.server_code} {error.server_type}".lower()
        unsupported = _UNSUPPORTED.search(f"{names} {words}") is not None
        for name in (*_OURS, *_ASKED):
            named = error.param == name or re.search(rf"\b{name}(?:ing)?\b", words) is not None
            is_sent = sent.get(name) is not None and sent[name] is not False
            if named and is_sent and (name in _OURS or unsupported):
                self._refused.add(name)
                return True
        return False
