"""The dashboard in a browser on this machine, through textual-serve (extra ``web``).

A page of any other site could reach a port of this machine through the user's browser, so a
request counts only with this address as its host and as its origin.
"""

from __future__ import annotations

import shlex
import socket
from typing import TYPE_CHECKING, Any

from core.errors import ReflexError
from core.start import python_module

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

HOST = "127.0.0.1"
_EXTRA = frozenset({"textual_serve", "aiohttp", "aiohttp_jinja2", "jinja2"})
_INSTALL = "pip install 'speckit-reflex[web]'"
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
    """Serve until Ctrl-C.

    Raises:
        WebUnavailable: the extra is missing, or the port is taken.
    """
    server = _server(config, _free(port))
    print(f"the dashboard is at {server.public_url}; Ctrl-C ends it", flush=True)  # noqa: T201
    server.serve()


def _free(port: int) -> int:
    """The port, or a free one for 0."""
    try:
        with socket.create_server((HOST, port)) as probe:
            return int(probe.getsockname()[1])
    except OSError as error:
        raise WebUnavailable(
            f"port {port} cannot be used: {error.strerror or error}",
            remedy="Choose another: code reflex tui --web --port 0",
        ) from error


def _server(config: Path | None, port: int) -> Any:
    try:
        from aiohttp import web  # an extra that few need
        from textual_serve.server import Server
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        raise WebUnavailable(
            f"`tui --web` needs the package {error.name}, which is not installed", remedy=_INSTALL
        ) from error

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

        async def _make_app(self) -> Any:
            app = await super()._make_app()
            app.middlewares.append(guard)
            return app

    return Loopback(command(config), host=HOST, port=port, title="Reflex")
