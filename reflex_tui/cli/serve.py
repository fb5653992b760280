"""``serve``: the OpenAI-compatible gateway in the foreground."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from core.errors import ConfigError
from core.plain import plain
from core.settings import load_settings
from core.settings.trust import is_loopback
from core.stages import Stage
from reflex_tui.cli.output import print_json

if TYPE_CHECKING:
    import argparse

    from core.settings import Settings

_EXTRA = frozenset({"starlette", "uvicorn", "prometheus_client"})
_INSTALL = "pip install 'speckit-reflex[serve]'"


def serve(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM (0) or Ctrl-C (130); calls under way are let end."""
    settings = load_settings(arguments.config)
    news = logging.getLogger("core.gateway")  # the news of a long-lived server go to its log
    news.setLevel(logging.INFO)
    news.addHandler(logging.StreamHandler())
    token = _token(arguments.token_env)
    if token is None and not is_loopback(f"http://{_in_url(arguments.host)}"):
        raise ConfigError(
            f"--host {plain(arguments.host)} is not this machine alone: a token is required",
            remedy="Put one into an environment variable and name it: --token-env NAME",
        )
    return asyncio.run(_serve(settings, arguments, token))


async def _serve(settings: Settings, arguments: argparse.Namespace, token: str | None) -> int:
    server = _server()
    stop, told = asyncio.Event(), []

    def tell(number: signal.Signals) -> None:
        if stop.is_set():
            raise KeyboardInterrupt  # told twice: not even what is under way
        told.append(number)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, tell, number)
    address = server.Address(
        arguments.host, arguments.port, tuple(arguments.allow_host or ()), token
    )
    await server.serve(
        settings,
        address,
        lambda url: _announce(url, settings, arguments),
        stop,
        reload=partial(load_settings, arguments.config),
        stage=Stage(arguments.stage),
        grace_s=arguments.grace,
    )
    if signal.SIGINT in told:
        raise KeyboardInterrupt
    return 0


def _server() -> Any:
    try:
        from core.gateway import server  # an extra that few commands need
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        raise ConfigError(
            f"`serve` needs the package {error.name}, which is not installed", remedy=_INSTALL
        ) from error
    return server


def _token(variable: str | None) -> str | None:
    if variable is None:
        return None
    token = os.environ.get(variable, "")
    if not token or not (token.isascii() and token.isprintable()) or " " in token:
        raise ConfigError(
            f"--token-env: ${plain(variable)} is not set to a token without blanks",
            remedy=f"For example: export {plain(variable)}=$(openssl rand -hex 32)",
        )
    return token


def _announce(url: str, settings: Settings, arguments: argparse.Namespace) -> None:
    if arguments.json:
        print_json({"endpoint": url, "pid": os.getpid(), "stage": arguments.stage}, indent=None)
    else:
        key = f"${arguments.token_env}" if arguments.token_env else "any"
        reflex, cloud = settings.reflex, settings.cloud
        print(
            f"serving at {url}; Ctrl-C ends it\n"
            f"  base URL  {url}\n"
            f"  API key   {key}\n"
            f"  model     any name: {plain(reflex.model)} or {plain(cloud.model)} answers\n"
            f"  stage     {arguments.stage}, unless a call says X-Speckit-Stage"
        )
    sys.stdout.flush()


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
