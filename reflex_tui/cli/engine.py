"""``engine``: the embedded llama.cpp server in the foreground, on a file or one from the hub."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from core.plain import plain
from reflex_tui.cli.kinds import from_one, path, port, whole
from reflex_tui.cli.output import print_json

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from core.engine.context import Context
    from core.settings import Settings
    from reflex_tui.cli.parser import Commands

_DEFAULT_PORT = 3009
# What llama.cpp takes at most; see ``core.engine.local.check_size``.
_MOST_THREADS = 512
_MOST_PARALLEL = 256


def add(commands: Commands) -> None:
    """Declare the command."""
    engine = commands.add(
        "engine",
        run,
        "engine",
        "engine --gguf qwen2.5-coder-7b-instruct-q4_k_m.gguf --port 3009",
        "engine --threads 8 --parallel 4 --ctx 16384",
        "engine --hf Qwen/Qwen2.5-Coder-7B-Instruct-GGUF:qwen2.5-coder-7b-instruct-q4_k_m.gguf",
    )
    weights = engine.add_mutually_exclusive_group()
    weights.add_argument(
        "--gguf", type=path, metavar="FILE", help="the model file (default: SmolLM2)"
    )
    weights.add_argument("--hf", metavar="REPO[:FILE]", help="download the model from Hugging Face")
    engine.add_argument(
        "--port",
        type=port,
        metavar="PORT",
        help="the port (default: that of [reflex]; 0: any free one)",
    )
    engine.add_argument("--model", metavar="NAME", help="the model's name in the API")
    engine.add_argument(
        "--threads",
        type=whole(1, _MOST_THREADS),
        metavar="N",
        help="compute threads, 1 to 512 (default: one less than the CPUs, at most 16; both of two)",
    )
    engine.add_argument(
        "--parallel",
        type=whole(1, _MOST_PARALLEL),
        metavar="N",
        help="requests served in parallel, 1 to 256 (default: 2); set it to candidates of [reflex]",
    )
    engine.add_argument(
        "--ctx",
        type=from_one,
        metavar="N",
        help="tokens of context, divided among --parallel, at least 512 each (default: what the "
        "model supports, in half of the free memory)",
    )
    engine.add_argument(
        "--write", action="store_true", help="write endpoint and model to the configuration"
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C; prints the ``[reflex]`` lines that would use it, or writes them."""
    from urllib.parse import urlsplit

    from core.engine.context import Context, choose, free_memory, read_shape
    from core.engine.local import DEFAULT_PARALLEL, check_size, start_engine
    from core.engine.weights import check_gguf, default_weights, require_xllamacpp
    from core.settings import load_settings

    if arguments.gguf is not None:
        check_gguf(arguments.gguf)  # the likeliest mistake first
    settings = load_settings(arguments.config)
    port = arguments.port
    if port is None:
        port = urlsplit(settings.reflex.endpoint).port or _DEFAULT_PORT
    parallel = arguments.parallel or DEFAULT_PARALLEL
    # Before a model of gigabytes is downloaded.
    wanted = arguments.ctx or choose(None, None, parallel).tokens
    check_size(n_ctx=wanted, n_parallel=parallel, n_threads=arguments.threads or 1)
    require_xllamacpp()
    gguf = _gguf(arguments) or default_weights()
    context = (
        Context(arguments.ctx, "")
        if arguments.ctx
        else choose(read_shape(gguf), free_memory(), parallel)
    )
    if not arguments.json:
        print(f"loading on port {port} …", flush=True)
    with start_engine(
        gguf=gguf,
        port=port,
        model=arguments.model,
        n_ctx=context.tokens,
        n_parallel=parallel,
        n_threads=arguments.threads,
    ) as server:
        lines = {"endpoint": server.endpoint, "model": server.model}
        written = _write(settings, lines) if arguments.write else None
        if arguments.json:
            print_json({**lines, "pid": server.pid, "written": written})
        else:
            print(f"serving {plain(server.model)} at {server.endpoint}; Ctrl-C ends it")
            print(f"{parallel} requests in parallel, {_each(context, parallel)}\n")
            print(f"{written or 'to use it'}:\n[reflex]")
            for name, value in lines.items():
                print(f"{name} = {json.dumps(value, ensure_ascii=False)}", flush=True)
        return server.wait()


def _each(context: Context, parallel: int) -> str:
    words = f"{context.tokens // parallel:,} tokens of context each"
    return f"{words}: {context.limit}; --ctx sets another" if context.limit else words


def _gguf(arguments: argparse.Namespace) -> Path | None:
    if arguments.hf is None:
        path: Path | None = arguments.gguf
        return path
    from core.engine.hub import fetch

    return fetch(arguments.hf)


def _write(settings: Settings, lines: dict[str, str]) -> str:
    from core.settings.edit import set_reflex

    path, at = set_reflex(settings, lines)
    return f"written to {path}, lines {' and '.join(map(str, at.values()))}"
