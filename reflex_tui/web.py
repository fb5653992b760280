"""The dashboard in a browser on this machine, through textual-serve (extra ``web``).

A page of any other site could reach a port of this machine through the user's browser, so a
request counts only with this address as its host and as its origin.
"""

from __future__ import annotations

import asyncio
import shlex
import signal
import socket
from typing import TYPE_CHECKING, Any

from core.errors import ReflexError
from core.extras import how_to_install
from core.start import python_module

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

HOST = "127.0.0.1"
_GRACE_S = 0.5  # for open pages to end
_EXTRA = frozenset({"textual_serve", "aiohttp", "aiohttp_jinja2", "jinja2"})
# Textual's page leaves the terminal without focus, so that no key counts until it is clicked.
_FOCUS = """<script>
new MutationObserver((_, seen) => {
  const entry = document.querySelector(".xterm-helper-textarea");
  if (entry && document.body.classList.contains("-first-byte")) {
    seen.disconnect();
    entry.focus();
  }
}).observe(document.body, { attributes: true, childList: true, subtree: true });
</script>
"""


class WebUnavailable(ReflexError):
    """The dashboard cannot be served to a browser."""

    code = "web_unavailable"
    exit_code = 2


def command(config: Path | None) -> str:
    """What is run for each page that is opened: ``code reflex tui``, with this very package.

    It is named by its interpreter, as another program on PATH may be called ``code``.
    """
    given = [] if config is None else ["--config", str(config)]
    return shlex.join([*python_module("reflex_tui"), "tui", *given])


def is_ours(headers: Mapping[str, str], port: int) -> bool:
    """Whether a request was meant for this server, and sent by a page of it or by no page."""
    ours = {f"{name}:{port}" for name in (HOST, "localhost")}
    origin = headers.get("Origin")
    return headers.get("Host") in ours and (
        origin is None or origin.removeprefix("http://") in ours
    )


def with_focus(page: str) -> str:
    """The page, with its keys going to the terminal as soon as there is something to see."""
    return page.replace("</body>", f"{_FOCUS}</body>", 1)


def serve(config: Path | None, port: int) -> None:
    """Serve until SIGTERM, or until Ctrl-C.

    Raises:
        WebUnavailable: the extra is missing, or the port is taken.
        KeyboardInterrupt: by Ctrl-C.
    """
    with _listening(port) as listening:
        server = _server(config, listening)
        print(  # noqa: T201
            f"the dashboard is at {server.public_url}; Ctrl-C ends it", flush=True
        )
        server.serve()


def _listening(port: int) -> socket.socket:
    """The socket to serve at; of a free port for 0. What is drawn leaves without delay."""
    try:
        listening = socket.create_server((HOST, port))
    except OSError as error:
        raise WebUnavailable(
            f"port {port} cannot be used: {error.strerror or error}",
            remedy="Choose another: code reflex tui --web --port 0",
        ) from error
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # connections inherit it
    return listening


def _server(config: Path | None, listening: socket.socket) -> Any:
    try:
        from aiohttp import web  # an extra that few need
        from textual_serve.server import Server
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        raise WebUnavailable(
            f"`tui --web` needs the package {error.name}, which is not installed",
            remedy=how_to_install("web"),
        ) from error
    port = listening.getsockname()[1]

    @web.middleware
    async def guard(request: Any, handler: Callable[[Any], Awaitable[Any]]) -> Any:
        if not is_ours(request.headers, port):
            raise web.HTTPForbidden(text="this server answers its own pages on this machine only")
        answer = await handler(request)
        if request.path == "/" and isinstance(answer, web.Response) and answer.text:
            answer.text = with_focus(answer.text)
        return answer

    class Loopback(Server):
        def initialize_logging(self) -> None:
            """Say nothing of each request."""

        async def on_startup(self, app: Any) -> None:
            """Print no banner."""

        def serve(self, debug: bool = False) -> None:  # noqa: FBT001, FBT002  as its base has it
            """Serve until a signal; raises KeyboardInterrupt by SIGINT."""
            self.debug = debug
            _run(web, self._make_app(), listening)

        async def _make_app(self) -> Any:
            app = await super()._make_app()
            app.middlewares.append(guard)
            return app

    return Loopback(command(config), host=HOST, port=port, title="Reflex")


def _run(web: Any, app: Awaitable[Any], listening: socket.socket) -> None:
    loop, received = asyncio.new_event_loop(), []

    def end(number: signal.Signals) -> None:
        received.append(number)
        raise web.GracefulExit

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end, number)
    web.run_app(
        app,
        sock=listening,
        handle_signals=False,
        shutdown_timeout=_GRACE_S,
        loop=loop,
        print=None,
    )
    if signal.SIGINT in received:
        raise KeyboardInterrupt
