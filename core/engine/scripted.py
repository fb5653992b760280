"""The scripted stand-in for a cloud model, for demos, tests and CI: it names itself everywhere.

It stands in where there is no cloud model to ask. ``python -m core.engine.scripted --help``.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import TYPE_CHECKING

from core.engine.child import add_child_arguments, run_server
from core.engine.faults import describe_kinds, parse_faults
from core.engine.process import ServerProcess, python_module
from core.engine.script import DEFAULT_MODEL, Script
from core.engine.scripted_server import ScriptedServer
from core.errors import EngineError, SuiteError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from core.engine.answers import Answerer

__all__ = ["Script", "ScriptedServer", "start_scripted"]

DEFAULT_PORT = 3010
_DEFAULTS = Script()


def start_scripted(
    *,
    port: int = 0,
    model: str = DEFAULT_MODEL,
    ttft_ms: float = _DEFAULTS.ttft_ms,
    tokens_per_s: float = _DEFAULTS.tokens_per_s,
    jitter: float = 0.0,
    faults: str = "",
    seed: int = 0,
    owned_by: str = "scripted",
    suite: str | Path | None = None,
    success_rate: float = 1.0,
    log: Path | None = None,
) -> ServerProcess:
    """Start the stand-in as a child process and return it once it answers; see ``Script``.

    With ``suite`` it solves that suite's tasks, ``success_rate`` (0 to 1) of the times each is
    asked.

    Raises:
        EngineError: A value is out of range, the port is taken, or it did not start.
    """
    given: dict[str, object] = {
        "--model": model,
        "--owned-by": owned_by,
        "--ttft-ms": ttft_ms,
        "--tokens-per-s": tokens_per_s,
        "--jitter": jitter,
        "--faults": faults,
        "--seed": seed,
        "--success-rate": success_rate,
    }
    if suite is not None:
        given["--suite"] = str(suite)
    try:
        Script(
            ttft_ms=ttft_ms, tokens_per_s=tokens_per_s, jitter=jitter, faults=parse_faults(faults)
        )
        _rate(str(success_rate))
    except ValueError as error:
        raise EngineError(str(error)) from error
    command = python_module("core.engine.scripted") + [f"{k}={v}" for k, v in given.items()]
    server = ServerProcess(command, name="the scripted stand-in", model=model, port=port, log=log)
    return server.start()


def main(arguments: Sequence[str] | None = None) -> int:
    """``python -m core.engine.scripted``: what ``start_scripted`` runs."""
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        script = Script(
            model=given.model,
            owned_by=given.owned_by,
            ttft_ms=given.ttft_ms,
            tokens_per_s=given.tokens_per_s,
            jitter=given.jitter,
            faults=parse_faults(given.faults),
            seed=given.seed,
        )
    except ValueError as error:
        parser.error(str(error))

    answerers: list[Answerer] = []
    if given.suite is not None:
        from core.engine.suite_tasks import suite_answerer  # noqa: PLC0415  brings the harness

        try:
            answerers.append(
                suite_answerer(given.suite, success_rate=given.success_rate, seed=given.seed)
            )
        except SuiteError as error:
            parser.error(f"{error.message} {error.remedy}")

    async def serve(on_ready: Callable[[int], None]) -> None:
        async with ScriptedServer(script, answerers, port=given.port) as server:
            on_ready(server.port)
            await asyncio.Event().wait()

    return run_server(
        lambda on_ready: asyncio.run(serve(on_ready)),
        child=given.child,
        describe=lambda port: f"{script.model} (scripted) at http://127.0.0.1:{port}/v1",
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m core.engine.scripted",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="An OpenAI-compatible server on 127.0.0.1 that stands in for a cloud model.\n"
        "It answers the tasks of --suite from their solutions; else, with a JSON schema,\n"
        "a minimal instance of it, and without one a sentence.",
        epilog="faults, KIND[:ARGUMENT][@RATE] separated by commas, the first that strikes:\n"
        f"{describe_kinds()}\n\nWhile it runs: curl -d '"
        '{"faults": "status:503@0.5", "down": false, "ttft_ms": 50}'
        f"' http://127.0.0.1:{DEFAULT_PORT}/__scripted",
    )
    add_child_arguments(parser, default_port=DEFAULT_PORT)
    shown = "(default: %(default)s)"
    parser.add_argument("--model", default=DEFAULT_MODEL, help=f"the name it serves {shown}")
    parser.add_argument("--owned-by", default=_DEFAULTS.owned_by, help=f"in /v1/models {shown}")
    parser.add_argument(
        "--ttft-ms", type=float, default=_DEFAULTS.ttft_ms, help=f"request to first token {shown}"
    )
    parser.add_argument(
        "--tokens-per-s",
        type=float,
        default=_DEFAULTS.tokens_per_s,
        help=f"pace; a token is four characters, 0 is at once {shown}",
    )
    parser.add_argument(
        "--jitter", type=float, default=0.0, help=f"sigma of a log-normal factor on both {shown}"
    )
    parser.add_argument("--suite", metavar="NAME|PATH", help="answer the tasks of this suite")
    parser.add_argument(
        "--success-rate",
        type=_rate,
        default=1.0,
        metavar="SHARE",
        help=f"of the times a task is asked that it is solved, 0 to 1 {shown}",
    )
    parser.add_argument("--faults", default="", metavar="LIST", help="see below")
    parser.add_argument("--seed", type=int, default=0, help=f"decides all chance {shown}")
    return parser


def _rate(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise ValueError(f"the success rate must be from 0 to 1, not {text}")
    return value


if __name__ == "__main__":
    sys.exit(main())
