"""The event loop is for drawing: what reads, counts or plots runs elsewhere, and it goes on."""

from __future__ import annotations

import os
import socket
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest

from core.capsule import EventLog
from core.capsule.index import Index
from core.clock import SystemClock
from core.settings import load_settings
from reflex_tui.app import ReflexApp
from reflex_tui.watch.announcements import RecordsCame
from tests.support.tui.bench import Bench, dashboard
from tests.support.tui.making import NOW, decision
from tests.support.tui.watching import Heartbeat, make, memory_mb, records, until, watching

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def callers(monkeypatch: pytest.MonkeyPatch) -> dict[str, set[int]]:
    """By name, the threads that called what reads the capsule or asks the index."""
    found: dict[str, set[int]] = {}

    def watch(owner: Any, name: str) -> None:
        original: Callable[..., Any] = getattr(owner, name)

        def watched(*arguments: Any, **options: Any) -> Any:
            found.setdefault(name, set()).add(threading.get_ident())
            return original(*arguments, **options)

        monkeypatch.setattr(owner, name, watched)

    for name in ("tail", "before", "read", "get", "follow"):
        watch(EventLog, name)
    for name in ("update", "number", "listed", "behind", "seqs", "totals"):
        watch(Index, name)
    return found


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A workspace whose newest calls are in the charted window."""
    make(tmp_path / "api" / ".speckit" / "capsule", 6000, end=NOW, hours=1)
    return tmp_path / "api"


@pytest.mark.slow
async def test_the_loop_beats_while_all_else_is_done_elsewhere(
    workspace: Path, heartbeat: Heartbeat, callers: dict[str, set[int]]
) -> None:
    """Rows, jumps and windows: not one of those calls is made on the loop's thread."""
    async with watching(workspace) as bench:
        await bench.press("home")
        await until(bench.view.row_at_cursor)
        await bench.press("1", "l", "w")
        await until(lambda: "totals" in callers)
        await bench.drawn()
        await until(lambda: heartbeat.lags_ms)
    assert {"tail", "number", "listed", "totals"} <= callers.keys()
    on_the_loop = {name for name, threads in callers.items() if heartbeat.thread in threads}
    assert not on_the_loop


@contextmanager
def slow_server() -> Iterator[str]:
    """The address of a server that takes a connection and is silent."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/v1"


@pytest.mark.slow
async def test_a_slow_server_does_not_hold_up_the_log(
    workspace: Path, heartbeat: Heartbeat
) -> None:
    """It is still being looked at, and meanwhile new events come and the log is scrolled."""
    with slow_server() as endpoint:
        (workspace / "stage0.toml").write_text(f'[reflex]\nendpoint = "{endpoint}"\n')
        app = ReflexApp(load_settings(workspace / "stage0.toml"), theme_file=workspace / "theme")
        app.animation_level = "none"
        async with app.run_test(size=(120, 40)) as pilot:
            await until(lambda: app.dashboard.is_whole)
            bench = Bench(app, pilot, SystemClock())  # type: ignore[arg-type]
            await pilot.press("2")
            await until(lambda: bench.routing.listing.before is not None)
            beats = len(heartbeat.lags_ms)
            with EventLog(workspace / ".speckit" / "capsule") as log:
                for number in range(30):
                    log.append(decision(f"slow-{number}"))
            await until(lambda: bench.dashboard.events >= 6030)
            await pilot.press("home")
            await until(bench.view.row_at_cursor)
            await pilot.press("pagedown", "end")
            await until(lambda: bench.view.following)
            assert (
                bench.dashboard.routing_view is None or not bench.dashboard.routing_view.health.ok
            )
            assert len(heartbeat.lags_ms) > beats


@pytest.mark.slow
async def test_a_log_that_can_no_longer_be_read_says_so_and_comes_back(workspace: Path) -> None:
    """Its file becomes a directory: the reason is told without an end of the dashboard."""
    capsule = workspace / ".speckit" / "capsule"
    segment = capsule / "events-000001.jsonl"
    async with watching(workspace) as bench:
        kept = segment.rename(workspace / "kept.jsonl")
        segment.mkdir()
        with suppress(OSError):
            os.utime(capsule)
        await until(lambda: bench.routing.broken is not None)
        await bench.drawn()
        told = bench.shown()
        assert "✖" in told
        segment.rmdir()
        kept.rename(segment)
        await until(lambda: bench.routing.broken is None)
        await bench.drawn()
        assert "healthy_and_thresholds_met" in bench.shown()


@pytest.mark.skipif("REFLEX_TORTURE" not in os.environ, reason="minutes long")
async def test_a_million_events_in_a_simulated_day_leave_nothing_behind() -> None:
    """As many rows and as much memory are held after the last as after the first hundred thousand.

    REFLEX_TORTURE=1 runs it, and prints the memory on the way (-rP).
    """
    count, batch = 1_000_000, 2000
    stream = records(count)
    async with dashboard() as bench:
        await bench.press("2")
        newest = bench.routing.newest
        begun_mb = memory_mb()
        held: list[int] = []
        memory: list[float] = []
        while taken := [one for _, one in zip(range(batch), stream, strict=False)]:
            bench.clock.forward(86400 * batch / count)
            await bench.tell(RecordsCame(tuple(taken), fresh=not held))
            held.append(len(newest))
            if len(held) % (100_000 // batch) == 0:
                memory.append(memory_mb())
        assert bench.dashboard.events == count
        assert max(held) <= 2 * newest.keep + batch
        assert held[-1] <= 2 * newest.keep + batch
    told = ", ".join(f"{each:.1f}" for each in memory)
    sys.stdout.write(f"memory: {begun_mb:.1f} MB at the start; each 100,000 events on: {told}\n")
    assert memory[-1] < memory[0] + 10
