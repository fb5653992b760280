"""The gateway under connections that say nothing: others are answered, and the log stays short."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import resource
import socket
import subprocess
import sys
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from core.gateway import connections
from core.gateway.connections import JoinedWrites, connection_limit
from core.gateway.metrics import Metrics
from tests.support.behaviours import DONE, delta, event, streams
from tests.support.faultserver import FaultServer
from tests.support.gateway.serving import (
    ASKED,
    CHAT,
    configured,
    fronted,
    gateway,
    halfway,
    on_post,
    saying,
)
from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LIMIT = 8
HALF = b"POST /v1/chat/completions HTTP/1.1\r\nhost: loc"
HALF_A_BODY = HALF + b"alhost\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{"


def port_of(url: str) -> int:
    """The port in a base URL."""
    return int(url.rsplit(":", 1)[1].split("/", maxsplit=1)[0])


@asynccontextmanager
async def idle(url: str, count: int, first: bytes = b"") -> AsyncIterator[list[socket.socket]]:
    """So many connections that send ``first`` and then nothing."""
    loop = asyncio.get_running_loop()
    opened: list[socket.socket] = []
    try:
        for _ in range(count):
            one = socket.socket()
            one.setblocking(False)  # noqa: FBT003
            opened.append(one)
            await loop.sock_connect(one, ("127.0.0.1", port_of(url)))
            if first:
                await loop.sock_sendall(one, first)
        yield opened
    finally:
        for one in opened:
            one.close()


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that serves eight connections at once."""
    monkeypatch.setattr("core.gateway.listener.connection_limit", lambda: LIMIT)


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("first", [b"", HALF, HALF_A_BODY])
async def test_idle_and_half_sent_ones_make_room(
    project: Path, first: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Many times the limit: a newcomer is answered at once, and one line is logged."""
    async with (
        FaultServer(saying({"content": "yes"})) as cloud,
        gateway(configured(project, cloud.endpoint)) as url,
        idle(url, 10 * LIMIT, first),
        httpx.AsyncClient(base_url=url, timeout=PATIENCE_S) as http,
    ):
        with caplog.at_level(logging.WARNING):
            for _ in range(3):
                assert (await http.post(CHAT, json=ASKED)).status_code == 200
        lines = [record for record in caplog.records if "limit" in record.getMessage()]
    assert len(lines) <= 1


@pytest.mark.usefixtures("few")
async def test_a_call_under_way_is_never_dropped(project: Path) -> None:
    """Only idle connections make room."""
    go = asyncio.Event()
    async with (
        FaultServer(halfway(go)) as cloud,
        gateway(configured(project, cloud.endpoint)) as url,
        httpx.AsyncClient(base_url=url, timeout=PATIENCE_S) as http,
    ):
        calling = asyncio.create_task(http.post(CHAT, json=ASKED))
        await cloud.asked.wait()
        async with idle(url, 5 * LIMIT):
            await asyncio.sleep(0.3)
            go.set()
            answer = await calling
    assert answer.json()["choices"][0]["message"]["content"] == "one two"


@pytest.mark.parametrize("first", [b"", b"GET /health HTTP/1.1\r\nhost: loc"])
async def test_a_head_has_a_deadline(
    project: Path, first: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also for one that sends a byte now and then, and for the second request of a connection."""
    monkeypatch.setattr(connections, "HEAD_S", 0.5)
    loop = asyncio.get_running_loop()
    async with (
        FaultServer(saying({"content": "yes"})) as cloud,
        gateway(configured(project, cloud.endpoint)) as url,
        idle(url, 1, first) as (one,),
    ):
        reading = asyncio.create_task(loop.sock_recv(one, 100))
        async with asyncio.timeout(PATIENCE_S):
            while not reading.done():
                await asyncio.sleep(0.1)
                if first:
                    try:
                        await loop.sock_sendall(one, b"x")
                    except OSError:
                        break
            with suppress(ConnectionError):
                assert await reading == b""


async def test_a_long_call_outlasts_the_head_s_deadline(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deadline is of heads alone; the connection serves again."""
    monkeypatch.setattr(connections, "HEAD_S", 0.5)
    go = asyncio.Event()
    async with (
        FaultServer(halfway(go)) as cloud,
        fronted(configured(project, cloud.endpoint)) as http,
    ):
        for _ in range(2):
            calling = asyncio.create_task(http.post(CHAT, json=ASKED))
            await asyncio.sleep(0.8)
            go.set()
            assert (await calling).status_code == 200


async def asked_raw(url: str, *pieces: bytes) -> bytes:
    """What the gateway answers to these bytes, until it closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(url))
    with suppress(ConnectionError):
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
    answer = b""
    with suppress(ConnectionError):
        async with asyncio.timeout(PATIENCE_S):
            answer = await reader.read()
    writer.close()
    return answer


CHUNKED = (
    b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"
    b"content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
)


async def test_a_header_after_the_body_is_none_of_the_request_s(project: Path) -> None:
    """Not even one that arrives together with the head, before anything of it is looked at."""
    body = json.dumps(ASKED).encode()
    chunked = b"%x\r\n%b\r\n0\r\nx-speckit-stage: nonsense\r\nhost: evil\r\n\r\n"
    async with (
        FaultServer(saying({"content": "yes"})) as cloud,
        gateway(configured(project, cloud.endpoint)) as url,
    ):
        answer = await asked_raw(url, CHUNKED + chunked % (len(body), body))
    assert answer.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("first", [b"2\r\n{}\r\n0\r\n", b"2\r\n{}\r\n0\r\nx: ", b"2;"])
async def test_what_follows_a_body_is_bounded(project: Path, first: bytes) -> None:
    """Headers, one header, or a chunk's extension without an end: the connection is closed."""
    endless = [b"x-a: b\r\n" * 8192 if first.endswith(b"0\r\n") else b"x" * 65536] * 64
    async with (
        FaultServer(saying({"content": "yes"})) as cloud,
        gateway(configured(project, cloud.endpoint)) as url,
        httpx.AsyncClient(base_url=url, timeout=PATIENCE_S) as http,
    ):
        assert await asked_raw(url, CHUNKED + first, *endless) == b""
        assert (await http.post(CHAT, json=ASKED)).status_code == 200


async def test_a_reply_leaves_in_one_piece(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Head and body together, over a socket that does not wait for more."""
    written: list[bytes] = []
    sockets: list[socket.socket] = []
    flush = JoinedWrites.flush

    def spied(self: JoinedWrites) -> None:
        written.append(b"".join(self._pieces))
        sockets.append(self.get_extra_info("socket"))
        assert sockets[-1].getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        flush(self)

    monkeypatch.setattr(JoinedWrites, "flush", spied)
    events = [event(delta({"content": "yes"})), event(delta({}, "stop")), DONE]
    async with (
        FaultServer(on_post(streams(*events))) as cloud,
        fronted(configured(project, cloud.endpoint)) as http,
    ):
        await http.post(CHAT, json=ASKED)
        pieces = [one for one in written if one]
    assert len(pieces) == 1
    assert pieces[0].startswith(b"HTTP/1.1 200")
    assert b'"yes"' in pieces[0]


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_has_left_before_it_is_counted(
    project: Path, monkeypatch: pytest.MonkeyPatch, *, stream: bool
) -> None:
    """An agent does not wait for our own figures."""
    order: list[str] = []
    flush, ended = JoinedWrites.flush, Metrics.ended

    def flushed(self: JoinedWrites) -> None:
        order.extend(["sent"] * bool(self._pieces))
        flush(self)

    def counted(*given: Any) -> None:
        order.append("counted")
        ended(*given)

    monkeypatch.setattr(JoinedWrites, "flush", flushed)
    monkeypatch.setattr(Metrics, "ended", counted)
    events = [event(delta({"content": "yes"})), event(delta({}, "stop")), DONE]
    async with (
        FaultServer(on_post(streams(*events))) as cloud,
        fronted(configured(project, cloud.endpoint)) as http,
    ):
        await http.post(CHAT, json={**ASKED, "stream": stream})
    assert "sent" in order
    assert order[-1] == "counted"


def test_the_limit_follows_the_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Below them, and never none."""
    for soft, low, high in ((64, 4, 30), (1024, 100, 340), (1 << 20, 1000, 1000), (1, 4, 4)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, soft=soft: (soft, soft))
        assert low <= connection_limit() <= high


@pytest.mark.slow
def test_out_of_descriptors_in_a_process_of_its_own(project: Path) -> None:
    """With 64 descriptors and 90 idle clients: answered before, meanwhile and after; few lines."""
    configured(project, "http://127.0.0.1:9/v1")
    code = str(Path(sys.executable).with_name("code"))
    command = ["sh", "-c", 'ulimit -n 64; exec "$@"', "sh", code, "reflex", "serve", "--port", "0"]
    with subprocess.Popen(
        command, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stderr
        url = re.search(r"http://\S+/v1", process.stdout.readline())
        assert url
        address = ("127.0.0.1", port_of(url[0]))
        try:
            crowd = [socket.create_connection(address) for _ in range(90)]
            assert httpx.get(f"{url[0]}/models", timeout=PATIENCE_S).status_code == 200
            for one in crowd:
                one.close()
            assert httpx.get(f"{url[0]}/models", timeout=PATIENCE_S).status_code == 200
        finally:
            process.terminate()
            process.wait(PATIENCE_S)
        assert len(process.stderr.read().splitlines()) < 20
