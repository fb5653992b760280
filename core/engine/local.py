"""The embedded engine: llama.cpp's own server, from the ``xllamacpp`` wheel, on loopback."""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from core.engine.context import DEFAULT_CTX, LEAST_CTX_A_SLOT
from core.engine.process import (
    ServerProcess,
    add_child_arguments,
    ensure_free,
    run_server,
)
from core.engine.weights import SMOLLM2, check_gguf, default_weights, require_xllamacpp
from core.errors import ConfigError, EngineError
from core.plain import plain
from core.start import python_module

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DEFAULT_PORT = 3009
_MOST_THREADS = 16
_PROMPT_CACHE_MIB = 512
_ERRORS_ONLY = 1
DEFAULT_PARALLEL = 2
# What llama.cpp takes at most; beyond, it aborts.
_MOST_THREADS_TAKEN = 512
_MOST_SLOTS = 256
# Drafts without a second model: where the last 12 tokens occurred before, in the prompt most often,
# the up to 48 that followed are proposed and checked in one step. Output stays the same.
_NGRAM, _DRAFT = 12, 48


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What is served, and how: ``n_ctx`` tokens are divided among ``n_parallel`` slots."""

    gguf: Path
    model: str
    port: int = 0
    n_ctx: int = DEFAULT_CTX
    n_parallel: int = DEFAULT_PARALLEL
    n_threads: int = 1
    drafts: bool = True


def start_engine(
    *,
    gguf: Path | None = None,
    port: int = 0,
    model: str | None = None,
    n_ctx: int = DEFAULT_CTX,
    n_parallel: int = DEFAULT_PARALLEL,
    n_threads: int | None = None,
    drafts: bool = True,
    log: Path | None = None,
) -> ServerProcess:
    """Start the engine as a child process and return it once it answers.

    Args:
        gguf: The model file; the default weights when None.
        port: On 127.0.0.1; 0 for any free one.
        model: The name it serves under; by default from the file's name.
        n_ctx: Context in tokens, divided among the slots.
        n_parallel: Slots, that is requests served at once.
        n_threads: Threads that compute; by default the CPUs less one, but both of two.
        drafts: Guess tokens from repetitions (n-gram drafts); the output is the same, and code
            that is copied comes about twice as fast.
        log: Where llama.cpp's messages go; kept nowhere when None.

    Raises:
        ConfigError: One of the three numbers is not one llama.cpp can use.
        EngineError: Not installed, no such model, not a model, port taken, or it did not start.
    """
    threads = default_threads(_usable_cpus()) if n_threads is None else n_threads
    check_size(n_ctx=n_ctx, n_parallel=n_parallel, n_threads=threads)
    require_xllamacpp()
    path = default_weights() if gguf is None else check_gguf(gguf)
    name = model or model_name(path)
    command = python_module("core.engine.local")
    # With an equals sign: a file's name, and so a model's, may begin with a dash.
    command += [f"--gguf={path}", f"--model={name}", "--n-ctx", str(n_ctx)]
    command += ["--n-parallel", str(n_parallel), "--n-threads", str(threads)]
    command += [] if drafts else ["--no-drafts"]
    return ServerProcess(
        command, name="the embedded engine", model=name, port=port, log=log
    ).start()


def check_size(*, n_ctx: int, n_parallel: int, n_threads: int) -> None:
    """Let numbers pass that the engine can be started with.

    Raises:
        ConfigError: Too many or too few threads or slots, or too little context for each slot.
    """
    for name, value, most in (
        ("--threads", n_threads, _MOST_THREADS_TAKEN),
        ("--parallel", n_parallel, _MOST_SLOTS),
    ):
        if not 1 <= value <= most:
            raise ConfigError(f"{name} must be from 1 to {most}, not {value}")
    if n_ctx // n_parallel < LEAST_CTX_A_SLOT:
        raise ConfigError(
            f"--ctx {n_ctx} over {n_parallel} requests at once leaves {n_ctx // n_parallel} tokens "
            f"to each, and one needs {LEAST_CTX_A_SLOT} at least",
            remedy=f"Give --ctx {LEAST_CTX_A_SLOT * n_parallel} or more, or a lower --parallel.",
        )


def serve_forever(options: EngineOptions, on_ready: Callable[[int], None]) -> None:
    """Serve in this process until it is interrupted; ``on_ready(port)`` once it answers.

    Raises:
        EngineError: The port is taken, or llama.cpp cannot serve the file.
    """
    require_xllamacpp()
    ensure_free(options.port)
    import xllamacpp  # loads llama.cpp

    params = xllamacpp.CommonParams()
    params.model.path = str(options.gguf)
    params.model_alias = {options.model}
    params.hostnames = ["127.0.0.1"]
    params.port = options.port
    params.verbosity = _ERRORS_ONLY
    params.n_ctx = options.n_ctx
    params.n_parallel = options.n_parallel
    params.cpuparams.n_threads = options.n_threads
    params.cpuparams_batch.n_threads = options.n_threads
    if options.drafts:
        kinds = xllamacpp.common_speculative_type
        params.speculative.types = [kinds.COMMON_SPECULATIVE_TYPE_NGRAM_SIMPLE]
        params.speculative.ngram_simple.size_n = _NGRAM
        params.speculative.ngram_simple.size_m = _DRAFT
    params.endpoint_metrics = params.endpoint_props = params.endpoint_slots = True
    params.cache_prompt = True
    params.cache_ram_mib = _PROMPT_CACHE_MIB
    params.offline = True
    # Web pages have no business with it: no page of its own, and no CORS for other pages'.
    params.ui = False
    params.cors_origins = ""
    try:
        server = xllamacpp.Server(params)
    except RuntimeError as error:
        _let_it_log()
        raise EngineError(
            f"llama.cpp cannot serve {options.gguf}",
            remedy="its log says why; a file cut short by a broken download is the usual cause",
        ) from error
    on_ready(urlsplit(server.listening_address).port or options.port)
    threading.Event().wait()


def _let_it_log() -> None:
    """Wait, a second at most, until the log says something and pauses.

    A thread of llama.cpp's own writes it, and neither the exception nor the exit waits for that.
    """
    size = 0
    for _ in range(10):
        time.sleep(0.1)
        before, size = size, os.fstat(2).st_size
        if 0 < size == before:
            return


def model_name(path: Path) -> str:
    """The name a model file is served under: its own without ``.gguf``, in lower case."""
    return SMOLLM2.model if path.name == SMOLLM2.filename else plain(path.stem.lower(), 200)


def default_threads(cpus: int) -> int:
    """How many threads compute on ``cpus``: both of two, else one is left to the callers.

    The second of two makes decoding half as fast again; beyond 16 more threads do not help.
    """
    return min(max(cpus - 1, min(cpus, 2)), _MOST_THREADS)


def _usable_cpus() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def main(arguments: Sequence[str] | None = None) -> int:
    """``python -m core.engine.local``: what ``start_engine`` runs."""
    parser = argparse.ArgumentParser(
        prog="python -m core.engine.local",
        description="Serve a GGUF model on 127.0.0.1 with llama.cpp's OpenAI-compatible server.",
    )
    add_child_arguments(parser, default_port=DEFAULT_PORT)
    parser.add_argument("--gguf", type=Path, help="the model file; default: SmolLM2-135M-Instruct")
    parser.add_argument("--model", help="the name to serve it under; default: the file's")
    add = parser.add_argument
    add("--n-ctx", type=int, default=DEFAULT_CTX, help="context in tokens, for all slots")
    add("--n-parallel", type=int, default=DEFAULT_PARALLEL, help="requests served at once")
    parser.add_argument("--n-threads", type=int, default=default_threads(_usable_cpus()))
    add("--no-drafts", action="store_true", help="decode token by token")
    given = parser.parse_args(arguments)

    def serve(on_ready: Callable[[int], None]) -> None:
        path = default_weights() if given.gguf is None else check_gguf(given.gguf)
        options = EngineOptions(
            gguf=path,
            model=given.model or model_name(path),
            port=given.port,
            n_ctx=given.n_ctx,
            n_parallel=given.n_parallel,
            n_threads=given.n_threads,
            drafts=not given.no_drafts,
        )
        serve_forever(options, on_ready)

    return run_server(
        serve, child=given.child, describe=lambda port: f"serving at http://127.0.0.1:{port}/v1"
    )


if __name__ == "__main__":
    sys.exit(main())
