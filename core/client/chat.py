"""One question to one server, answered once: one attempt under one wall-clock deadline."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from functools import cached_property, lru_cache, partial
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import httpx

from core.client import schema as structured
from core.client.attempt import Attempt
from core.client.backend import Reply
from core.client.faults import hidden, quoting, shed
from core.client.fetch import open_transport
from core.client.transport import DirectTransport
from core.clock import SystemClock
from core.errors import (
    BackendError,
    BadRequest,
    ConnectFailed,
    CutReply,
    Misconfigured,
    NotCompliant,
)
from core.stages import Mode

if TYPE_CHECKING:
    from types import TracebackType

    from core.client.attempt import Send
    from core.client.backend import Backend, ChatRequest
    from core.client.replies import OnDelta
    from core.clock import Clock

_OPENAI = "api.openai.com"


class ChatClient:
    """Asks one backend, any number of calls at once.

    Without ``http`` it opens its own connections, which stamp arrivals exactly and survive a
    keep-alive that has gone stale. A client given as ``http`` is used as it is and left open.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        http: httpx.AsyncClient | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._backend = backend
        self._clock = clock or SystemClock()
        self._quote = quoting(backend.api_key)
        self._own = None if http else open_transport(backend.endpoint, self._clock.monotonic)
        self._send: Send
        if http:
            self._send = partial(http.send, stream=True, follow_redirects=False)
        elif self._own:
            self._send = self._own.handle_async_request

    async def complete(
        self,
        request: ChatRequest,
        *,
        timeout_ms: float | None = None,
        heard: OnDelta | None = None,
    ) -> Reply:
        """Ask, and return the whole and valid answer.

        ``timeout_ms`` (the backend's by default) runs from connecting to the last byte. The
        reply's times run from the moment the request had left. ``heard`` is told each delta of
        the reply as it comes, before anybody knows whether the reply will be whole; it must not
        block.

        Raises:
            BackendError: whatever went wrong; ``ttft_ms`` is set when content had begun to come.
        """
        message = self._message(request)
        attempt = Attempt(self._backend, self._send, self._clock, self._quote, heard)
        limit = self._backend.timeout_ms if timeout_ms is None else timeout_ms
        try:
            await attempt.run(message, limit)
            attempt.assembly.judge()
            return self._reply(attempt, self._data(attempt, request))
        except BackendError as error:
            error.ttft_ms = attempt.since_sent_ms(attempt.assembly.first_content_at)
            if isinstance(error, CutReply | NotCompliant) or attempt.assembly.finish_reason:
                error.partial = self._reply(attempt)
            shed(error)
            raise
        except asyncio.CancelledError as error:
            error.__traceback__ = None  # as the errors of ours shed theirs
            raise

    async def make_ready(self) -> None:
        """Do ahead what the first call over TLS waits for; what goes wrong, that call will say."""
        if self._backend.endpoint.startswith("https:") and isinstance(self._own, DirectTransport):
            with suppress(OSError):
                await self._own.trust()

    async def aclose(self) -> None:
        """Close the connections that this client opened."""
        if self._own is not None:
            await self._own.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def _message(self, request: ChatRequest) -> httpx.Request:
        if not _sendable(self._backend.api_key or ""):
            raise Misconfigured(
                "the API key holds characters that no key has, such as a line break",
                status=401,
                remedy="Check the environment variable that api_key_env names.",
            )
        url = f"{self._backend.endpoint.rstrip('/')}/chat/completions"
        try:
            content = self._body(request)
            return httpx.Request("POST", _parsed(url), headers=self._headers, content=content)
        except (httpx.InvalidURL, ValueError) as error:
            raise ConnectFailed(
                f"the endpoint of {self._backend.name} is not a usable URL",
                remedy="An endpoint looks like http://127.0.0.1:3009/v1.",
            ) from error

    @cached_property
    def _headers(self) -> httpx.Headers:
        return httpx.Headers(_headers(self._backend))

    def _body(self, request: ChatRequest) -> bytes:
        body: dict[str, Any] = {
            **request.extra,
            "model": self._backend.model,
            "messages": list(request.messages),
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if request.max_tokens is not None:
            # OpenAI's newer models refuse the field that all the local engines understand.
            official = urlsplit(self._backend.endpoint).hostname == _OPENAI
            body["max_completion_tokens" if official else "max_tokens"] = request.max_tokens
        if request.temperature is not None:
            body["temperature"] = request.temperature
        if request.seed is not None:
            body["seed"] = request.seed
        if request.schema is not None:
            structured.compiled(request.schema)
            if request.constrain:
                body["response_format"] = structured.response_format(
                    request.schema_name, request.schema
                )
        try:
            return json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise BadRequest(
                "the request cannot be written as JSON",
                status=400,
                remedy="Messages and extra fields hold JSON values and whole characters only.",
            ) from error

    def _data(self, attempt: Attempt, request: ChatRequest) -> Any:
        said = attempt.assembly
        # Only a caller who offered tools can be answered by a call of one.
        answers_by_tool = bool(said.tool_calls) and "tools" in request.extra
        if request.schema is None or answers_by_tool:
            return None
        try:
            return structured.parse(said.text, request.schema)
        except NotCompliant as error:
            # Its account quotes the reply, in parts too.
            text = hidden(said.text, self._backend.api_key)
            if text == said.text:
                raise
            structured.parse(text, request.schema)
            raise NotCompliant(error.own_words, text=text, remedy=error.remedy) from None

    def _reply(self, attempt: Attempt, data: Any = None) -> Reply:
        said = attempt.assembly
        return Reply(
            text=said.text,
            finish_reason=said.finish_reason or "",
            latency_ms=attempt.since_sent_ms(attempt.last_at) or 0.0,
            ttft_ms=attempt.since_sent_ms(said.first_content_at),
            first_chunk_ms=attempt.since_sent_ms(said.first_chunk_at),
            model=said.model,
            data=data,
            tool_calls=said.tool_calls,
            prompt_tokens=said.prompt_tokens,
            completion_tokens=said.completion_tokens,
            cached_tokens=said.cached_tokens,
            refusal=said.refusal,
        )


@lru_cache(maxsize=64)
def _parsed(url: str) -> httpx.URL:
    """``url``, which is the same for every call; raises ValueError or httpx.InvalidURL."""
    _ = urlsplit(url).port  # raises when it is out of range, which httpx lets pass
    return httpx.URL(url)


def _sendable(key: str) -> bool:
    return key.isascii() and key.isprintable() and " " not in key


def _headers(backend: Backend) -> dict[str, str]:
    headers = {
        "Content-Type": "application/json",
        "Accept": "text/event-stream, application/json",
        "Accept-Encoding": "identity",
        "User-Agent": "speckit-reflex",
    }
    if backend.api_key and backend.mode is Mode.CLOUD:  # a local server is never sent one
        headers["Authorization"] = f"Bearer {backend.api_key}"
    return headers
