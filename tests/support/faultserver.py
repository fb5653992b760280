"""A server that misbehaves on request: raw asyncio, one behaviour a name.

    async with FaultServer("status_503") as server:
        client = ChatClient(server.backend())
        ...
        server.chats  # the chat requests that came

Several behaviours are served one a chat request, the last of them ever after. A behaviour is a name
in ``behaviours.BEHAVIOURS`` or a function ``async (Seen, asyncio.StreamWriter) -> None``.
``GET …/models`` is answered properly whatever the behaviour, unless ``model`` is None.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from core.client.backend import Backend
from core.stages import Mode
from tests.support.behaviours import BEHAVIOURS, MODEL, Handler, Seen, head, whole

if TYPE_CHECKING:
    import ssl


class FaultServer:
    """Listens on loopback with the given behaviours while its context is open."""

    def __init__(
        self,
        *behaviours: str | Handler,
        model: str | None = MODEL,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._behaviours = behaviours
        self._tls = tls
        self._turn = 0
        self._model = model
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server | None = None
        self._reserved: socket.socket | None = None
        self.endpoint = ""
        self.requests: list[Seen] = []
        self.hung_up = asyncio.Event()
        """Set when a client has closed a connection of ours."""
        self.asked = asyncio.Event()
        """Set when the first chat request is here."""

    @property
    def chats(self) -> list[Seen]:
        """The requests that asked for a completion."""
        return [seen for seen in self.requests if seen.method == "POST"]

    def backend(self, **changes: Any) -> Backend:
        """A reflex backend of this server."""
        fields: dict[str, Any] = {
            "name": "reflex",
            "mode": Mode.REFLEX,
            "endpoint": self.endpoint,
            "model": MODEL,
            "timeout_ms": 30_000,
        }
        return Backend(**(fields | changes))

    async def __aenter__(self) -> Self:
        scheme, host = "https" if self._tls else "http", "127.0.0.1"
        if "refused" in self._behaviours:
            # Bound and not listening: nobody else can take the port meanwhile.
            self._reserved = socket.socket()
            self._reserved.bind((host, 0))
            port = self._reserved.getsockname()[1]
        else:
            self._listener = await asyncio.start_server(self._serve, host, 0, ssl=self._tls)
            port = self._listener.sockets[0].getsockname()[1]
        if "tls_on_plain" in self._behaviours:
            scheme = "https"
        if "unresolvable" in self._behaviours:
            host = f"{'x' * 64}.invalid"  # no DNS label is that long
        self.endpoint = f"{scheme}://{host}:{port}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._reserved:
            self._reserved.close()
        if self._listener:
            self._listener.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                if "tls_on_plain" in self._behaviours:
                    await reader.read(1)
                    writer.write(head(400) + b"not HTTP")
                    return
                for nth in itertools.count(1):
                    seen = await _request(reader, nth)
                    self.requests.append(seen)
                    await self._answer(seen, reader, writer)
                    if writer.is_closing():
                        break
                    await writer.drain()
            self.hung_up.set()
        except asyncio.CancelledError:
            self.hung_up.set()
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _answer(
        self, seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if seen.method == "GET" and self._model and seen.path.endswith("/models"):
            listed = {"object": "list", "data": [{"id": self._model, "object": "model"}]}
            await whole(listed)(seen, writer)
            return
        behaviour = self._behaviours[min(self._turn, len(self._behaviours) - 1)]
        self._turn += seen.method == "POST"
        self.asked.set()
        handler = BEHAVIOURS[behaviour] if isinstance(behaviour, str) else behaviour
        # A client that hangs up ends the behaviour, as it would a server's generation.
        doing = asyncio.ensure_future(handler(seen, writer))
        leaving = asyncio.ensure_future(_left(reader))
        try:
            await asyncio.wait((doing, leaving), return_when=asyncio.FIRST_COMPLETED)
            if not doing.done():
                self.hung_up.set()
                writer.transport.abort()
        finally:
            for future in (doing, leaving):
                future.cancel()
            await asyncio.gather(doing, leaving, return_exceptions=True)


async def _request(reader: asyncio.StreamReader, nth: int) -> Seen:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, path, _ = lines[0].split(" ", 2)
    fields = (line.partition(":") for line in lines[1:] if line)
    headers = {name.lower(): value.strip() for name, _, value in fields}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Seen(method, path, headers, body, nth)


async def _left(reader: asyncio.StreamReader) -> None:
    while not reader.at_eof() and not reader.exception():
        await asyncio.sleep(0.01)
