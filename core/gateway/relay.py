"""One call of an agent through the router: read, answered, cancelled when the agent leaves."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from core.client.backend import NativePiece
from core.errors import ReflexError
from core.gateway.dialects.blocks import portions
from core.gateway.dialects.refusals import ErrorReply, error_reply
from core.gateway.native import NativeReply, for_cloud
from core.gateway.request_body import ClientLeft, read_body, read_json
from core.gateway.stage_rules import Placed, caller_of, placed
from core.router.decision import CallOptions
from core.stages import Mode, Stage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from starlette.types import Receive, Scope, Send

    from core.client import backend
    from core.gateway.dialects.agent_call import AgentCall, AnswerWriter, Dialect
    from core.gateway.metrics import Metrics
    from core.gateway.runs import Runs
    from core.router.answer import Answer
    from core.router.call import RoutedCall
    from core.settings import Settings

PING_EVERY_S = 10.0
"""How long a stream may be silent. Until then an error keeps its own status."""
_PORTIONS_A_TURN = 64
_UNSTORED = {"cache-control": "no-store"}


class ReplySender:
    """The HTTP answer to one call.

    A reply of a local server is whole and valid before its first byte goes out. A cloud's reply is
    passed on as it comes from its first content on, and as it is: also cut, refused, or not the
    JSON that was asked for. While an agent that wants a stream waits, pings tell it that its call
    is being worked on. ``answer`` holds once the router has one.
    """

    def __init__(self, call: RoutedCall, asked: AgentCall, dialect: Dialect, send: Send) -> None:
        self.answer: Answer | None = None
        self._call = call
        self._asked = asked
        self._dialect = dialect
        self._asgi_send = send
        self._writer: AnswerWriter = dialect.writer(asked, call.call_id, int(time.time()))
        self._writer.model = "reflex"
        self._begun = False
        self._ended = False
        self._native: NativeReply | None = None
        self._loop = asyncio.get_running_loop()
        self._sending = asyncio.Lock()
        self._sent_at = self._loop.time()
        self._first_ping: asyncio.TimerHandle | None = None
        self._pinging: asyncio.Task[None] | None = None

    @property
    def has_ended(self) -> bool:
        """Whether the end of the answer has been sent, after which a client may leave."""
        return self._ended

    async def send(self) -> str:
        """Send the answer; returns ``answered``, or the code of the error that was sent."""
        try:
            await (self._stream() if self._asked.stream else self._whole())
        except ReflexError as error:
            if self._native is not None and await self._native.is_whole():
                await self._rest_of(self._native)  # as it came: cut by its limit, or refused
            elif self._native is None and (partial := self._as_it_is(error)) is not None:
                await self._pass_on(partial)
            else:
                own = self._asked.callers_credential and self._was_sent_to_cloud()
                await self._fail(error_reply(error, callers_credential=own))
            return error.code
        except asyncio.CancelledError:
            # A client that has left reads none of it; at a shutdown there is one that does.
            await self._fail(ErrorReply(503, "the gateway is shutting down", code="shutting_down"))
            raise
        return "answered"

    async def _whole(self) -> None:
        if self._asked.request.native is None:
            self.answer = await self._call.answer()
        else:
            async with self._call.stream() as stream:
                async for piece in stream:
                    if isinstance(piece, NativePiece):
                        await self._as_it_comes(piece)
                self.answer = stream.answer
        if self._native is not None:
            await self._rest_of(self._native)
        else:
            await self._document(200, self._format().whole(self.answer), {})

    async def _stream(self) -> None:
        self._first_ping = self._loop.call_later(PING_EVERY_S, self._begin_pings)
        try:
            async with self._call.stream() as stream:
                async for piece in stream:
                    if isinstance(piece, NativePiece):
                        self._end_pings()  # the cloud sends its own
                        await self._as_it_comes(piece)
                    else:
                        await self._streamed(piece, stream.known)
                self.answer = stream.answer
        finally:
            self._end_pings()
            if self._pinging is not None:
                await asyncio.wait((self._pinging,))
        await self._close(self.answer)

    async def _streamed(self, piece: Mapping[str, Any], known: Answer | None) -> None:
        """Send a piece of the answer; a long one is thousands of events, and others want a turn."""
        await self._headers_of_a_stream()
        writer = self._format()
        events = [writer.beginning(known)]
        for portion in portions(piece):
            events.append(writer.piece(portion))
            if len(events) >= _PORTIONS_A_TURN:
                await self._more(b"".join(events))
                events.clear()
                await asyncio.sleep(0)
        await self._more(b"".join(events))

    async def _as_it_comes(self, piece: NativePiece) -> None:
        """Pass on what a cloud says in the agent's own dialect."""
        if self._native is None:
            # The cloud's own beginning takes the place of ours, which pings may have sent.
            opened = not self._writer.beginning()
            self._native = NativeReply(piece.content_type, opened=opened)
        if data := self._native.take(piece):
            await self._begin_native(self._native)
            await self._more(data)

    async def _rest_of(self, native: NativeReply) -> None:
        await self._begin_native(native)
        await self._last(native.rest())

    async def _begin_native(self, native: NativeReply) -> None:
        if not self._begun:
            await self._start(200, native.content_type, _UNSTORED)

    def _begin_pings(self) -> None:
        # Most calls have ended before, and need no task for it.
        self._pinging = self._loop.create_task(self._ping())

    def _end_pings(self) -> None:
        for pings in (self._first_ping, self._pinging):
            if pings is not None:
                pings.cancel()

    async def _ping(self) -> None:
        """Whenever nothing has been sent for a while, show that the call is not dead."""
        while True:
            await asyncio.sleep(max(0.0, self._sent_at + PING_EVERY_S - self._loop.time()))
            if self._loop.time() - self._sent_at >= PING_EVERY_S:
                await self._headers_of_a_stream()
                await self._more(self._writer.ping())

    async def _pass_on(self, partial: backend.Reply) -> None:
        if self._asked.stream:
            await self._open()
            await self._close(partial)
        else:
            await self._document(200, self._format().whole(partial), {})

    async def _fail(self, refusal: ErrorReply) -> None:
        if self._begun:
            # A stream without its ending, so that no client takes it for whole.
            await self._last(self._format().failure(refusal))
        else:
            await self._document(refusal.status, self._dialect.error(refusal), refusal.headers)

    def _as_it_is(self, error: ReflexError) -> backend.Reply | None:
        return getattr(error, "partial", None) if self._was_sent_to_cloud() else None

    def _was_sent_to_cloud(self) -> bool:
        asked = self._call.asked
        return asked is not None and asked.mode is Mode.CLOUD

    def _format(self) -> AnswerWriter:
        if asked := self._call.asked:
            self._writer.model = asked.model
        return self._writer

    async def _open(self, known: Answer | None = None) -> None:
        await self._headers_of_a_stream()
        await self._more(self._format().beginning(known))

    async def _headers_of_a_stream(self) -> None:
        if not self._begun:
            await self._start(200, "text/event-stream", _UNSTORED)

    async def _close(self, said: Answer | backend.Reply) -> None:
        if self._native is not None:
            await self._rest_of(self._native)
            return
        await self._last(self._format().ending(said))

    async def _document(self, status: int, document: Any, headers: dict[str, str]) -> None:
        body = json.dumps(document).encode()
        length = {"content-length": str(len(body))}
        await self._start(status, "application/json", {**headers, **length})
        await self._last(body)

    async def _start(self, status: int, content_type: str, headers: dict[str, str]) -> None:
        self._begun = True
        fields = {"content-type": content_type, **headers, **self._marks()}
        encoded = [(name.encode(), value.encode("latin-1")) for name, value in fields.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": encoded})

    def _marks(self) -> dict[str, str]:
        marks = {"x-reflex-call-id": self._call.call_id, "request-id": self._call.call_id}
        if asked := self._call.asked:
            marks |= {"x-reflex-mode": asked.mode, "x-reflex-reason": asked.reason}
        return marks

    async def _more(self, body: bytes) -> None:
        if body:
            await self._send({"type": "http.response.body", "body": body, "more_body": True})

    async def _last(self, body: bytes) -> None:
        self._ended = True
        await self._send({"type": "http.response.body", "body": body, "more_body": False})

    async def _send(self, message: dict[str, Any]) -> None:
        async with self._sending:  # a ping comes in between, never in the middle
            self._sent_at = self._loop.time()
            await self._asgi_send(message)


class AgentCalls:
    """The ASGI endpoint of one dialect's calls."""

    def __init__(
        self, dialect: Dialect, runs: Runs, default_stage: Stage, metrics: Metrics
    ) -> None:
        self._dialect = dialect
        self._runs = runs
        self._default_stage = default_stage
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; raises ErrorReply or ReflexError while it is not yet a call."""
        headers = _by_name(scope["headers"])
        if "json" not in headers.get("content-type", "").lower():
            raise ErrorReply(415, "the Content-Type must be application/json")
        try:
            given = await read_json(await read_body(scope, receive))
            asked = self._dialect.read(given)
        except ClientLeft:
            return
        async with self._runs.current() as implementer:
            asked = for_cloud(
                asked,
                self._dialect,
                given,
                headers=headers,
                query=scope["query_string"].decode("latin-1"),
                cloud=implementer.settings.cloud,
            )
            if asked.native_only and asked.request.native is None:
                raise ErrorReply(
                    400,
                    f"{asked.native_only} means something only to the server that made it",
                    param=asked.native_only,
                    code="unsupported_parameter",
                )
            where = self._placed(headers, given, implementer.settings)
            caller = caller_of(headers, where.rule)
            options = CallOptions(needs_cloud=asked.needs_cloud, caller=caller)
            call = await implementer.call(asked.request, stage=where.stage, options=options)
            sender = ReplySender(call, asked, self._dialect, send)
            # Nothing is left to be cancelled above this, and uvicorn would log it as a fault.
            with suppress(asyncio.CancelledError):
                await self._while_connected(receive, sender, call)

    def _placed(self, headers: Mapping[str, str], given: object, settings: Settings) -> Placed:
        body = given if isinstance(given, dict) else {}
        try:
            return placed(
                headers,
                str(body.get("model") or ""),
                tools=bool(body.get("tools")),
                own=settings.serve.stages,
                default=self._default_stage,
            )
        except ValueError:
            raise ErrorReply(
                400,
                f"unknown stage; known are {', '.join(Stage)}",
                param="X-Speckit-Stage",
                code="unknown_stage",
            ) from None

    async def _while_connected(
        self, receive: Receive, sender: ReplySender, call: RoutedCall
    ) -> None:
        """Answer, or call it off when the client has closed its connection."""
        answering = asyncio.current_task()
        assert answering is not None
        leaving = asyncio.create_task(_cancelled_if_left(answering, receive, sender))
        try:
            await self._send_reply(sender, call)
        finally:
            leaving.cancel()

    async def _send_reply(self, sender: ReplySender, call: RoutedCall) -> None:
        outcome, began = "cancelled", time.monotonic()
        try:
            with self._metrics.in_flight():
                outcome = await sender.send()
        finally:
            took_s = time.monotonic() - began
            self._metrics.ended(call.asked, outcome, sender.answer, took_s)


def _by_name(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by their lower-case names; of several with one name the first."""
    named: dict[str, str] = {}
    for name, value in headers:
        named.setdefault(name.decode("latin-1"), value.decode("latin-1"))
    return named


async def _cancelled_if_left(
    answering: asyncio.Task[Any], receive: Receive, sender: ReplySender
) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    if not sender.has_ended:
        answering.cancel()
