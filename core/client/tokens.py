"""Whether a prompt fits into a server's context, before it is sent; where that is unsure, it may.

Bytes alone settle most calls: a tokenizer makes at most one token of each, and hardly ever one of
more than ``_MOST_BYTES_A_TOKEN``. For what lies between, the server's tokenizer is asked where it
has one; else the call is sent, and the server says.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.client.fetch import open_http, post
from core.client.server import Engine
from core.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from core.client.backend import Backend, ChatRequest
    from core.client.server import EngineIdentity
    from core.client.transport import Transport

_MOST_BYTES_A_TOKEN = 8.0
_ROOM = 1.25  # a denser text than any seen so far is still believed to fit
_AROUND_A_MESSAGE = 64
_QUESTION_S = 1.0
_MISSING = frozenset({401, 403, 404, 405, 501})
# They refuse what cannot hold the reply's limit beside the prompt; llama.cpp cuts the reply.
_COUNT_THE_REPLY = frozenset({Engine.SGLANG, Engine.VLLM})
_TOKENIZERS = frozenset({Engine.SGLANG, Engine.VLLM, Engine.LLAMACPP})


@dataclass(frozen=True, slots=True)
class Overflow:
    """A prompt that does not fit: at least ``tokens``, where the context holds ``context``."""

    tokens: int
    context: int

    @property
    def detail(self) -> str:
        """For a decision's record: ``5000_of_4096_tokens``."""
        return f"{self.tokens}_of_{self.context}_tokens"


class ContextFit:
    """Tells which requests surely do not fit into one backend's context.

    It learns from replies how many bytes make a token. Belongs to one event loop.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._http: Transport | None = None
        self._bytes_a_token = _MOST_BYTES_A_TOKEN
        self._can_count = True

    async def overflow(
        self, request: ChatRequest, identity: EngineIdentity | None
    ) -> Overflow | None:
        """By how much ``request`` surely is too long; None where it fits, or may."""
        context = identity.setup.context_tokens if identity else None
        if identity is None or context is None:
            return None
        limit = _limit(request) if identity.engine in _COUNT_THE_REPLY else 0
        if _most_bytes(request) + limit < context:
            return None
        least = int(_text_bytes(request) / self._bytes_a_token)
        if least < context:
            counted = await self._counted(request, identity.engine)
            if counted is None:
                return None
            least = counted
        # A prompt that fills the context leaves no token for a reply.
        return Overflow(least, context) if least + max(limit, 1) > context else None

    def learn(self, request: ChatRequest, prompt_tokens: int | None) -> None:
        """Take from an answered request how many bytes made a token."""
        if prompt_tokens:
            seen = _text_bytes(request) / prompt_tokens
            self._bytes_a_token = max(self._bytes_a_token, seen * _ROOM)

    async def aclose(self) -> None:
        """Close the connection."""
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    async def _counted(self, request: ChatRequest, engine: Engine) -> int | None:
        """The tokens of the prompt by the server's own tokenizer, None where it does not say."""
        if engine not in _TOKENIZERS or not self._can_count:
            return None
        self._http = self._http or open_http(self._backend)
        content = json.dumps(_question(request, engine, self._backend.model)).encode()
        with suppress(BackendError, TimeoutError, ValueError):
            async with asyncio.timeout(_QUESTION_S):
                url = f"{self._backend.root}/tokenize"
                answer = await post(self._http, self._backend, url, content)
                self._can_count = answer.status not in _MISSING
                return _count(answer.json()) if answer.status == 200 else None  # noqa: PLR2004
        return None


def _question(request: ChatRequest, engine: Engine, model: str) -> dict[str, Any]:
    if engine is Engine.LLAMACPP:  # without the template, so a few too few
        return {"content": "\n".join(_texts(request.messages))}
    asked = {"model": model, "messages": list(request.messages)}
    tools = request.extra.get("tools")
    return {**asked, "tools": tools} if tools else asked


def _count(answer: Any) -> int | None:
    told = answer.get("count") if isinstance(answer, dict) else None
    if type(told) is int and told > 0:
        return told
    tokens = answer.get("tokens") if isinstance(answer, dict) else None
    return len(tokens) if isinstance(tokens, list) and tokens else None


def _texts(messages: Iterable[Mapping[str, Any]]) -> list[str]:
    """The words of all messages; pictures and calls of tools are left out."""
    found = []
    for message in messages:
        content = message.get("content")
        parts = content if isinstance(content, list) else [{"text": content}]
        texts = (part.get("text") for part in parts if isinstance(part, dict))
        found += [text for text in texts if isinstance(text, str)]
    return found


def _text_bytes(request: ChatRequest) -> int:
    return sum(len(text.encode("utf-8", "replace")) for text in _texts(request.messages))


def _most_bytes(request: ChatRequest) -> int:
    """More than the template and all it puts around the messages can be."""
    all_of_it = [list(request.messages), request.extra, request.schema]
    try:
        size = len(
            json.dumps(all_of_it, ensure_ascii=False, default=str).encode("utf-8", "replace")
        )
    except (TypeError, ValueError, RecursionError):
        return 1 << 62
    return size + _AROUND_A_MESSAGE * (1 + len(request.messages))


def _limit(request: ChatRequest) -> int:
    given = (request.max_tokens, *map(request.extra.get, ("max_completion_tokens", "max_tokens")))
    return next((limit for limit in given if type(limit) is int and limit > 0), 0)
