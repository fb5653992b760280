"""Below the answer: deadlines, TLS, names without an address, proxies, cancellation."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import subprocess
from typing import TYPE_CHECKING

import pytest

from core.router.health import Cause, probe
from tests.support.health.looking import look_at_models
from tests.support.health.servers import (
    Reply,
    cloud,
    drip,
    free_port,
    local,
    models,
    serving,
    silent,
)
from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.support.health.servers import Behaviour


ENDLESS = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99999\r\n\r\n"


HANGS = {
    "never answers": {"/v1/models": silent},
    "drips its headers": {"/v1/models": drip(b"HTTP/1.1 200 OK\r\nx-slow: " + b"y" * 9999)},
    "drips its body": {"/v1/models": drip(ENDLESS + b" " * 9999, 0.001)},
    "never says whether it is ready": {"/v1/models": models("m"), "/health": silent},
    "never says its version": {
        "/v1/models": models("m", owned_by="sglang"),
        "/ready": Reply(),
        "/model_info": silent,
    },
}


@pytest.mark.parametrize("routes", HANGS.values(), ids=HANGS)
async def test_one_deadline_covers_all(routes: Mapping[str, Behaviour]) -> None:
    """However a server stalls, for minutes or an hour, the probe ends with its own deadline."""
    async with asyncio.timeout(PATIENCE_S), serving(routes) as server:
        health = await probe(local(server.endpoint), timeout_ms=150)
    assert health.cause is Cause.TIMEOUT
    assert "in 150 ms" in health.summary


async def _answers_at_once(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    writer.close()


async def test_a_tls_endpoint_that_speaks_plain_http() -> None:
    """The remedy names both mistakes."""
    async with await asyncio.start_server(_answers_at_once, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        health = await probe(local(f"https://127.0.0.1:{port}/v1"), timeout_ms=5000)
    assert health.cause is Cause.TLS
    assert "http://" in health.remedy[0]


@pytest.fixture
def self_signed(tmp_path: Path) -> ssl.SSLContext:
    """A TLS server's context with a certificate of its own making."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    openssl = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1"
    files = ["-keyout", str(key), "-out", str(certificate), "-subj", "/CN=localhost"]
    subprocess.run([*openssl.split(), *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


async def test_a_certificate_that_nobody_vouches_for(self_signed: ssl.SSLContext) -> None:
    """Health says what is wrong with the certificate."""
    async with await asyncio.start_server(
        _answers_at_once, "127.0.0.1", 0, ssl=self_signed
    ) as server:
        port = server.sockets[0].getsockname()[1]
        health = await probe(cloud(f"https://localhost:{port}/v1"), timeout_ms=5000)
    assert health.cause is Cause.TLS
    assert "self-signed certificate" in health.summary


@pytest.mark.parametrize("host", ["reflex.invalid", "a" * 64 + ".invalid"])
async def test_a_host_without_an_address(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that does not resolve, or is none at all."""

    def no_such_host(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_such_host)
    for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)
    health = await probe(local(f"http://{host}:3009/v1"), timeout_ms=5000)
    assert health.cause is Cause.UNRESOLVABLE
    assert "host name" in health.remedy[0]


async def test_loopback_ignores_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy in the environment does not stand between us and our own machine."""
    for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(variable, f"http://127.0.0.1:{free_port()}")
    assert (await look_at_models(models("m"))).ok


async def test_cancelling_a_probe_ends_it() -> None:
    """The caller's cancellation is the one thing that is not turned into a Health."""
    asked = asyncio.Event()

    async def ask(writer: asyncio.StreamWriter) -> None:
        asked.set()
        await silent(writer)

    async with serving(ask) as server:
        task = asyncio.create_task(probe(local(server.endpoint), timeout_ms=60_000))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
