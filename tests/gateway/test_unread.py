"""Agents that do not read what they are sent: a deadline, and nothing is held for ever."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from core.gateway import connections
from core.gateway.connections import Connection
from tests.support.faultserver import FaultServer
from tests.support.gateway.serving import ASKED, configured, gateway, saying
from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

# More than any socket buffer takes, less than the longest reply.
LONG = [{"content": "x" * 60_000} for _ in range(110)]


@pytest.fixture
def paused(monkeypatch: pytest.MonkeyPatch) -> list[Connection]:
    """The connections whose agents have left more unread than the buffers hold."""
    found: list[Connection] = []
    pause = Connection.pause_writing

    def noted(self: Connection) -> None:
        pause(self)
        if self not in found:
            found.append(self)

    monkeypatch.setattr(Connection, "pause_writing", noted)
    return found


@asynccontextmanager
async def asking(
    url: str, headers: Mapping[str, str] | None = None, *, stream: bool = True
) -> AsyncIterator[socket.socket]:
    """A connection that has asked, and reads as much as its test wants."""
    loop = asyncio.get_running_loop()
    body = json.dumps({**ASKED, "stream": stream}).encode()
    fields = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    port = int(url.rsplit(":", 1)[1].split("/", maxsplit=1)[0])
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost:{port}\r\n{fields}"
    head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.setblocking(False)  # noqa: FBT003
        await loop.sock_connect(one, ("127.0.0.1", port))
        await loop.sock_sendall(one, head.encode() + body)
        yield one


async def until(held: Any) -> None:
    """Wait until it is so."""
    async with asyncio.timeout(PATIENCE_S):
        while not held():
            await asyncio.sleep(0.01)


def ours(tasks: set[asyncio.Task[Any]]) -> list[asyncio.Task[Any]]:
    """Those that are not the server's."""
    return [one for one in tasks if "FaultServer" not in repr(one)]


@pytest.mark.parametrize("headers", [{}, {"connection": "close"}])
async def test_one_that_reads_nothing_is_dropped(
    project: Path,
    headers: dict[str, str],
    paused: list[Connection],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And what was to be sent with it; the call's task ends."""
    monkeypatch.setattr(connections, "UNREAD_S", 0.2)
    async with (
        FaultServer(saying(*LONG)) as cloud,
        gateway(configured(project, cloud.endpoint)) as url,
    ):
        before = asyncio.all_tasks()
        async with asking(url, headers) as one:
            await until(lambda: paused and paused[0].is_lost)
            assert paused[0].transport.get_write_buffer_size() == 0
            await until(lambda: not ours(asyncio.all_tasks() - before))
            loop = asyncio.get_running_loop()
            heard = b""
            while piece := await loop.sock_recv(one, 1 << 20):
                heard += piece
            assert not heard.endswith(b"0\r\n\r\n")  # it cannot be taken for whole


@pytest.mark.slow
async def test_one_that_reads_after_all_gets_everything(
    project: Path, paused: list[Connection]
) -> None:
    """Its deadline ends with the reading."""
    loop = asyncio.get_running_loop()
    async with (
        FaultServer(saying(*LONG)) as cloud,
        gateway(configured(project, cloud.endpoint)) as url,
        asking(url) as one,
        asyncio.timeout(PATIENCE_S),
    ):
        await until(lambda: paused)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        heard = bytearray()
        while not heard.endswith(b"0\r\n\r\n"):
            heard += await loop.sock_recv(one, 4 << 20)
        assert heard.count(b"x") >= len(LONG) * 60_000
        assert paused[0]._read_deadline is None


async def test_what_is_closed_unread_counts_until_it_is_gone(
    project: Path, paused: list[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A closing connection still holds a descriptor and a reply: it is not beyond the limit."""
    monkeypatch.setattr("core.gateway.listener.connection_limit", lambda: 4)
    async with (
        FaultServer(saying(*LONG)) as cloud,
        gateway(configured(project, cloud.endpoint)) as url,
        AsyncExitStack() as agents,
    ):
        for nth in range(6):
            await agents.enter_async_context(asking(url, {"connection": "close"}, stream=False))
            await until(lambda nth=nth: len(paused) > nth)
            assert sum(not one.is_lost for one in paused) <= 4
