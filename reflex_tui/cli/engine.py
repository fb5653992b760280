"""``engine``: the embedded llama.cpp server in the foreground."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from core.engine.local import start_engine
from core.settings import load_settings
from reflex_tui.cli.output import print_json

if TYPE_CHECKING:
    import argparse

_DEFAULT_PORT = 3009


def engine(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C; prints the ``[reflex]`` lines that would use it."""
    settings = load_settings(arguments.config)
    port = arguments.port
    if port is None:
        port = urlsplit(settings.reflex.endpoint).port or _DEFAULT_PORT
    if not arguments.json:
        print(f"loading on port {port} …", flush=True)
    with start_engine(gguf=arguments.gguf, port=port, model=arguments.model) as server:
        if arguments.json:
            print_json({"endpoint": server.endpoint, "model": server.model, "pid": server.pid})
        else:
            print(
                f"serving {server.model} at {server.endpoint}; Ctrl-C ends it\n\n"
                f'[reflex]\nendpoint = "{server.endpoint}"\nmodel = "{server.model}"',
                flush=True,
            )
        return server.wait()
