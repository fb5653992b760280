"""One question to one server, answered once: one attempt under one wall-clock deadline."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from core.client import structured
from core.client.attempt import Attempt
from core.client.backend import Reply
from core.client.faults import quoting
from core.client.transport import DirectTransport
from core.clock import SystemClock
from core.errors import BackendError, BadRequest, ConnectFailed, Misconfigured
from core.stages import Mode

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from core.client.backend import Backend, ChatRequest
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
        self._own = None if http else _open(backend.endpoint, self._clock.monotonic)
        if isinstance(self._own, DirectTransport):
            self._send = self._own.handle_async_request
        else:
            client = http or self._own
            assert client is not None
            self._send = partial(client.send, stream=True, follow_redirects=False)

    async def complete(self, request: ChatRequest, *, timeout_ms: float | None = None) -> Reply:
        """Ask, and return the whole and valid answer.

        ``timeout_ms`` (the backend's by default) runs from connecting to the last byte. The
        reply's times run from the moment the request had left.

        Raises:
            BackendError: whatever went wrong; ``ttft_ms`` is set when content had begun to come.
        """
        message = self._message(request)
        attempt = Attempt(self._backend, self._send, self._clock, self._quote)
        limit = self._backend.timeout_ms if timeout_ms is None else timeout_ms
        try:
            await attempt.run(message, limit)
            attempt.assembly.judge()
            return self._reply(attempt, request)
        except BackendError as error:
            error.ttft_ms = attempt.since_sent_ms(attempt.assembly.first_content_at)
            raise

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
        headers = {
            "Content-Type": "application/json",
            "Accept": "text/event-stream, application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "speckit-reflex",
        }
        key = self._backend.api_key
        if key and self._backend.mode is Mode.CLOUD:  # a local server is never sent one
            if not (key.isascii() and key.isprintable() and " " not in key):
                raise Misconfigured(
                    "the API key holds characters that no key has, such as a line break",
                    status=401,
                    remedy="Check the environment variable that api_key_env names.",
                )
            headers["Authorization"] = f"Bearer {key}"
        url = f"{self._backend.endpoint.rstrip('/')}/chat/completions"
        try:
            _ = urlsplit(url).port  # raises when it is out of range, which httpx lets pass
            return httpx.Request("POST", url, headers=headers, content=self._body(request))
        except (httpx.InvalidURL, ValueError) as error:
            raise ConnectFailed(
                f"the endpoint of {self._backend.name} is not a usable URL",
                remedy="An endpoint looks like http://127.0.0.1:3009/v1.",
            ) from error

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

    def _reply(self, attempt: Attempt, request: ChatRequest) -> Reply:
        said = attempt.assembly
        # Only a caller who offered tools can be answered by a call of one.
        answers_by_tool = bool(said.tool_calls) and "tools" in request.extra
        data = None
        if request.schema is not None and not answers_by_tool:
            data = structured.parse(said.text, request.schema)
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
        )


def _open(endpoint: str, now: Callable[[], float]) -> DirectTransport | httpx.AsyncClient:
    """Our own transport, or httpx's where the environment names a proxy for the endpoint."""
    # Settings and their models load with it, which whoever asks has by now.
    from core.trust import is_loopback  # noqa: PLC0415

    parts = urlsplit(endpoint)
    proxies = {} if is_loopback(endpoint) else getproxies()
    proxied = proxies.get(parts.scheme) or proxies.get("all")
    if proxied and not proxy_bypass(parts.hostname or ""):
        return httpx.AsyncClient(timeout=None)  # noqa: S113  the attempt has its own deadline
    return DirectTransport(now)
