"""``demo``: everything at once, on this machine alone, and nothing left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

from core.files import open_state
from core.plain import plain_block
from core.start import python_module
from reflex_tui.cli.main import TERMINATED
from reflex_tui.cli.output import milliseconds, print_json

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from pathlib import Path

    from core.router.answer import Answer
    from core.settings import Settings
    from reflex_tui.cli.parser import Commands


def add(commands: Commands) -> None:
    """Declare the command."""
    demo = commands.add(
        "demo",
        run,
        "open the dashboard on an embedded engine, with sample calls",
        "demo",
    )
    demo.add_argument(
        "--headless", action="store_true", help="make one call without the dashboard, then end"
    )


def run(arguments: argparse.Namespace) -> int:
    """The dashboard over real servers and calls; without a terminal one call, in words."""
    headless = arguments.headless or not (sys.stdin.isatty() and sys.stdout.isatty())
    signal.signal(signal.SIGHUP, _end)
    with ExitStack() as running:
        settings = _prepare(running, quiet=arguments.json)
        if headless:
            return _one_call(settings, as_json=arguments.json)
        assert settings.source.path is not None
        running.enter_context(_traffic(settings.source.path, settings.state_dir / "traffic.log"))
        from reflex_tui.app import run as show  # Textual costs start-up

        return show(settings)


def _prepare(running: ExitStack, *, quiet: bool) -> Settings:
    from core.demo.workspace import SUITE, configure, make_workspace, plant_gate
    from core.engine.local import start_engine
    from core.errors import EngineError
    from core.router.backends import primary
    from core.router.health import probe
    from core.settings import load_settings
    from core.standin.server import start_scripted

    workspace = make_workspace()
    logs = workspace / ".speckit"

    def say(words: str) -> None:
        if not quiet:
            print(words, flush=True)

    say("starting the scripted stand-in for a cloud model …")
    cloud = running.enter_context(
        start_scripted(
            ttft_ms=350,
            tokens_per_s=40,
            suite=SUITE,  # so that a bakeoff in the demo has a baseline
            success_rate=0.9,
            log=logs / "scripted.log",
        )
    )
    say("starting the embedded llama.cpp engine …")
    # One thread: the demo's own processes need the rest, and llama.cpp's threads wait by spinning.
    engine = running.enter_context(start_engine(log=logs / "engine.log", n_threads=1))
    path = configure(
        workspace,
        engine=engine.endpoint,
        engine_model=engine.model,
        cloud=cloud.endpoint,
        cloud_model=cloud.model,
    )
    settings = load_settings(path)
    backend = primary(settings)
    health = asyncio.run(probe(backend, timeout_ms=backend.timeout_ms))
    if not health.ok or health.engine is None:
        raise EngineError(f"the engine started but failed its health check: {health.summary}")
    plant_gate(settings, health.engine.fingerprint)
    return settings


@contextmanager
def _traffic(config: Path, log: Path) -> Iterator[None]:
    """Calls of a process of its own, which ends with this one."""
    descriptor = open_state(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    with os.fdopen(descriptor, "wb") as output:
        process = subprocess.Popen(
            [*python_module("core.demo.traffic"), str(config)],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait()
        assert process.stdin is not None
        process.stdin.close()


def _one_call(settings: Settings, *, as_json: bool) -> int:
    answer = asyncio.run(_ask(settings))
    capsule = settings.state_dir / "capsule"
    if as_json:
        print_json(
            {
                "mode": str(answer.mode),
                "reason": str(answer.reason),
                "backend": answer.backend,
                "model": answer.model,
                "data": answer.data,
                "ttft_ms": answer.ttft_ms,
                "latency_ms": answer.latency_ms,
                "call_id": answer.call_id,
                "capsule": str(capsule),
            }
        )
        return 0
    print(
        f"\ndecided    {answer.mode}: {answer.reason}\n"
        f"answered   by {answer.backend} ({answer.model}): {plain_block(answer.text)}\n"
        f"took       {milliseconds(answer.ttft_ms)} to the first token, "
        f"{milliseconds(answer.latency_ms)} in total\n"
        f"evidence   {capsule}\n\n"
        f"Look at it: {_program()} events --config {settings.source.path}"
    )
    return 0


async def _ask(settings: Settings) -> Answer:
    from core.demo.traffic import EDIT  # the dashboard's traffic runs elsewhere
    from core.router.implementer import Implementer

    async with Implementer.from_settings(settings) as implementer:
        return await implementer.complete(
            [{"role": "user", "content": "calc.py line 12 adds where it should subtract. Fix it."}],
            schema=EDIT,
            max_tokens=160,
            temperature=0,
        )


def _program() -> str:
    script = os.path.join(os.path.dirname(sys.executable), "code")  # noqa: PTH118, PTH120
    return f"{script} reflex"


def _end(*_: Any) -> NoReturn:
    raise SystemExit(TERMINATED)
