"""``serve``: the OpenAI-compatible gateway in the foreground."""

from __future__ import annotations

import os
import signal
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from core.errors import ConfigError
from core.extras import how_to_install
from core.plain import plain
from core.stages import Stage
from reflex_tui.cli.kinds import count, port
from reflex_tui.cli.output import print_json

if TYPE_CHECKING:
    import argparse

    from core.settings import Settings
    from reflex_tui.cli.parser import Commands

_EXTRA = frozenset({"starlette", "uvicorn", "prometheus_client"})


def add(commands: Commands) -> None:
    """Declare the command."""
    serve = commands.add(
        "serve",
        run,
        "serve",
        "serve --port 3011 --stage plan",
        "serve --host 0.0.0.0 --token-env REFLEX_TOKEN --allow-host host.docker.internal",
    )
    add = serve.add_argument
    add(
        "--port",
        type=port,
        default=3010,
        metavar="PORT",
        help="the port (default: %(default)s; 0: any free one)",
    )
    add(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="the address to listen on (default: %(default)s); others need --token-env",
    )
    add(
        "--stage",
        choices=[stage.value for stage in Stage],
        default=Stage.IMPLEMENT.value,
        help="default stage when the header X-Speckit-Stage is missing (default: %(default)s)",
    )
    add(
        "--token-env",
        metavar="NAME",
        help="the environment variable with the bearer token that every request must carry",
    )
    add(
        "--allow-host",
        action="append",
        metavar="NAME",
        help="a further host name that clients may use for this server; may be repeated",
    )
    add(
        "--grace",
        type=count,
        default=30,
        metavar="SECONDS",
        help="time that running calls have to finish after SIGTERM or Ctrl-C (default: "
        "%(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM (0) or Ctrl-C (130); running calls may finish."""
    import asyncio
    import logging

    from core.settings import load_settings
    from core.settings.trust import is_loopback

    settings = load_settings(arguments.config)
    news = logging.getLogger("core.gateway")  # a server logs what happens
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
    import asyncio

    from core.settings import load_settings

    listener = gateway()
    stop, signals = asyncio.Event(), []

    def tell(number: signal.Signals) -> None:
        if stop.is_set():
            raise KeyboardInterrupt  # the second time: at once
        signals.append(number)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, tell, number)
    address = listener.Address(
        arguments.host, arguments.port, tuple(arguments.allow_host or ()), token
    )
    await listener.serve(
        settings,
        address,
        lambda url: _announce(url, settings, arguments),
        stop,
        reload=partial(load_settings, arguments.config),
        stage=Stage(arguments.stage),
        grace_s=arguments.grace,
    )
    if signal.SIGINT in signals:
        raise KeyboardInterrupt
    return 0


def gateway() -> Any:
    """The gateway's module; ConfigError where the extra is not installed."""
    try:
        from core.gateway import listener  # an extra that few commands need
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        raise ConfigError(
            f"the gateway needs the package {error.name}, which is not installed",
            remedy=how_to_install("serve"),
        ) from error
    return listener


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
            f"  stage     {arguments.stage}, unless a call has the header X-Speckit-Stage"
        )
    sys.stdout.flush()


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
