"""A balancer before several servers: each connection goes to the next one, dead or not."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from itertools import cycle
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

_BODY = b'{"error":{"message":"no healthy upstream"}}'
_BAD_GATEWAY = (
    b"HTTP/1.1 502 Bad Gateway\r\nconnection: close\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\n\r\n%s" % (len(_BODY), _BODY)
)


@asynccontextmanager
async def balancing(ports: Sequence[int]) -> AsyncIterator[str]:
    """Listen before the servers at ``ports`` of loopback; gives the endpoint."""
    turn = cycle(ports)
    under_way: set[asyncio.Task[None]] = set()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            theirs, to_them = await asyncio.open_connection("127.0.0.1", next(turn))
        except OSError:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(_BAD_GATEWAY)
            writer.close()
            return
        with suppress(ConnectionError):
            await asyncio.gather(_pour(reader, to_them), _pour(theirs, writer))

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(pass_on(reader, writer))
        under_way.add(task)
        task.add_done_callback(under_way.discard)

    listener = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/v1"
    finally:
        listener.close()
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()
