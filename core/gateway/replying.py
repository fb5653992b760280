"""Telling an agent the answer to its call, in one piece or as a stream."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING

from core.errors import ReflexError
from core.gateway.refusal import Refusal, refusal_of
from core.gateway.telling import Telling, event, portions
from core.stages import Mode

if TYPE_CHECKING:
    from typing import Any

    from starlette.types import Send

    from core.client import backend
    from core.gateway.asking import Asking
    from core.router.answer import Answer
    from core.router.conduct import Conduct


class Reply:
    """The HTTP answer to one call.

    A reply of a local server is whole and valid before its first byte goes out. A cloud's reply is
    passed on as it comes from its first content on, and as it is: also cut, refused, or not the
    JSON that was asked for. ``answer`` holds once the router has one.
    """

    def __init__(self, conduct: Conduct, asking: Asking, send: Send) -> None:
        self.answer: Answer | None = None
        self._conduct = conduct
        self._asking = asking
        self._send = send
        self._created = int(time.time())
        self._begun = False

    async def tell(self) -> str:
        """Answer; returns ``answered``, or the code of the error that was told."""
        try:
            await (self._stream() if self._asking.stream else self._whole())
        except ReflexError as error:
            if (partial := self._as_it_is(error)) is not None:
                await self._pass_on(partial)
            else:
                await self._fail(refusal_of(error))
            return error.code
        except asyncio.CancelledError:
            # A client that has left hears nothing of it; at a shutdown there is one that does.
            await self._fail(Refusal(503, "the gateway is shutting down", code="shutting_down"))
            raise
        return "answered"

    async def _whole(self) -> None:
        self.answer = await self._conduct.answer()
        await self._document(200, self._telling().whole(self.answer), {})

    async def _stream(self) -> None:
        async with self._conduct.stream() as stream:
            async for piece in stream:
                await self._open()
                for portion in portions(piece):
                    await self._more(self._telling().piece(portion))
            self.answer = stream.answer
        await self._close(self.answer)

    async def _pass_on(self, partial: backend.Reply) -> None:
        if self._asking.stream:
            await self._open()
            await self._close(partial)
        else:
            await self._document(200, self._telling().whole(partial), {})

    async def _fail(self, refusal: Refusal) -> None:
        if self._begun:
            # A stream without its ending: nobody takes it for whole.
            await self._last(event(refusal.as_json()))
        else:
            await self._document(refusal.status, refusal.as_json(), refusal.headers)

    def _as_it_is(self, error: ReflexError) -> backend.Reply | None:
        asked = self._conduct.asked
        from_cloud = asked is not None and asked.mode is Mode.CLOUD
        return getattr(error, "partial", None) if from_cloud else None

    def _telling(self) -> Telling:
        asked = self._conduct.asked
        return Telling(self._conduct.call_id, self._created, asked.model if asked else "")

    async def _open(self) -> None:
        if not self._begun:
            await self._start(200, "text/event-stream", {"cache-control": "no-store"})
            await self._more(self._telling().beginning())

    async def _close(self, said: Answer | backend.Reply) -> None:
        include_usage = self._asking.include_usage
        await self._last(self._telling().ending(said, include_usage=include_usage))

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
        marks = {"x-reflex-call-id": self._conduct.call_id}
        if asked := self._conduct.asked:
            marks |= {"x-reflex-mode": asked.mode, "x-reflex-reason": asked.reason}
        return marks

    async def _more(self, body: bytes) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": True})

    async def _last(self, body: bytes) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": False})
