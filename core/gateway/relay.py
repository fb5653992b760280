"""One chat completion through the router: read, answered, and cancelled when the agent leaves."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from starlette.datastructures import Headers

from core.client.bounded import TookTooLong, parse_json
from core.errors import ReflexError
from core.gateway.dialects.chat import (
    ChatAnswer,
    ErrorReply,
    error_reply,
    event,
    portions,
    read_chat,
    read_stage,
)
from core.stages import Mode

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

    from starlette.types import Receive, Scope, Send

    from core.client import backend
    from core.gateway.dialects.chat import ChatCall
    from core.gateway.metrics import Metrics
    from core.gateway.runs import Runs
    from core.router.answer import Answer
    from core.router.call import RoutedCall
    from core.stages import Stage


MAX_BODY = 8 << 20
READ_WITHIN_S = 30.0
# So much more is read and thrown away, since a client that still sends reads no refusal.
_DRAINED = 32 << 20
_DRAIN_WITHIN_S = 2.0
_PORTIONS_A_TURN = 64


class ClientLeft(Exception):
    """The client closed its connection before it had asked."""


async def read_body(scope: Scope, receive: Receive, *, max_body: int = MAX_BODY) -> bytes:
    """The whole body.

    Raises:
        ErrorReply: 413 when it is longer than ``max_body`` bytes, 408 when it takes over 30 s.
        ClientLeft: the client has closed its connection.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(READ_WITHIN_S):
            if _announced(scope) > max_body:
                await _drain(receive)
                raise _too_long(max_body)
            more = True
            while more:
                piece, more = await _piece(receive)
                body += piece
                if len(body) > max_body:
                    await _drain(receive)
                    raise _too_long(max_body)
    except TimeoutError:
        raise ErrorReply(408, "the request's body took too long", code="timeout") from None
    return bytes(body)


async def read_json(body: bytes) -> object:
    """The body's JSON; ErrorReply where it is none, or would take long to parse."""
    try:
        return await parse_json(body)
    except ValueError:
        raise ErrorReply(
            400, "the request's body is not JSON, or holds too many values", code="invalid_json"
        ) from None
    except TookTooLong:
        raise ErrorReply(
            413, "the request's body takes too long to parse", code="request_too_large"
        ) from None


async def _drain(receive: Receive) -> None:
    try:
        async with asyncio.timeout(_DRAIN_WITHIN_S):
            drained, more = 0, True
            while more and drained < _DRAINED:
                piece, more = await _piece(receive)
                drained += len(piece)
    except TimeoutError:
        return


async def _piece(receive: Receive) -> tuple[bytes, bool]:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientLeft
    return message.get("body", b""), message.get("more_body", False)


def _announced(scope: Scope) -> int:
    values = [value for name, value in scope["headers"] if name == b"content-length"]
    return int(values[0]) if values else 0


def _too_long(max_body: int) -> ErrorReply:
    return ErrorReply(413, f"the request is over {max_body >> 20} MiB", code="request_too_large")


