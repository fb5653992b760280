"""One question to one server, answered once, or one typed error, by one deadline."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from core.client import bounded
from core.client import schema as structured
from core.client.apis import CHAT_PATH, api_of, authentication
from core.client.backend import Reply
from core.client.faults import hidden, quoting, shed
from core.client.options import Options
from core.client.proxy_environment import open_transport
from core.client.replies import Assembly
from core.client.request import Exchange
from core.client.several import as_one_call, heard
from core.client.toolcalls import arguments_of, fault_of, is_unparsed_call, narrowed, offered
from core.client.transport import DirectTransport, Request
from core.clock import SystemClock
from core.errors import (
    BackendError,
    BadRequest,
    CutReply,
    IncompleteReply,
    MalformedRequest,
    Misconfigured,
    NotCompliant,
    StatusError,
    UnparsedCall,
)
from core.plain import plain
from core.stages import Mode

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping
    from types import TracebackType

    from core.client.backend import Backend, ChatRequest, Message
    from core.client.faults import Quote
    from core.client.replies import OnDelta
    from core.client.several import SeveralAssembly
    from core.clock import Clock

_SCHEMA_REFUSED = frozenset({400, 422, 500})
_OF_SCHEMA = re.compile(r"schema|grammar|guided|xgrammar|regex", re.IGNORECASE)
_LEAST_CHECK_S = 0.1  # a reply that came just in time is checked all the same


class ChatClient:
    """Asks one backend, any number of calls at once.

    Its connections stamp arrivals exactly, are kept, and survive a keep-alive that went stale.
    """

    def __init__(self, backend: Backend, *, clock: Clock | None = None) -> None:
        self._backend = backend
        self._clock = clock or SystemClock()
        self._quote = quoting(backend.api_key)
        self._options = Options(backend)
        self._plainly = False
        self._api = api_of(backend)
        self._transport = open_transport(backend.endpoint, self._clock.monotonic)

    @property
    def takes_several(self) -> bool:
        """Whether its server may be asked for several replies at once: it has not refused that."""
        return self._options.takes_several

    async def complete(
        self,
        request: ChatRequest,
        *,
        timeout_ms: float | None = None,
        on_delta: OnDelta | None = None,
    ) -> Reply:
        """Ask, and return the whole and valid answer.

        ``timeout_ms`` (the backend's by default) runs from connecting to the last byte. The
        reply's times run from the moment the request had left. ``on_delta`` is called with each
        delta of the reply as it comes, before anybody knows whether the reply will be whole; it
        must not block. A server that refuses an option of ours, such as streaming, is asked again
        without it, within the same deadline; this client remembers that.

        Of several replies (``request.n``) the one returned is the first that was whole and valid;
        its ``choices`` are all of them. A server that refuses ``n`` gives one.

        Raises:
            BackendError: whatever went wrong; ``ttft_ms`` is set when content had begun to come.
                Of several replies, none was whole and valid.
        """
        if not _sendable(self._backend.api_key or ""):
            raise Misconfigured(
                "the API key holds characters that no key has, such as a line break",
                status=401,
                remedy="Check the environment variable that api_key_env names.",
            )
        if self._backend.auth == "caller" and not request.credential:
            raise Misconfigured(
                "the agent sent no credential of its own to pass on",
                status=401,
                remedy='With [cloud] auth = "caller" the agent needs a key or a login.',
            )
        native = request.native_for(self._backend)
        if native is None:
            await self._check_schemas(request)
        limit_ms = self._backend.timeout_ms if timeout_ms is None else timeout_ms
        deadline = asyncio.get_running_loop().time() + limit_ms / 1000
        while True:
            body = self._body(request)
            attempt = Exchange(
                self._backend,
                self._transport.send,
                self._clock,
                self._quoting(request),
                on_delta,
                api=self._api,
                native=native is not None,
                count=body.get("n", 1) if request.choices else 1,
            )
            try:
                return await self._asked(attempt, request, body, deadline, limit_ms)
            except StatusError as error:
                begun = attempt.assembly.first_chunk_at is not None
                if begun or native:
                    raise
                if not (self._options.learn(error, body) or self._simplify(error, request)):
                    raise

    async def make_ready(self) -> None:
        """Do ahead what the first call over TLS waits for; what goes wrong, that call will say."""
        if self._backend.endpoint.startswith("https:") and isinstance(
            self._transport, DirectTransport
        ):
            with suppress(OSError):
                await self._transport.trust()

    async def aclose(self) -> None:
        """Close the connections, those in use as soon as their call is done."""
        await self._transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def _asked(
        self,
        attempt: Exchange,
        request: ChatRequest,
        body: Mapping[str, Any],
        deadline: float,
        limit_ms: float,
    ) -> Reply:
        """One HTTP request, whose reply is judged; ``deadline`` on the event loop's clock."""
        loop = asyncio.get_running_loop()
        attempt.assembly.asked_stream = body.get("stream") is True
        attempt.assembly.schema_sent = structured.sent_instead(request.schema, body)
        try:
            left_ms = max(0.0, deadline - loop.time()) * 1000
            reading = attempt.run(self._message(request, body), limit_ms, left_ms=left_ms)
            if attempt.several:
                return await self._several(attempt, attempt.several, request, reading, deadline)
            await reading
            return await self._judged(attempt, attempt.only, request, deadline)
        except BackendError as error:
            self._noted(error, attempt)
            raise
        except asyncio.CancelledError as error:
            error.__traceback__ = None  # as the errors of ours shed theirs
            raise

    async def _several(
        self,
        attempt: Exchange,
        said: SeveralAssembly,
        request: ChatRequest,
        reading: Coroutine[Any, Any, None],
        deadline: float,
    ) -> Reply:
        """The first reply that was whole and valid, with all the others in its ``choices``."""
        assert request.choices is not None

        async def judge(index: int) -> Reply:
            one = said.each[index]
            one.asked_stream, one.schema_sent = said.asked_stream, said.schema_sent
            try:
                return await self._judged(
                    attempt, one, request, deadline, ended_at=said.ended_at.get(index)
                )
            except BackendError as error:
                self._noted(error, attempt, one)
                raise

        endings, broke = await heard(said, request.choices, reading, judge)
        return as_one_call(said, endings, broke, attempt.since_sent_ms)

    async def _judged(
        self,
        attempt: Exchange,
        said: Assembly,
        request: ChatRequest,
        deadline: float,
        *,
        ended_at: float | None = None,
    ) -> Reply:
        """The reply that has come to its end, if it is whole and valid."""
        said.judge()
        if request.native_for(self._backend):
            return self._reply(attempt, said)
        left_s = max(_LEAST_CHECK_S, deadline - asyncio.get_running_loop().time())
        data = await self._checked_within(min(left_s, bounded.LIMIT_S), said, request)
        return self._reply(attempt, said, data, ended_at=ended_at)

    def _noted(self, error: BackendError, attempt: Exchange, one: Assembly | None = None) -> None:
        """Tell ``error`` what had come before it, of ``one`` reply or of the call."""
        said = one or attempt.assembly
        error.ttft_ms = attempt.since_sent_ms(said.first_content_at)
        error.schema_sent, error.asked_stream = said.schema_sent, said.asked_stream
        empty = isinstance(error, IncompleteReply) and said.finish_reason
        if isinstance(said, Assembly) and (empty or isinstance(error, CutReply | NotCompliant)):
            error.partial = self._reply(attempt, said)
        shed(error)

    def _message(self, request: ChatRequest, body: Mapping[str, Any]) -> Request:
        url = f"{self._backend.endpoint.rstrip('/')}{self._api.path if self._api else CHAT_PATH}"
        headers = _HEADERS | authentication(request, self._backend)
        if native := request.native_for(self._backend):
            headers |= native.headers
            url += f"?{native.query}" if native.query else ""
        try:
            content = _encoded(body, native=request.native_for(self._backend) is not None)
        except (TypeError, ValueError, RecursionError) as error:
            raise MalformedRequest(
                "the request cannot be written as JSON",
                status=400,
                remedy="Messages and extra fields hold JSON values and whole characters only.",
            ) from error
        return Request("POST", url, headers, content)

    def _quoting(self, request: ChatRequest) -> Quote:
        """Hides the caller's credential too, should a server echo it."""
        if not request.credential:
            return self._quote
        secrets = [value.rpartition(" ")[2] for value in request.credential.values()]

        def quote(words: str) -> str:
            for secret in secrets:
                words = hidden(words, secret)
            return self._quote(words)

        return quote

    def _body(self, request: ChatRequest) -> dict[str, Any]:
        if native := request.native_for(self._backend):
            return {**native.body, "model": self._backend.model}
        options = self._options.of(request)
        if self._api:
            refused = set(request.extra) - set(options)
            extra = {name: one for name, one in request.extra.items() if name not in refused}
            temperature = request.temperature if "temperature" in options else None
            kept = replace(request, extra=narrowed(extra), temperature=temperature)
            if self._plainly and request.schema is not None:
                rule: Message = {"role": "system", "content": structured.in_words(request.schema)}
                kept = replace(kept, schema=None, messages=[rule, *request.messages])
            return {**self._api.encoded(kept, self._backend.model), "stream": options["stream"]}
        body = {
            **options,
            "model": self._backend.model,
            "messages": list(request.messages),
        }
        if request.schema is not None and request.constrain:
            body["response_format"] = structured.response_format(
                request.schema_name, request.schema, request.projection, plainly=self._plainly
            )
        return body

    def _simplify(self, error: StatusError, request: ChatRequest) -> bool:
        """Whether ``error`` refuses a schema of ours; from then on its structure alone is sent."""
        words = error.message.removeprefix(error.own_words)
        refused = error.status in _SCHEMA_REFUSED and _OF_SCHEMA.search(words) is not None
        sent = request.constrain or self._api is not None
        if self._plainly or request.schema is None or not sent or not refused:
            return False
        self._plainly = True
        return True

    async def _check_schemas(self, request: ChatRequest) -> None:
        """Before anything is sent: whether the schema can be used, and a look at the tools'."""
        if request.schema is not None:
            await bounded.check_schema(request.schema)
        tools = offered(request.extra)
        if not tools:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(bounded.LIMIT_S):
                for schema in tools.values():
                    await _parameters(schema)

    async def _checked_within(self, limit_s: float, said: Assembly, request: ChatRequest) -> Any:
        if request.schema is None and not said.tool_calls and "tools" not in request.extra:
            return None  # a plain text, and nothing was offered that it could be a call of
        try:
            async with asyncio.timeout(limit_s):
                return await self._checked(said, request)
        except TimeoutError:
            raise bounded.took_too_long(limit_s) from None

    async def _checked(self, said: Assembly, request: ChatRequest) -> Any:
        """The reply's data, once its text and its tool calls are what was asked for."""
        tools = offered(request.extra)
        if said.tool_calls:
            for call in said.tool_calls:
                await self._check_call(call, tools)
            return None
        if tools and self._backend.mode is Mode.REFLEX and is_unparsed_call(said.text, tools):
            raise _unparsed()
        if request.schema is None:
            return None
        try:
            return await bounded.parse(said.text, request.schema)
        except NotCompliant as error:
            # Its account quotes the reply, in parts too.
            text = hidden(said.text, self._backend.api_key)
            if text == said.text:
                raise
            await bounded.parse(text, request.schema)
            raise NotCompliant(error.own_words, text=text, remedy=error.remedy) from None

    async def _check_call(self, call: Mapping[str, Any], tools: Mapping[str, Any]) -> None:
        await asyncio.sleep(0)  # there may be thousands
        if fault := fault_of(call, tools):
            raise _bad_call(self._quote(fault))
        name = call[call["type"]]["name"]
        arguments = arguments_of(call)
        if arguments is None:
            return
        try:
            await bounded.parse(arguments, await _parameters(tools[name]))
        except NotCompliant as error:
            words = hidden(error.message, self._backend.api_key)
            raise _bad_call(f"the arguments of {plain(name, 80)}: {words}") from None

    def _reply(
        self, attempt: Exchange, said: Assembly, data: Any = None, ended_at: float | None = None
    ) -> Reply:
        ended_at = attempt.last_at if ended_at is None else ended_at
        return Reply(
            text=said.text,
            finish_reason=said.finish_reason or "",
            latency_ms=attempt.since_sent_ms(ended_at) or 0.0,
            ttft_ms=attempt.since_sent_ms(said.first_content_at),
            first_chunk_ms=attempt.since_sent_ms(said.first_chunk_at),
            model=said.model,
            data=data,
            tool_calls=said.tool_calls,
            prompt_tokens=said.prompt_tokens,
            completion_tokens=said.completion_tokens,
            cached_tokens=said.cached_tokens,
            refusal=said.refusal,
            fields=said.fields,
            usage=said.usage,
            around=said.around,
            in_choice=said.in_choice,
            stop_sequence=said.stop_sequence,
            id=said.id,
            asked_stream=said.asked_stream,
            schema_sent=said.schema_sent,
        )


async def _parameters(schema: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """What a tool's arguments must meet: an object where its schema is missing or unusable.

    Agents write schemas that no validator takes, and their servers never look at them.
    """
    if schema is not None:
        with suppress(BadRequest):
            await bounded.check_schema(schema)
            return schema
    return {"type": "object"}


def _bad_call(what: str) -> NotCompliant:
    return NotCompliant(
        what,
        remedy="Start the server with the tool-call parser of its model, or use a larger model.",
        own_words="a tool call of the reply is not valid",
    )


def _unparsed() -> UnparsedCall:
    what = "the reply's text is a tool call that the server did not parse"
    remedy = "Start it with the tool-call parser of its model; `code reflex health --deep` helps."
    return UnparsedCall(what, remedy=remedy, own_words=what)


def _sendable(key: str) -> bool:
    return key.isascii() and key.isprintable() and " " not in key


_written = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def _encoded(body: Mapping[str, Any], *, native: bool) -> bytes:
    try:
        return _written(body).encode()
    except UnicodeEncodeError:
        if not native:
            raise
        # Half a surrogate pair in an agent's own words is for its cloud to judge.
        return json.dumps(body, allow_nan=False).encode()


_HEADERS = {
    "Content-Type": "application/json",
    "Accept": "text/event-stream, application/json",
    "Accept-Encoding": "identity",
    "User-Agent": "speckit-reflex",
}
