"""``engine``: the embedded llama.cpp server in the foreground, on a file or one from the hub."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from core.engine.local import DEFAULT_CTX, DEFAULT_PARALLEL, check_size, start_engine
from core.plain import plain
from core.settings import load_settings
from reflex_tui.cli.output import print_json

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from core.settings import Settings

_DEFAULT_PORT = 3009


def engine(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C; prints the ``[reflex]`` lines that would use it, or writes them."""
    settings = load_settings(arguments.config)
    port = arguments.port
    if port is None:
        port = urlsplit(settings.reflex.endpoint).port or _DEFAULT_PORT
    ctx, parallel = arguments.ctx or DEFAULT_CTX, arguments.parallel or DEFAULT_PARALLEL
    # Before a model of gigabytes is fetched.
    check_size(n_ctx=ctx, n_parallel=parallel, n_threads=arguments.threads or 1)
    gguf = _gguf(arguments)
    if not arguments.json:
        print(f"loading on port {port} …", flush=True)
    with start_engine(
        gguf=gguf,
        port=port,
        model=arguments.model,
        n_ctx=ctx,
        n_parallel=parallel,
        n_threads=arguments.threads,
    ) as server:
        lines = {"endpoint": server.endpoint, "model": server.model}
        written = _write(settings, lines) if arguments.write else None
        if arguments.json:
            print_json({**lines, "pid": server.pid, "written": written})
        else:
            print(f"serving {plain(server.model)} at {server.endpoint}; Ctrl-C ends it")
            print(f"{parallel} at once, {ctx // parallel:,} tokens of context each\n")
            print(f"{written or 'to use it'}:\n[reflex]")
            for name, value in lines.items():
                print(f"{name} = {json.dumps(value, ensure_ascii=False)}", flush=True)
        return server.wait()


def _gguf(arguments: argparse.Namespace) -> Path | None:
    if arguments.hf is None:
        path: Path | None = arguments.gguf
        return path
    from core.engine.hub import fetch  # an extra

    return fetch(arguments.hf)


def _write(settings: Settings, lines: dict[str, str]) -> str:
    from core.settings.edit import set_reflex  # tomlkit costs start-up

    path, at = set_reflex(settings, lines)
    return f"written to {path}, lines {' and '.join(map(str, at.values()))}"