class ReplySender:
    """The HTTP answer to one call.

    A reply of a local server is whole and valid before its first byte goes out. A cloud's reply is
    passed on as it comes from its first content on, and as it is: also cut, refused, or not the
    JSON that was asked for. ``answer`` holds once the router has one.
    """

    def __init__(self, call: RoutedCall, chat: ChatCall, send: Send) -> None:
        self.answer: Answer | None = None
        self._call = call
        self._chat = chat
        self._send = send
        self._created = int(time.time())
        self._begun = False

    async def send(self) -> str:
        """Send the answer; returns ``answered``, or the code of the error that was sent."""
        try:
            await (self._stream() if self._chat.stream else self._whole())
        except ReflexError as error:
            if (partial := self._as_it_is(error)) is not None:
                await self._pass_on(partial)
            else:
                await self._fail(error_reply(error))
            return error.code
        except asyncio.CancelledError:
            # A client that has left reads none of it; at a shutdown there is one that does.
            await self._fail(ErrorReply(503, "the gateway is shutting down", code="shutting_down"))
            raise
        return "answered"

    async def _whole(self) -> None:
        self.answer = await self._call.answer()
        await self._document(200, self._format().whole(self.answer), {})

    async def _stream(self) -> None:
        async with self._call.stream() as stream:
            async for piece in stream:
                await self._open()
                for nth, portion in enumerate(portions(piece), 1):
                    await self._more(self._format().piece(portion))
                    if nth % _PORTIONS_A_TURN == 0:
                        await asyncio.sleep(0)  # a long reply is thousands of them
            self.answer = stream.answer
        await self._close(self.answer)

    async def _pass_on(self, partial: backend.Reply) -> None:
        if self._chat.stream:
            await self._open()
            await self._close(partial)
        else:
            await self._document(200, self._format().whole(partial), {})

    async def _fail(self, refusal: ErrorReply) -> None:
        if self._begun:
            # A stream without its ending, so that no client takes it for whole.
            await self._last(event(refusal.as_json()))
        else:
            await self._document(refusal.status, refusal.as_json(), refusal.headers)

    def _as_it_is(self, error: ReflexError) -> backend.Reply | None:
        asked = self._call.asked
        from_cloud = asked is not None and asked.mode is Mode.CLOUD
        return getattr(error, "partial", None) if from_cloud else None

    def _format(self) -> ChatAnswer:
        asked = self._call.asked
        return ChatAnswer(self._call.call_id, self._created, asked.model if asked else "")

    async def _open(self) -> None:
        if not self._begun:
            await self._start(200, "text/event-stream", {"cache-control": "no-store"})
            await self._more(self._format().beginning())

    async def _close(self, said: Answer | backend.Reply) -> None:
        include_usage = self._chat.include_usage
        await self._last(self._format().ending(said, include_usage=include_usage))

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
        marks = {"x-reflex-call-id": self._call.call_id}
        if asked := self._call.asked:
            marks |= {"x-reflex-mode": asked.mode, "x-reflex-reason": asked.reason}
        return marks

    async def _more(self, body: bytes) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": True})

    async def _last(self, body: bytes) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": False})


class ChatCompletions:
    """The ASGI endpoint ``POST /v1/chat/completions``."""

    def __init__(self, runs: Runs, default_stage: Stage, metrics: Metrics) -> None:
        self._runs = runs
        self._default_stage = default_stage
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; raises ErrorReply or ReflexError while it is not yet a call."""
        headers = Headers(scope=scope)
        if "json" not in headers.get("content-type", "").lower():
            raise ErrorReply(415, "the Content-Type must be application/json")
        stage = read_stage(headers.get("x-speckit-stage"), self._default_stage)
        try:
            chat = read_chat(await read_json(await read_body(scope, receive)))
        except ClientLeft:
            return
        async with self._runs.current() as implementer:
            call = await implementer.call(chat.request, stage=stage)
            sender = ReplySender(call, chat, send)
            # Nothing is left to be cancelled above this, and uvicorn would log it as a fault.
            with suppress(asyncio.CancelledError):
                await _while_connected(receive, self._send_reply(sender, call))

    async def _send_reply(self, sender: ReplySender, call: RoutedCall) -> None:
        outcome = "cancelled"
        try:
            with self._metrics.in_flight():
                outcome = await sender.send()
        finally:
            self._metrics.ended(call.asked, outcome, sender.answer)


async def _while_connected(receive: Receive, doing: Coroutine[Any, Any, None]) -> None:
    """Do it to its end, or until the client has closed its connection."""
    working = asyncio.ensure_future(doing)
    leaving = asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
    finally:
        working.cancel()
        leaving.cancel()
        await asyncio.wait((working, leaving))
    if not working.cancelled():
        working.result()


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
