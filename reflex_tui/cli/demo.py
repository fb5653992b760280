"""``demo``: everything at once, on this machine alone, and nothing left behind."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from core.figures import duration, plural
from core.plain import plain_block
from reflex_tui.cli.main import TERMINATED
from reflex_tui.cli.output import milliseconds, print_json

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from pathlib import Path

    from core.demo.calibration import Calibration
    from core.router.answer import Answer
    from core.settings import Settings
    from reflex_tui.cli.parser import Commands


# Model weights may have to be read, by a machine that is busy.
_PROBE_MS = 60_000.0


def add(commands: Commands) -> None:
    """Declare the command."""
    demo = commands.add(
        "demo",
        run,
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
        ready = _prepare(running, quiet=arguments.json)
        settings = ready.settings
        if headless:
            return _one_call(settings, as_json=arguments.json)
        path, logs = settings.source.path, settings.state_dir
        assert path is not None
        running.enter_context(_traffic(path, ready.calibration.reply_tokens, logs / "traffic.log"))
        from core.demo.story import Story, beats_for
        from reflex_tui.app import run as show  # Textual costs start-up

        reflex = settings.reflex
        beats = beats_for(ready.calibration.timeout_ms, reflex.fallback.max_failures)
        status = show(
            settings,
            beside=lambda say: Story(
                ready.engine_pid, path, logs / "bakeoff.log", say=say, beats=beats
            ),
        )
        print(_closing(settings))
        return status


@dataclass(frozen=True, slots=True)
class Ready:
    """A demo whose servers run."""

    settings: Settings
    engine_pid: int
    calibration: Calibration


def _prepare(running: ExitStack, *, quiet: bool) -> Ready:
    import asyncio

    from core.demo.calibration import calibrated
    from core.demo.recorded import show_recorded
    from core.demo.workspace import (
        SUITE,
        configure,
        make_workspace,
        plant_gate,
    )
    from core.engine.local import start_engine
    from core.errors import EngineError
    from core.router.backends import primary
    from core.router.health import probe
    from core.settings import load_settings
    from core.standin.scripted_server import start_scripted

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
    write = partial(
        configure,
        workspace,
        engine=engine.endpoint,
        engine_model=engine.model,
        cloud=cloud.endpoint,
        cloud_model=cloud.model,
    )
    settings = load_settings(write(timeout_ms=round(_PROBE_MS)))
    say("measuring how fast this machine is …")
    health = asyncio.run(probe(primary(settings), timeout_ms=_PROBE_MS, deep=True))
    if not health.ok or health.engine is None or engine.pid is None:
        raise EngineError(f"the engine started but failed its health check: {health.summary}")
    limit_ms = settings.reflex.thresholds.p95_latency_ms
    calibration = calibrated(health.deep, limit_ms)
    settings = load_settings(write(timeout_ms=calibration.timeout_ms))
    plant_gate(settings, health.engine.fingerprint)
    show_recorded(settings.state_dir / "eval")
    say(_calibration_words(calibration, limit_ms))
    return Ready(settings, engine.pid, calibration)


def _calibration_words(found: Calibration, limit_ms: float) -> str:
    words = (
        f"a reply of {found.reply_tokens} tokens takes about {duration(found.reply_ms)} here; "
        f"calls time out after {duration(float(found.timeout_ms))}"
    )
    if found.reply_ms >= limit_ms:
        return f"{words}. That is over the gate's limit of {duration(limit_ms)}, and will be shown."
    return words


def _closing(settings: Settings) -> str:
    """Three lines: what was seen, where the evidence lies, what to do next."""
    from core.capsule import EventLog
    from core.demo.closing import tour_of

    capsule = settings.state_dir / "capsule"
    with EventLog(capsule) as log:
        tour = tour_of(log)
    bakeoff = ", and a bakeoff started" if tour.bakeoffs else ""
    return (
        f"Seen       {plural(tour.calls, 'call')}, {tour.by_reflex} answered by reflex, "
        f"{tour.fell_back} fell back to the cloud{bakeoff}\n"
        f"Evidence   {capsule}\n"
        f"Next       {_program()} init   finds your own server and writes its configuration"
    )


@contextmanager
def _traffic(config: Path, reply_tokens: int, log: Path) -> Iterator[None]:
    """Calls of a process of its own, which ends with this one."""
    import subprocess

    from core.files import open_state
    from core.start import python_module

    descriptor = open_state(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    with os.fdopen(descriptor, "wb") as output:
        process = subprocess.Popen(
            [*python_module("core.demo.traffic"), str(config), str(reply_tokens)],
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
    import asyncio

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
