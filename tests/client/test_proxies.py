"""Proxies that the environment names: used, and named with their variable when they fail."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from core.client.backend import Backend, ChatRequest, Message
from core.client.chat import ChatClient
from core.client.proxy_environment import proxy_for
from core.errors import ConnectFailed
from core.router.health import probe
from core.stages import Mode
from tests.support.behaviours import raw, whole
from tests.support.faultserver import FaultServer

if TYPE_CHECKING:
    from tests.support.behaviours import Handler

HELLO: list[Message] = [{"role": "user", "content": "hello"}]
REMOTE = "http://llm.example.test:8000/v1"


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def backend(endpoint: str = REMOTE) -> Backend:
    """A server that only a proxy could reach."""
    return Backend("reflex", Mode.REFLEX, endpoint, "m", 3000)


async def failure(endpoint: str = REMOTE) -> ConnectFailed:
    """What a call ends with."""
    async with ChatClient(backend(endpoint)) as client:
        with pytest.raises(ConnectFailed) as caught:
            await client.complete(ChatRequest(HELLO))
    return caught.value


def closed_port() -> int:
    """A port at which nothing listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("ALL_PROXY", "socks://127.0.0.1:9", "socks://, which is not supported"),
        ("all_proxy", "ftp://127.0.0.1:9", "ftp://, which is not supported"),
        ("HTTP_PROXY", "http://127.0.0.1:port", "not a usable URL"),
        ("http_proxy", "http://127.0.0.1:99999", "not a usable URL"),
        ("http_proxy", "http://[::1", "not a usable URL"),
        ("ALL_PROXY", "socks5://127.0.0.1:9", ""),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_cannot_be_used(
    variable: str, value: str, words: str, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names it and its variable, for calls and for probes alike."""
    if variable.lower() == "http_proxy":
        variable = variable.replace("http", scheme).replace("HTTP", scheme.upper())
    monkeypatch.setenv(variable, value)
    endpoint = REMOTE.replace("http", scheme, 1)
    error = await failure(endpoint)
    assert error.kind == "proxy"
    assert words in error.message
    assert variable in error.message
    assert variable in error.remedy
    health = await probe(backend(endpoint), timeout_ms=3000)
    assert variable in health.summary
    assert "nothing is listening" not in health.summary
    assert health.remedy == (error.remedy,)


async def test_a_proxy_that_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing listens there: the server is not blamed, and no password is shown."""
    port = closed_port()
    monkeypatch.setenv("HTTP_PROXY", f"http://user:secret@127.0.0.1:{port}")
    error = await failure()
    assert f"http://127.0.0.1:{port} (HTTP_PROXY)" in error.message
    assert "secret" not in f"{error.message} {error.remedy}"
    health = await probe(backend(), timeout_ms=3000)
    assert f"127.0.0.1:{port}" in health.summary
    assert health.remedy == (error.remedy,)
    assert "HTTP_PROXY" in error.remedy


@pytest.mark.parametrize(
    ("scheme", "behaviour"),
    [("http", whole({}, status=407)), ("https", raw(b"HTTP/1.1 403 No\r\n\r\n"))],
)
async def test_a_proxy_that_lets_nobody_through(
    scheme: str, behaviour: Handler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It asks for a password, or refuses to connect."""
    async with FaultServer(behaviour) as proxy:
        monkeypatch.setenv(f"{scheme}_proxy", proxy.endpoint.removesuffix("/v1"))
        error = await failure(REMOTE.replace("http", scheme, 1))
    assert error.kind == "proxy"
    assert f"{scheme}_proxy" in error.message


def test_which_proxy_applies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scheme's own before the one for all; none for hosts that are excepted."""
    assert proxy_for(REMOTE) is None
    monkeypatch.setenv("ALL_PROXY", "all.test:1")
    found = proxy_for(REMOTE)
    assert found
    assert (found.url, found.named_by) == ("http://all.test:1", "ALL_PROXY")
    monkeypatch.setenv("http_proxy", "http://own.test:2")
    found = proxy_for(REMOTE)
    assert found
    assert (found.url, found.named_by) == ("http://own.test:2", "http_proxy")
    monkeypatch.setenv("no_proxy", "llm.example.test")
    assert proxy_for(REMOTE) is None


@pytest.mark.parametrize(
    ("host", "excepted", "applies"),
    [
        ("10.1.2.3:8000", "10.0.0.0/8", False),
        ("10.1.2.3:8000", "x.test, 10.1.0.0/16 ,y.test", False),
        ("10.1.2.3:8000", "10.1.2.3", False),
        ("10.1.2.3:8000", "10.1.2.3:8000", False),
        ("10.1.2.3:8000", "10.1.2.3:9000", True),
        ("11.1.2.3:8000", "10.0.0.0/8", True),
        ("[fd00::5]:8000", "fd00::/8", False),
        ("[fd00::5]:8000", "fd00::5", False),
        ("[fd00::5]:8000", "[fd00::5]", False),
        ("[fd00::5]:8000", "[fd00::5]:8000", False),
        ("[fd00::5]:8000", "[fd00::5]:9", True),
        ("[fd00::5]:8000", "10.0.0.0/8", True),
        ("llm.example.test:8000", "llm.example.test:8000", False),
        ("llm.example.test:8000", "llm.example.test:9", True),
        ("llm.example.test", ".example.test", False),
        ("llm.example.test", "10.0.0.0/8,[,/,::::/999,10.0.0.0/99", True),
        ("10.1.2.3", "[,/,::::/999,10.0.0.0/99,99999999999999/1,a:b:c", True),
        ("10.1.2.3", "*", False),
    ],
)
def test_hosts_without_a_proxy(
    monkeypatch: pytest.MonkeyPatch, host: str, excepted: str, *, applies: bool
) -> None:
    """Names, addresses and networks, with a port or without; what is none of these is passed by."""
    monkeypatch.setenv("http_proxy", "http://own.test:2")
    monkeypatch.setenv("no_proxy", excepted)
    assert (proxy_for(f"http://{host}/v1") is not None) == applies


async def test_on_loopback_none_applies(monkeypatch: pytest.MonkeyPatch) -> None:
    """However bad it is."""
    monkeypatch.setenv("ALL_PROXY", "socks://127.0.0.1:9")
    async with FaultServer("good") as server, ChatClient(server.backend()) as client:
        assert (await client.complete(ChatRequest(HELLO))).text
