"""The dashboard in a browser: for this machine's own pages only."""

from __future__ import annotations

import asyncio
import builtins
import os
import shlex
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from core.extras import how_to_install
from reflex_tui import web
from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from pathlib import Path

OURS = "import sys; from reflex_tui.cli.main import reflex_tui; sys.exit(reflex_tui())"


@pytest.mark.parametrize(
    ("headers", "ours"),
    [
        ({"Host": "127.0.0.1:8000"}, True),
        ({"Host": "localhost:8000", "Origin": "http://localhost:8000"}, True),
        ({"Host": "127.0.0.1:8000", "Origin": "https://example.org"}, False),
        ({"Host": "127.0.0.1:8000", "Origin": "null"}, False),
        ({"Host": "rebound.example:8000"}, False),
        ({"Host": "127.0.0.1:9"}, False),
        ({}, False),
    ],
)
def test_only_its_own_pages_are_answered(headers: dict[str, str], *, ours: bool) -> None:
    """Another site's page, or a name that leads here, gets nothing."""
    assert web.is_ours(headers, 8000) is ours


def test_what_is_run_for_a_page_is_this_package(tmp_path: Path) -> None:
    """Whatever else is called ``code`` on PATH, with the configuration that was named."""
    words = shlex.split(web.command(tmp_path / "it's.toml"))
    assert words[0] == sys.executable
    assert words[-4:-2] == ["reflex_tui", "tui"]
    assert words[-2:] == ["--config", str(tmp_path / "it's.toml")]
    assert "--config" not in web.command(None)


def test_the_keys_of_a_page_go_to_its_terminal() -> None:
    """The page focuses it by itself; nobody has to click first."""
    page = web.with_focus("<html><body><div id='terminal'></div></body></html>")
    assert page.index("entry.focus()") < page.index("</body>")
    assert page.count("</body>") == 1


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line for pip, and no traceback."""
    original = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.startswith("textual_serve"):
            raise ModuleNotFoundError(name=name)
        return original(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(web.WebUnavailable) as caught:
        web.serve(None, 0)
    assert caught.value.remedy == how_to_install("web")
    assert caught.value.exit_code == 2


def test_a_taken_port_is_told() -> None:
    """With a way out."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(web.WebUnavailable, match="cannot be used") as caught:
            web.serve(None, taken.getsockname()[1])
        assert "--port 0" in caught.value.remedy


@pytest.mark.slow
async def test_a_browser_gets_the_dashboard(tmp_path: Path) -> None:
    """The page, and through its socket the running dashboard; a foreign page is refused."""
    import aiohttp  # comes with the extra

    (tmp_path / "stage0.toml").write_text("[reflex]\nenabled = false\n")
    process = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-c", OURS, "--web", "--port", "0"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "HOME": str(tmp_path)},
    )
    assert process.stdout is not None
    try:
        told = await asyncio.to_thread(process.stdout.readline)
        url = told.split()[4].rstrip(";")
        assert url.startswith("http://127.0.0.1:")
        async with aiohttp.ClientSession() as session:
            page = await _once_up(session, url)
            assert "Reflex" in page
            foreign = {"Origin": "https://example.org"}
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await session.ws_connect(f"{url}/ws", headers=foreign)
            assert refused.value.status == 403
            async with session.ws_connect(f"{url}/ws?width=100&height=30") as socket_:
                shown = b""
                while b"checking" not in shown:
                    message = await socket_.receive(timeout=PATIENCE_S)
                    if isinstance(message.data, bytes):
                        shown += message.data
                async with session.get(url, headers={"Host": "example.org"}) as rebound:
                    assert rebound.status == 403
                process.send_signal(signal.SIGINT)  # with a page that is still open
                assert await asyncio.to_thread(process.wait, PATIENCE_S) == 130
    finally:
        process.kill()
        process.wait(PATIENCE_S)
        process.stdout.close()


def test_what_is_drawn_leaves_without_delay() -> None:
    """A connection inherits it from where we listen."""
    with (
        web._listening(0) as listening,
        socket.create_connection(listening.getsockname()),
        listening.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def _once_up(session: Any, url: str) -> str:
    import aiohttp

    while True:
        try:
            async with session.get(url) as answer:
                return str(await answer.text())
        except aiohttp.ClientConnectorError:
            await asyncio.sleep(0.05)
