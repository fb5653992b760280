"""One chat completion through the router: read, asked, told; called off when the agent leaves."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from starlette.datastructures import Headers

from core.gateway.asking import read_asking, read_stage
from core.gateway.body import ClientLeft, read_body
from core.gateway.refusal import Refusal
from core.gateway.replying import Reply

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

    from starlette.types import Receive, Scope, Send

    from core.gateway.metrics import Metrics
    from core.gateway.runs import Runs
    from core.router.conduct import Conduct
    from core.stages import Stage


class ChatCompletions:
    """The ASGI endpoint ``POST /v1/chat/completions``."""

    def __init__(self, runs: Runs, default_stage: Stage, metrics: Metrics) -> None:
        self._runs = runs
        self._default_stage = default_stage
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; raises Refusal or ReflexError while it is not yet a call."""
        headers = Headers(scope=scope)
        if "json" not in headers.get("content-type", "").lower():
            raise Refusal(415, "the Content-Type must be application/json")
        stage = read_stage(headers.get("x-speckit-stage"), self._default_stage)
        try:
            asking = read_asking(await read_body(scope, receive))
        except ClientLeft:
            return
        async with self._runs.current() as implementer:
            conduct = await implementer.conduct(asking.request, stage=stage)
            await self._conducted(Reply(conduct, asking, send), conduct, receive)

    async def _conducted(self, reply: Reply, conduct: Conduct, receive: Receive) -> None:
        # Nothing is left to be cancelled above this, and uvicorn would log it as a fault.
        with suppress(asyncio.CancelledError):
            await _while_there(receive, self._tell(reply, conduct))

    async def _tell(self, reply: Reply, conduct: Conduct) -> None:
        outcome = "cancelled"
        try:
            with self._metrics.in_flight():
                outcome = await reply.tell()
        finally:
            self._metrics.ended(conduct.asked, outcome, reply.answer)


async def _while_there(receive: Receive, doing: Coroutine[Any, Any, None]) -> None:
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
