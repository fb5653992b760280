"""An engine that writes its log at full speed while the dashboard is open, as the demo has it.

REFLEX_TORTURE=1 makes it 1,000,000 lines, and prints what was seen of loop and memory (-rP).
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from core.capsule import EventLog
from core.engine.process import ServerProcess
from core.errors import EngineError
from tests.support.tui.making import NOW, decision
from tests.support.tui.watching import Heartbeat, make, memory_mb, until, watching

if TYPE_CHECKING:
    from tests.support.tui.bench import Bench

TORTURE = "REFLEX_TORTURE" in os.environ
LINES = 1_000_000 if TORTURE else 60_000
MARK = "drowning"
# Escapes that clear the screen, set the title and copy; bytes that are no UTF-8; every hundredth
# line has no end; and half of it goes to standard output, as a library's printf does.
ENGINE = rf"""
import os, sys, threading, time
from core.engine.process import run_server
go, lines, ready = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "ready"
noise = b"\x1b[2J\x1b]0;{MARK}\x07\x1b]52;c;eA==\x07\xff\xfe {MARK} " + b"x" * 200
def flood():
    for number in range(lines):
        os.write(1 + number % 2, noise + b"\r\n" * (number % 100 > 0))
def serve(on_ready):
    if not ready:
        flood()
        sys.exit(7)
    on_ready(4242)
    while not os.path.exists(go):
        time.sleep(0.002)
    flood()
    open(go + ".done", "w").close()
    threading.Event().wait()
run_server(serve, child=True, describe=str)
"""
LINE_BYTES = 230


def engine(root: Path, code: str = ENGINE, *, ready: bool = True) -> ServerProcess:
    """An engine that floods its log once ``root/go`` is there, or at once and then dies."""
    command = [sys.executable, "-c", code, str(root / "go"), str(LINES)]
    command.append("ready" if ready else "dead")
    return ServerProcess(
        command, name="the engine", model="m", log=root / ".speckit" / "engine.log"
    )


def is_clean(bench: Bench) -> bool:
    """Nothing of the engine's log is shown, and no control character."""
    shown = bench.shown()
    return MARK not in shown and all(char.isprintable() or char == "\n" for char in shown)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="asks Linux for memory")
async def test_a_flood_in_the_engines_log_stays_there(
    tmp_path: Path, heartbeat: Heartbeat, capfd: pytest.CaptureFixture[str]
) -> None:
    """Keys act and events come meanwhile; it takes no memory here, and none of it is seen."""
    root = tmp_path / "api"
    capsule = root / ".speckit" / "capsule"
    make(capsule, 6000, end=NOW, hours=1)
    log, done = root / ".speckit" / "engine.log", root / "go.done"
    with engine(root):
        async with watching(root) as bench:
            await bench.press("home", "1", "2", "end")
            before_mb, beats = memory_mb(), len(heartbeat.lags_ms)
            (root / "go").touch()
            events = 6000
            with EventLog(capsule) as writer:
                while not done.exists() or events < 6005:
                    writer.append(decision(f"flood-{events}"))
                    events += 1
                    await until(lambda: bench.dashboard.events >= events)  # noqa: B023  awaited
                    await bench.press("1", "2", "home", "end")
                    assert bench.view.following
                    assert is_clean(bench)
            assert len(heartbeat.lags_ms) > beats + 20
            grown_mb = memory_mb() - before_mb
            lags_ms = sorted(heartbeat.lags_ms[beats:])
    written_mb = log.stat().st_size / 1e6
    assert written_mb > LINES * LINE_BYTES / 1e6
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert grown_mb < (30 if TORTURE else 10) < written_mb
    written = "".join(capfd.readouterr())
    assert MARK not in written
    assert "\x1b" not in written
    sys.stdout.write(
        f"{written_mb:.0f} MB of log, {events - 6000} events and rounds of keys meanwhile;"
        f" memory {before_mb:.1f} MB before, {grown_mb:+.1f}; loop late by"
        f" {lags_ms[len(lags_ms) // 2]:.1f} ms (median), {lags_ms[-1]:.1f} ms (worst)\n"
    )


@pytest.mark.parametrize("ending", ["(number % 100 > 0)", "0"])
def test_an_engine_that_floods_and_dies_is_told_in_a_few_plain_lines(
    tmp_path: Path, ending: str
) -> None:
    """The end of its log, also where that is one line of many MB, with nothing raw in it."""
    code = ENGINE.replace("(number % 100 > 0)", ending)
    with pytest.raises(EngineError, match=r"exit status 7(.|\n)*" + MARK) as caught:
        engine(tmp_path, code, ready=False).start()
    told = caught.value.message
    assert all(char.isprintable() or char == "\n" for char in told)
    assert len(told) < 5000
    assert len(told.splitlines()) <= 10


def test_a_flood_where_the_ready_line_is_due_is_refused(tmp_path: Path) -> None:
    """It is not read to its end, which never comes, and its process is gone."""
    code = f"import os\nwhile True: os.write(1, b'\\x1b[2J{MARK}' * 4096)"
    flooding = engine(tmp_path, code)
    with pytest.raises(EngineError, match="instead of ready") as caught:
        flooding.start()
    assert not flooding.alive
    assert "\x1b" not in caught.value.message
    assert len(caught.value.message) < 500
